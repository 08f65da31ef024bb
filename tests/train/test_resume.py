"""Killed at any moment and started again, a training ends with the bytes of the uninterrupted one."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny import build_tiny

from kitae.core.files import folder_digests

TESTS = Path(__file__).parents[1]
KILLS = 4


def start(home: Path, base: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "train.site", str(home), str(base)],
        cwd=TESTS,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def checkpoint(home: Path) -> Path | None:
    return max(home.glob("partial/adapter-*/scratch/checkpoint-*.safetensors"), default=None)


def wait_for_checkpoint(process: subprocess.Popen[str], home: Path, *, newer_than: float) -> bool:
    """Whether a new checkpoint came before the process ended."""
    while process.poll() is None:
        place = checkpoint(home)
        if place is not None and place.stat().st_mtime > newer_than:
            return True
        time.sleep(0.01)
    return False


def files(home: Path) -> dict[str, str]:
    return folder_digests(next(home.glob("artifacts/adapter/*")))


@pytest.mark.slow
def test_kills_and_stop_signals_change_no_byte(tmp_path: Path) -> None:
    base = build_tiny("llama", tmp_path / "base")
    whole = start(tmp_path / "whole", base)
    out, problem = whole.communicate()
    assert whole.returncode == 0, problem

    home = tmp_path / "cut"
    rng = random.Random(5)
    cut_off = 0
    for stop in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
        process = start(home, base)
        before = checkpoint(home)
        newer_than = before.stat().st_mtime if before else 0.0
        if wait_for_checkpoint(process, home, newer_than=newer_than):
            time.sleep(rng.random() * 0.15)
            process.send_signal(stop)
        _, problem = process.communicate()
        cut_off += process.returncode in {-signal.SIGKILL, 75}
        assert process.returncode in {-signal.SIGKILL, 75, 0}, problem
        if stop is not signal.SIGKILL and process.returncode:
            assert "goes on from there" in problem
    assert cut_off >= 2, "the trainings ended before they could be cut off"

    last = start(home, base)
    out_again, problem = last.communicate()
    assert last.returncode == 0, problem
    assert out_again == out
    assert files(home) == files(tmp_path / "whole")
