"""The one place where an error becomes a message and an exit code: one JSON object, Ctrl-C, a reader that goes away."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from e2e.walk import command, environment, write_project
from registry.conftest import LINEAGE, adapter_in, figures, verdict_in

from kitae import registry
from kitae.cli.main import answer
from kitae.core.artifacts import Version
from kitae.core.recipe import Recipe
from kitae.core.workspace import Workspace


def walk_to(monkeypatch: pytest.MonkeyPatch, summary: dict[str, Any]) -> None:
    """Every run ends at once in a version with these figures."""

    def run(recipe: Recipe, *, out: Workspace, **_: object) -> Version:
        adapter, verdict = adapter_in(out), verdict_in(out, summary)
        return registry.submit(adapter, verdict, recipe=recipe, lineage=LINEAGE, out=out)

    monkeypatch.setattr("kitae.flow.run", run)


@pytest.mark.parametrize(("tuned", "code"), [(0.9, 0), (0.1, 3)], ids=["candidate", "refused"])
def test_a_run_prints_one_object_whatever_the_gates_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tuned: float, code: int
) -> None:
    walk_to(monkeypatch, figures(tuned=tuned, base=0.5, p=1e-9 if code == 0 else 0.9))
    recipe = write_project(tmp_path / "project", gates={"max_p_value": 0.05, "min_gain": 0.0})
    assert answer(["run", str(recipe), "--json", "--home", str(tmp_path / "home")]) == code
    said = capsys.readouterr()
    result = json.loads(said.out)
    assert result["version"] == "tiny-faq:1"
    assert result["status"] == ("candidate" if code == 0 else "refused")
    if code == 0:
        assert result["refusal"] is None
    else:
        assert result["refusal"]["exit_code"] == code
        assert result["refusal"]["what"] in said.err


def test_wrong_input_is_one_object_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(["run", str(tmp_path / "none.yaml"), "--json"]) == 2
    said = capsys.readouterr()
    assert json.loads(said.out)["exit_code"] == 2
    assert said.err.startswith("kitae: ")
    assert answer(["run", "--no-such-option"]) == 2


INTERRUPTED = """
import sys, time
from kitae import flow, registry
from kitae.cli import versions
from kitae.cli.main import entry
from kitae.serve import FakeEngine

def at_work(*_, **__):
    print("at work", flush=True)
    time.sleep(60)

flow.run = at_work
versions.open_engine = lambda *_: (FakeEngine(), ["fake"])
entry()
"""


def wait_until_at_work(line: str) -> None:
    """A server is at work once it answers, anything else once it says so."""
    address = re.search(r"http://\S+", line)
    while address:
        try:
            urllib.request.urlopen(f"{address[0]}/models", timeout=60).close()
        except urllib.error.URLError:
            time.sleep(0.05)
        else:
            return


def interrupted(home: Path, *arguments: object) -> tuple[int, str]:
    """Exit code and standard error of a command that gets Ctrl-C once it has said its first words."""
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, *map(str, arguments)],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A parent that ignores Ctrl-C (a job in the background) would pass that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        assert process.stdout is not None
        wait_until_at_work(next(line for line in process.stdout if line == "at work\n" or "http://" in line))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        return process.returncode, errors


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    recipe = write_project(tmp_path / "project")
    code, errors = interrupted(tmp_path / "home", "data", "report", recipe)
    assert code == 75
    assert errors.splitlines() == ["Interrupted. The same command goes on from what is saved."]
    with Workspace(tmp_path / "home").locked():
        pass


def test_ctrl_c_is_how_serving_ends(tmp_path: Path) -> None:
    assert interrupted(tmp_path / "home", "serve", "fake", "--port", "0") == (0, "")


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("arguments", [("data", "rules"), ("recipe", "schema"), ("run", "none.yaml", "--json")])
def test_a_reader_that_went_away_is_no_news(tmp_path: Path, arguments: tuple[str, ...], unbuffered: str) -> None:
    """As `kitae data rules | head -1` when `head` is the faster one; the work may not be done, so the code is not 0."""
    variables = environment(tmp_path) | {"PYTHONUNBUFFERED": unbuffered}
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            command(*arguments),
            env=variables,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if not line.startswith("kitae: ")] == []


def test_the_first_lines_are_enough(tmp_path: Path) -> None:
    kitae = " ".join(f"'{part}'" for part in command("data", "rules"))
    done = subprocess.run(
        ["bash", "-c", f"{kitae} | head -1"], env=environment(tmp_path), capture_output=True, text=True, check=True
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
