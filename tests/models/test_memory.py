"""Freed memory stays with the process, so that a step does not ask the system for it again."""

import platform
import subprocess
import sys

import pytest

# Blocks above 32 MiB: the most that glibc by itself would come to keep.
PROGRAM = """
import resource, sys
import torch
from kitae.models.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def step():
    kept = [torch.ones(10_000_000) for _ in range(3)]
for _ in range(4):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator is asked")
def test_big_blocks_are_used_again_without_page_faults() -> None:
    def faults(mode: str) -> int:
        done = subprocess.run([sys.executable, "-c", PROGRAM, mode], check=True, capture_output=True, text=True)
        return int(done.stdout)

    assert faults("keep") * 10 < faults("plain")
