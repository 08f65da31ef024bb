"""`kitae run` killed (-9) at random moments ends with the same bytes as a run that was left alone."""

import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from e2e.walk import command, digests, environment, kitae, write_project

KILLS = 10
COMPARED = ("dataset", "split", "adapter", "verdict", "version")


def survive(recipe: Path, home: Path, kills: int, longest: float) -> None:
    """Start the run and kill it at a random moment, `kills` times.

    A run that ends before its moment comes is set back to the split, so that every kill hits work, and the next moment
    comes within the time that it took: a machine that was busy at first would else be waited for again and again.
    """
    chance = random.Random(5)
    killed = 0
    while killed < kills:
        began = time.monotonic()
        process = subprocess.Popen(
            command("run", recipe), env=environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(timeout=chance.uniform(0.1, 1.0) * longest)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
        else:
            assert process.returncode == 0
            longest = time.monotonic() - began
            for kind in ("adapter", "verdict", "version"):
                shutil.rmtree(home / "artifacts" / kind)


@pytest.mark.slow
def test_ten_kills_change_no_byte(tmp_path: Path) -> None:
    recipe = write_project(tmp_path, train={"epochs": 6, "checkpoint_seconds": 0.5})
    began = time.monotonic()
    assert kitae("run", recipe, home=tmp_path / "calm").returncode == 0
    survive(recipe, tmp_path / "killed", KILLS, longest=time.monotonic() - began)
    last = kitae("run", recipe, home=tmp_path / "killed")
    assert last.returncode == 0, last.stderr
    calm, survived = digests(tmp_path / "calm"), digests(tmp_path / "killed")
    assert {kind: survived[kind] for kind in COMPARED} == {kind: calm[kind] for kind in COMPARED}
