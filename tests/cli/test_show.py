"""What the terminal shows of a run: every note, and nothing that data could turn into commands."""

from pathlib import Path

import pytest

from kitae.cli.show import Terminal, program
from kitae.core.events import Events, Stage
from kitae.registry.cards import Step, VersionCard


def test_notes_and_progress_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    events = Events()
    with Terminal() as terminal:
        events.listen(terminal.hear)
        events.say("adapter", "started")
        stage = Stage(events, "adapter")
        stage.note("a note [bold]as it is[/]")
        stage.warning("look here")
        stage.progress(5, 5, "steps", loss=1.23456, rate=2e-4)
        events.say("adapter", "step", loss=1.0)
        events.say("adapter", "finished", digest="0123456789abcdef", folder="x", summary={})
    printed = capsys.readouterr().out
    for part in ("Train", "a note [bold]as it is[/]", "look here", "5/5 steps", "loss 1.235", "0123456789ab"):
        assert part in printed


def test_a_skipped_stage_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    terminal.hear(
        {"stage": "split", "event": "skipped", "digest": "f" * 64, "folder": "x", "summary": {"lines": ["1,000 rows"]}}
    )
    printed = capsys.readouterr().out
    assert "unchanged" in printed
    assert "1,000 rows" in printed


@pytest.mark.parametrize(
    ("status", "home", "commands"),
    [
        ("candidate", None, [f"kitae {verb} faq:1" for verb in ("chat", "serve", "evaluate errors", "models show")]),
        (
            "candidate",
            Path("my desk"),
            [f"kitae {verb} faq:1 --home 'my desk'" for verb in ("chat", "serve", "evaluate errors", "models show")],
        ),
        ("refused", None, ["kitae evaluate errors faq:1", "kitae models show faq:1"]),
    ],
)
def test_the_next_steps_work(
    capsys: pytest.CaptureFixture[str], status: str, home: Path | None, commands: list[str]
) -> None:
    steps = tuple(Step(kind, kind[0] * 64, Path("[home]") / kind) for kind in ("adapter", "verdict"))
    card = VersionCard("faq", 1, status, "kitae-nano", "f" * 64, "better", (), {}, steps, "2026-01-01T00:00:00+00:00")
    Terminal().registered(card, seconds=2.0, logs=Path("logs"), home=home)
    _, next_steps = capsys.readouterr().out.split("Next:\n")
    assert [line.strip() for line in next_steps.splitlines()] == commands


@pytest.mark.parametrize(
    ("at", "on_path", "called"),
    [
        ("desk/.venv/bin/kitae", False, ".venv/bin/kitae"),
        ("desk/.venv/bin/kitae", True, "kitae"),
        ("my tools/kitae", False, "'{tmp}/my tools/kitae'"),
        ("desk/anything.py", False, "kitae"),
        ("desk/none/kitae", None, "kitae"),
    ],
    ids=["after make demo", "active", "elsewhere", "another program", "gone"],
)
def test_the_next_steps_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, called: str, *, on_path: bool | None
) -> None:
    (tmp_path / "desk").mkdir()
    monkeypatch.chdir(tmp_path / "desk")
    file = tmp_path / at
    if on_path is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    monkeypatch.setenv("PATH", str(file.parent) if on_path else str(tmp_path))
    monkeypatch.setattr("sys.argv", [str(file)])
    assert program() == called.format(tmp=tmp_path)


def test_output_for_programs_keeps_standard_output_clean(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal(to_stderr=True) as terminal:
        terminal.hear({"stage": "split", "event": "note", "text": "for people"})
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "for people" in captured.err


@pytest.mark.parametrize("event", ["finished", "skipped"])
def test_the_page_of_a_stage_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path, event: str) -> None:
    (tmp_path / "report.html").write_text("x")
    for stage in ("dataset", "verdict"):  # the verdict's is named at the end of the run
        row = {"stage": stage, "event": event, "digest": "f" * 64, "folder": str(tmp_path), "summary": {}}
        Terminal().hear(row)
    assert capsys.readouterr().out.replace("\n", "").count("report.html") == 1
