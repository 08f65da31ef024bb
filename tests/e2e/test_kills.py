"""`kitae run` killed (-9) at random moments ends with the same bytes as a run that was left alone."""

import random
import subprocess
import time
from pathlib import Path

import pytest
from e2e.walk import command, digests, environment, kitae, write_project

KILLS = 10
COMPARED = ("dataset", "split", "adapter", "verdict", "version")


def survive(recipe: Path, home: Path, kills: int, longest: float) -> int:
    """Start the run `kills` times, killing each at a random moment; returns how many were really killed."""
    chance = random.Random(5)
    killed = 0
    for _ in range(kills):
        process = subprocess.Popen(
            command("run", recipe), env=environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(timeout=chance.uniform(0.3, longest))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
    return killed


@pytest.mark.slow
def test_ten_kills_change_no_byte(tmp_path: Path) -> None:
    recipe = write_project(tmp_path, train={"epochs": 6, "checkpoint_seconds": 0.5})
    began = time.monotonic()
    assert kitae("run", recipe, home=tmp_path / "calm").returncode == 0
    seconds = time.monotonic() - began
    killed = survive(recipe, tmp_path / "killed", KILLS, longest=seconds * 0.6)
    assert killed >= KILLS // 2, "the run was too short to be killed"
    last = kitae("run", recipe, home=tmp_path / "killed")
    assert last.returncode == 0, last.stderr
    calm, survived = digests(tmp_path / "calm"), digests(tmp_path / "killed")
    assert {kind: survived[kind] for kind in COMPARED} == {kind: calm[kind] for kind in COMPARED}
