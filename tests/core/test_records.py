"""Records survive the way through JSON, and every edit stays visible."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitae.core.files import write_jsonl
from kitae.core.records import (
    ROLES,
    Edit,
    Message,
    Origin,
    Record,
    Terms,
    content_digest,
    read_records,
    record_id,
)

HELLO = Message("user", "hello")
calls = st.lists(st.just({"type": "function", "function": {"name": "find", "arguments": "{}"}}), max_size=2).map(tuple)
messages = st.lists(
    st.builds(Message, st.sampled_from(ROLES), st.text(max_size=20), calls, st.text(max_size=3), st.text(max_size=3)),
    max_size=6,
).map(tuple)
records = st.builds(
    Record,
    id=st.text(),
    messages=messages,
    origin=st.builds(Origin, st.text(), st.integers(1, 10**6), st.text(max_size=3)),
    terms=st.builds(Terms, st.text(), st.text(), st.text()),
    language=st.sampled_from(["", "ja", "en"]),
    label=st.text(),
    use=st.sampled_from(["", "train", "validation", "test"]),
    meta=st.dictionaries(st.text(), st.text() | st.integers() | st.none(), max_size=3),
    history=st.lists(st.builds(Edit, st.text(), st.text(), st.just({"n": 1})), max_size=2).map(tuple),
    tools=st.lists(st.just({"type": "function"}), max_size=1).map(tuple),
    rejected=messages,
    desirable=st.sampled_from([None, True, False]),
    parent=st.text(max_size=3),
    weight=st.sampled_from([1.0, 0.5, 3.0]),
)


@given(record=records)
def test_a_record_survives_json(record: Record) -> None:
    assert Record.from_dict(json.loads(json.dumps(record.as_dict()))) == record


@given(record=records)
def test_prompt_and_answer_are_parts_of_the_conversation(record: Record) -> None:
    spoken = [m for m in record.messages if m.role == "assistant"]
    assert record.answer == (spoken[-1].content if spoken else "")
    assert record.messages[: len(record.prompt)] == record.prompt
    if spoken:
        assert record.messages[len(record.prompt)].content == record.answer
        assert all(m.role != "assistant" for m in record.messages[len(record.prompt) + 1 :])


def test_the_question_is_the_last_of_the_user_before_the_answer() -> None:
    turns = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"), Message("assistant", "d"))
    record = Record("1", (*turns, Message("user", "e")), Origin("f", 1))
    assert (record.question, record.answer) == ("c", "d")


def test_an_edit_is_added_and_the_record_before_is_unchanged() -> None:
    before = Record("1", (Message("user", "ｱ"),), Origin("f", 1), history=(Edit("a", "first"),))
    edit = Edit("width", "half-width kana", {"turns": 1})
    after = before.with_edit(edit, messages=(Message("user", "ア"),))
    assert before.messages[0].content == "ｱ"
    assert [edit.rule for edit in after.history] == ["a", "width"]
    assert after.messages == (Message("user", "ア"),)
    assert after.id == before.id


def test_read_records_reads_what_was_written(tmp_path: Path) -> None:
    rows = [Record(str(i), (Message("user", f"問{i}"),), Origin("f.csv", i)) for i in range(3)]
    write_jsonl(tmp_path / "records.jsonl", (row.as_dict() for row in rows))
    assert list(read_records(tmp_path / "records.jsonl")) == rows


def test_ids_are_stable_and_depend_on_place_and_content() -> None:
    place = Origin("a.csv", 3)
    assert record_id(place, {"q": "x"}) == record_id(Origin("a.csv", 3), {"q": "x"})
    others = [record_id(Origin("a.csv", 4), {"q": "x"}), record_id(place, {"q": "y"}), record_id(Origin("b", 3), "x")]
    assert len({record_id(place, {"q": "x"}), *others}) == 4
    assert len(others[0]) == 16


def test_places_read_as_people_write_them() -> None:
    assert str(Origin("faq.xlsx", 17, "ja")) == "faq.xlsx[ja]:17"
    assert str(Origin("a.csv", 2)) == "a.csv:2"


@given(rows=st.lists(records, min_size=1, max_size=3))
def test_what_records_say_does_not_depend_on_their_papers(
    rows: list[Record], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("records") / "rows.jsonl"
    write_jsonl(file, (row.as_dict() for row in rows))
    said = content_digest(file)
    corrected = [
        replace(row, terms=Terms("CC0-1.0", "contract", "ACME")).with_edit(Edit("licence", "corrected")) for row in rows
    ]
    write_jsonl(file, (row.as_dict() for row in corrected))
    assert content_digest(file) == said
    for changed in (replace(rows[0], label=rows[0].label + "x"), replace(rows[0], messages=(*rows[0].messages, HELLO))):
        write_jsonl(file, (row.as_dict() for row in (changed, *rows[1:])))
        assert content_digest(file) != said
