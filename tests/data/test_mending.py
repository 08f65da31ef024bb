"""Turns of one speaker in a row become one, said in the history; what is really wrong still goes."""

from typing import Any

import pytest
from data.desk import Desk, dropped, kept

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SAYS = {"role": "assistant", "content": "It closes at ten."}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def test_two_questions_in_a_row_are_one(desk: Desk) -> None:
    turns = [user("hello"), user(" When does the bath close? "), SAYS, user("Ｏｋ"), user(""), user("ﾀﾞﾒ？"), SAYS, SAYS]
    desk.rows("chat.jsonl", [{"messages": turns}])
    dataset = desk.prepare()
    [record] = kept(dataset)
    assert [(m.role, m.content) for m in record.messages] == [
        ("user", "hello\n When does the bath close?"),
        ("assistant", "It closes at ten."),
        ("user", "Ｏｋ\nダメ？"),
        ("assistant", "It closes at ten.\nIt closes at ten."),
    ]
    merged = [edit for edit in record.history if edit.rule == "merged_turns"]
    assert [edit.detail for edit in merged] == [{"turn": n, "turns": c} for n, c in ((1, 2), (3, 3), (4, 2))]
    assert merged[0].reason == "2 turns of the user in a row made one"
    report = dataset.json("report.json")
    [sample, *_] = report["mended"]["normalise"]
    assert sample["before"] != sample["after"]


def test_system_messages_and_a_call_after_words(desk: Desk) -> None:
    system = [{"role": "system", "content": text} for text in ("Be brief.", "Be kind.")]
    call = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    tool = {"role": "tool", "content": "22:00", "tool_call_id": "c1"}
    words = {"role": "assistant", "content": "Let me see."}
    desk.rows("chat.jsonl", [{"messages": [*system, user("When does it close?"), words, call, tool, SAYS]}])
    [record] = kept(desk.prepare())
    assert [m.role for m in record.messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert record.messages[0].content == "Be brief.\nBe kind."
    assert (record.messages[2].content, len(record.messages[2].tool_calls)) == ("Let me see.", 1)


@pytest.mark.parametrize(
    "turns",
    [
        [SAYS, user("When?"), SAYS],
        [user("When?"), SAYS, user("Really?")],
        [user("When?"), {"role": "tool", "content": "22:00", "tool_call_id": "c1"}, SAYS],
        [{**user("When?"), "name": "ann"}, {**user("Where?"), "name": "bob"}, SAYS],
    ],
)
def test_really_wrong_orders_go(desk: Desk, turns: list[dict[str, Any]]) -> None:
    good = [user("When does the bath close?"), SAYS]
    desk.rows("chat.jsonl", [{"messages": good}, {"messages": turns}])
    dataset = desk.prepare()
    assert len(kept(dataset)) == 1
    assert list(dropped(dataset)) == ["role_order"]
