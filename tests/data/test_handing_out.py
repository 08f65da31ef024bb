"""A first look at raw files, and clean records in the forms of other tools, which kitae reads back as they were."""

import json
from pathlib import Path
from typing import Any

import pytest
from data.desk import Desk, kept, talk

from kitae import data
from kitae.core.files import read_jsonl
from kitae.core.records import Record
from kitae.errors import SourceError, UnknownName

ROWS: dict[str, list[dict[str, Any]]] = {
    "chat": [
        talk("Is there a garden?", "There is one.", "Is it large?", "It is rather small."),
        {**talk("What is the weather in Kyoto?", ""), "tools": [{"type": "function", "function": {"name": "weather"}}]},
        {"question": "いつ開きますか。", "answer": "九時に開きます。"},
    ],
    "classify": [{"text": "Where is my card?", "label": "lost"}, {"text": "明細はどこですか。", "label": "bill"}],
    "preference": [
        {"prompt": "Is it open today?", "chosen": "It is, until six.", "rejected": "No idea at all."},
        {"prompt": "Is it closed?", "completion": "It is not closed.", "label": True},
    ],
    "pretrain": [{"text": "The inn lies by the river, and in spring the cherry trees along it are in bloom."}],
}
ROWS["chat"][1]["messages"][1] = {
    "role": "assistant", "content": "", "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Kyoto"}'}}],
}  # fmt: skip
OFF = {"clean": {"empty_answer": False, "role_order": False}}


@pytest.mark.parametrize("task", list(ROWS))
def test_what_is_handed_out_is_read_back_as_it_was(desk: Desk, tmp_path: Path, task: str) -> None:
    desk.rows("rows.jsonl", ROWS[task], consent="contract", rights_holder="ACME")
    dataset = desk.prepare(task=task, **OFF)
    first = kept(dataset)
    assert len(first) == len(ROWS[task])
    path = tmp_path / "clean.jsonl"
    assert data.hand_out(dataset, path) == len(first)
    assert {row["licence"] for row in read_jsonl(path)} == {"CC0-1.0"}
    again = Desk(tmp_path / "again")
    again.folder.mkdir()
    columns = {name: name for name in ("licence", "consent", "rights_holder")}
    again.write("clean.jsonl", path.read_bytes(), columns=columns, licence=None)
    assert list(map(content, kept(again.prepare(task=task, **OFF)))) == list(map(content, first))


def content(record: Record) -> tuple[object, ...]:
    return record.messages, record.label, record.rejected, record.desirable, record.tools, record.terms


def test_private_data_does_not_leave(desk: Desk, tmp_path: Path) -> None:
    desk.rows("rows.jsonl", [{"question": "Is 090-1234-5678 your number?", "answer": "It is."}])
    data.hand_out(desk.prepare(), tmp_path / "clean.jsonl")
    assert "090-1234-5678" not in (tmp_path / "clean.jsonl").read_text("utf-8")


def test_a_look_tells_what_is_there(tmp_path: Path) -> None:
    text = "問い合わせ内容,回答\n電話は090-1234-5678ですか。,はい。\nいつ開きますか。,九時です。\n,\n"
    (tmp_path / "desk.csv").write_bytes(text.encode("cp932"))
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROWS["classify"][0]) + "\n{broken\n", "utf-8")
    found = data.look(["desk.csv", "*.jsonl"], task=None, folder=tmp_path)
    assert (found["task"], found["guessed"]) == ("chat", True)
    desk, rows = found["files"]
    assert (desk["encoding"], desk["rows"], desk["shapes"]) == ("cp932", 2, {"question_answer": 2})
    assert desk["first"] == {"row": "desk.csv:1", "question": "電話は[phone]ですか。", "answer": "はい。"}
    assert (rows["rows"], rows["usable"]) == (2, 1)
    assert any("JSON" in reason for reason in rows["wrong"])
    assert data.look(["rows.jsonl"], task=None, folder=tmp_path)["files"][0]["labels"] == {"lost": 1}


def test_a_look_adds_up_and_shows_nothing_private(tmp_path: Path) -> None:
    rows = [{"text": f"Row {n}", "label": "call 090-1234-5678" if n % 2 else "lost"} for n in range(6)]
    broken = "".join(f"{' ' * n}{{broken {n}\n" for n in range(9))
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + broken, "utf-8")
    [file] = data.look(["rows.jsonl"], task=None, folder=tmp_path)["files"]
    assert file["usable"] + sum(file["wrong"].values()) + file["wrong_otherwise"] == file["rows"] == 15
    assert file["labels"] == {"lost": 3, "call [phone]": 3}


@pytest.mark.parametrize("task", ["classify", "preference", "pretrain"])
def test_the_task_is_guessed_from_the_rows(tmp_path: Path, task: str) -> None:
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS[task]), "utf-8")
    found = data.look(["rows.jsonl"], task=None, folder=tmp_path)
    assert found["task"] == task
    assert found["files"][0]["usable"] == len(ROWS[task])


def test_what_cannot_be_looked_at_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no file nope\.csv"):
        data.look(["nope.csv"], task=None, folder=tmp_path)
    (tmp_path / "a.jsonl").write_text("{}\n")
    with pytest.raises(UnknownName, match="Did you mean 'chat'"):
        data.look(["a.jsonl"], task="chatt", folder=tmp_path)
