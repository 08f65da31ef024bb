"""Passages that many turns share are found, flagged or taken out, and what is only common is left alone."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from data.desk import Desk, kept
from hypothesis import given, settings
from hypothesis import strategies as st

from kitae.core.data_settings import DuplicateSettings
from kitae.core.records import Message, Origin, Record
from kitae.data.boilerplate import RULE, find_passages, handled, passages_table
from kitae.data.shards import write_table

SIGNATURE = "\n--\n山の湯 予約係\n〒123-4567 長野県谷町1-2-3\n電話 0120-000-000\n平日の九時から五時まで"
NOTICE = "This message is confidential and may only be read by the person that it is addressed to."
PARTS = ("A。", "駐車場はあちらです！", NOTICE, "\n", " ok.", SIGNATURE)
WORDS = ("parking", "breakfast", "luggage", "towels", "bath", "dinner", "garden", "shuttle", "ticket", "museum")


def record(number: int, question: str, answer: str, **more: Any) -> Record:
    said = (Message("user", question), Message("assistant", answer))
    return Record(f"{number:016x}", said, Origin("mails.jsonl", number + 1), **more)


def mails(count: int, question: str = "", answer: str = "") -> list[Record]:
    return [
        record(n, f"Is there a {WORDS[n % 10]} for {n} of us?{question}", f"Yes, there is one for {n}.{answer}")
        for n in range(count)
    ]


def done(folder: Path, records: list[Record], cuts: tuple[int, ...] = (), **chosen: Any) -> list[Record]:
    """The records after all three steps, cut into shards."""
    asked = DuplicateSettings(**{"boilerplate_turns": 5, **chosen})
    bounds = [0, *sorted(cut % (len(records) + 1) for cut in cuts), len(records)]
    shards = [records[start:stop] for start, stop in pairwise(bounds)]
    paths = [folder / f"{number}.arrow" for number in range(len(shards))]
    for path, shard in zip(paths, shards, strict=True):
        write_table(path, passages_table(shard, settings=asked))
    found = find_passages(paths, settings=asked, scratch=folder / "found")
    return [one for shard in shards for one in handled(shard, found, settings=asked)]


def test_a_signature_is_taken_out_with_a_reason(tmp_path: Path) -> None:
    records = mails(6, question=SIGNATURE)
    out = done(tmp_path, records, boilerplate="strip")
    assert [one.messages[0].content for one in out] == [one.messages[0].content for one in mails(6)]
    for one in out:
        [edit] = one.history
        assert edit.rule == RULE
        assert "6 turns" in edit.reason
        assert "山の湯" in edit.reason
        assert edit.detail == {"action": "strip", "place": "turn 1", "turns": 6}


def test_a_flag_changes_no_word(tmp_path: Path) -> None:
    records = mails(6, answer=f" {NOTICE} Good bye.")
    out = done(tmp_path, records)
    assert [one.messages for one in out] == [one.messages for one in records]
    assert all(one.history[0].detail == {"action": "flag", "place": "turn 2", "turns": 6} for one in out)


@pytest.mark.parametrize(
    "records",
    [
        mails(4, answer=f" {NOTICE}"),  # too few
        mails(9, answer=" See you."),  # too short
        [record(n, f"Question {n} of you?", NOTICE) for n in range(9)],  # a whole turn
        [record(n, f"Question {n} of you?", f"{NOTICE} {NOTICE}") for n in range(9)],
        [record(0, f"Is it open? {NOTICE}", "Yes.")] * 9,  # copies of one turn
        [replace(one, use="test") for one in mails(9, answer=f" {NOTICE}")],
        [replace(one, messages=(Message("system", f"You help. {NOTICE}"), *one.messages)) for one in mails(9)],
        [record(n, "", "\n\n") for n in range(9)],
        [],
    ],
)
def test_what_is_left_alone(records: list[Record], tmp_path: Path) -> None:
    assert done(tmp_path, records, boilerplate="strip") == records


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(["A。", "駐車場はあちらです！", NOTICE, "\n", " ok.", SIGNATURE]), max_size=60), st.data()
)
def test_the_same_for_any_cut_and_nothing_else_changes(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], data: st.DataObject
) -> None:
    records = [record(n, "".join(parts[n : n + 4]), f"Answer {n}.") for n in range(0, len(parts), 4)]
    cuts = tuple(data.draw(st.lists(st.integers(0, 20), max_size=3)))
    chosen = {"boilerplate": "strip", "boilerplate_turns": 2, "boilerplate_letters": 8}
    whole = done(tmp_path_factory.mktemp("whole"), records, **chosen)
    with pytest.MonkeyPatch.context() as small:
        small.setattr("kitae.data.boilerplate.KEYS_AT_ONCE", 3)
        assert done(tmp_path_factory.mktemp("cut"), records, cuts, **chosen) == whole
    for before, after in zip(records, whole, strict=True):
        assert (before != after) == bool(after.history)
        assert after.messages[1] == before.messages[1]
        assert len(after.messages[0].content) <= len(before.messages[0].content)
        assert after.messages[0].content.strip() or not before.messages[0].content.strip()


NOT_ASKED = {"boilerplate": False}
"""The rule about notices that stand in any mail, which would drop these."""


def test_the_stage_flags_and_takes_out(desk: Desk) -> None:
    desk.rows("mails.jsonl", [
        {"question": one.question, "answer": one.answer} for one in mails(30, question=f" {NOTICE}")
    ])  # fmt: skip
    flagged = desk.prepare(duplicates={"near": None}, clean=NOT_ASKED)
    assert flagged.json("report.json")["flags"] == {RULE: 30}
    assert all(one.question.endswith(NOTICE) for one in kept(flagged))
    taken_out = desk.prepare(duplicates={"near": None, "boilerplate": "strip"}, clean=NOT_ASKED)
    assert taken_out.json("report.json")["edits"] == {RULE: 30}
    assert not any(NOTICE in one.question for one in kept(taken_out))
    left = desk.prepare(duplicates={"near": None, "boilerplate": "off"}, clean=NOT_ASKED)
    assert not any(one.history for one in kept(left))
    held_out = desk.prepare(held_out=True)
    assert not any(one.history for one in kept(held_out))
