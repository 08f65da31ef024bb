"""Other code makes data anew; what comes out the same keeps its digest, so nothing is trained again."""

from pathlib import Path

import pytest
from data.desk import Desk

from kitae.core.code import code_digest
from kitae.data import making


def other_code(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("preparing", "splitting.stage", "small.enlarging"):
        monkeypatch.setattr(f"kitae.data.{place}.made_by", lambda: {"code": "other"})


def test_a_workspace_shows_nothing_that_other_code_made(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.rows("faq.jsonl", [{"question": f"Is the {word} open?", "answer": f"The {word} is."} for word in
                            ("garden", "kitchen", "library", "museum", "tower")])  # fmt: skip
    first = desk.prepare()
    drawn = desk.split(first)
    heard: list[tuple[str, str]] = []
    desk.workspace.events.listen(lambda event: heard.append((event["stage"], event["event"])))
    assert desk.split(desk.prepare()).folder == drawn.folder
    assert ("dataset", "skipped") in heard
    heard.clear()
    other_code(monkeypatch)
    second = desk.prepare()
    again = desk.split(second)
    assert {("dataset", "finished"), ("split", "finished")} <= set(heard)
    assert (second.digest, again.digest) == (first.digest, drawn.digest)
    assert second.folder != first.folder
    first.verify()


def test_nothing_is_resumed_that_other_code_began(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.rows("faq.jsonl", [{"question": "Is it open?", "answer": "It is."}])
    with monkeypatch.context() as broken:
        broken.setattr("kitae.data.preparing.report_page", lambda _report: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            desk.prepare()
    [begun] = (desk.workspace.home / "partial").iterdir()
    other_code(monkeypatch)
    desk.prepare()
    assert begun.exists()


def test_the_manifest_states_the_code() -> None:
    assert making.made_by() == {"code": code_digest(making.PACKAGES, making.LIBRARIES)}
    sources = Path(making.__file__).parents[1]
    assert (sources / "core" / "code.py").exists()
