"""Events: one JSON object a line, to a file and to listeners."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from kitae.core.events import Event, Events, Stage
from kitae.core.files import read_jsonl
from kitae.errors import DiskFull


def test_every_event_has_time_stage_and_name(tmp_path: Path) -> None:
    events = Events()
    events.record_to(tmp_path / "run" / "events.jsonl")
    stage = Stage(events, "dataset")
    stage.note("2 件を読みました", rows=2)
    stage.warning("odd")
    stage.data("step", loss=0.5)
    events.close()
    rows = list(read_jsonl(tmp_path / "run" / "events.jsonl"))
    assert [row["event"] for row in rows] == ["note", "warning", "step"]
    assert {row["stage"] for row in rows} == {"dataset"}
    assert all(datetime.fromisoformat(row["time"]).utcoffset() is not None for row in rows)
    assert rows[0]["text"] == "2 件を読みました"
    assert rows[0]["rows"] == 2


def test_a_line_is_on_disk_as_soon_as_it_is_said(tmp_path: Path) -> None:
    events = Events()
    events.record_to(tmp_path / "events.jsonl")
    events.say("plan", "started")
    assert json.loads((tmp_path / "events.jsonl").read_text())["event"] == "started"
    events.close()


def test_a_second_run_appends_to_the_same_file(tmp_path: Path) -> None:
    for _ in range(2):
        events = Events()
        events.record_to(tmp_path / "events.jsonl")
        events.say("plan", "started")
        events.close()
    assert len(list(read_jsonl(tmp_path / "events.jsonl"))) == 2


def test_listeners_hear_the_same_as_the_file_also_without_one() -> None:
    events, heard = Events(), list[Event]()
    events.listen(heard.append)
    events.say("plan", "started", x=1)
    assert heard[0]["x"] == 1


def test_progress_is_thinned_but_its_end_is_always_said() -> None:
    events, heard = Events(), list[Event]()
    events.listen(heard.append)
    stage = Stage(events, "adapter")
    for done in range(1, 1001):
        stage.progress(done, 1000, "steps", loss=1.0)
    assert 1 <= len(heard) < 1000
    assert (heard[-1]["done"], heard[-1]["total"], heard[-1]["unit"]) == (1000, 1000, "steps")


def test_a_full_disk_is_disk_full_when_saying_and_when_closing() -> None:
    """/dev/full takes no byte. A second error at closing must not hide which one came first."""
    events = Events()
    events.record_to(Path("/dev/full"))
    with pytest.raises(DiskFull):
        events.say("plan", "started")
    with pytest.raises(DiskFull):
        events.close()
    events.close()
