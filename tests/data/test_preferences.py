"""Pairs and judgements come through the whole stage: either answer must be readable, and only the better one good."""

from typing import Any

import pytest
from data.desk import Desk, dropped, kept

GOOD = [
    ("Where is the large bath?", "It is on the ground floor.", "No idea, look for it."),
    ("Is there a shuttle bus?", "Yes, from the east exit of the station.", "Shut up, you stupid clown."),
    ("May I check in late?", "You may, until ten in the evening.", "As an AI language model, I cannot tell you that."),
    ("朝食は何時からですか。", "朝食は7時から9時までです。", "知りません。"),
    ("駐車場はありますか。", "はい、30台分ございます。", "駐車場はありますが、"),
    ("How do I change my dates?", "Please use the booking page.", "Dear {{guest_name}}, use the page."),
]
BAD = {
    "empty_answer": [
        ("Where do I pay the tax?", "N/A", "At the desk, I think."),
        ("Where do I leave the key?", "At the front desk, please.", "-"),
    ],
    "no_preference": [("When does the shop close?", "It closes at ten.", "it closes at TEN")],
    "mojibake": [("閉店は何時ですか。", "10時に閉まります。", "10時\ufffd\ufffdです。")],
    "wrong_language": [
        ("Who cleans the rooms?", "The staff does, at noon.", "Das machen die Leute, die hier in dem Haus arbeiten.")
    ],
    "too_long": [("Why is the lake so blue?", "The water is deep and clear.", "Because " * 3_000)],
    "offensive": [("Where is the smoking room?", "Go and find it, you stupid idiot.", "On the second floor.")],
    "refusal": [("Which tram goes to the sea?", "As an AI language model, I cannot tell you that.", "The red one.")],
}


def row(asked: str, chosen: str, rejected: str) -> dict[str, Any]:
    return {"prompt": asked, "chosen": chosen, "rejected": rejected}


def test_either_answer_of_a_pair_is_looked_at(desk: Desk) -> None:
    planted = [one for some in BAD.values() for one in some]
    same = ("Is the garden open?", "It is open all day.", "It is open all day.")
    desk.rows("pairs.jsonl", [row(*one) for one in [*GOOD, *planted, same]])
    dataset = desk.prepare(task="preference", duplicates={"near": None})
    assert [(r.question, r.answer, r.rejected[-1].content) for r in kept(dataset)] == GOOD
    gone = {rule: len(records) for rule, records in dropped(dataset).items()}
    assert gone == {rule: len(some) for rule, some in BAD.items()}
    report = dataset.json("report.json")
    assert (report["read"], report["quarantined"]) == (len(GOOD) + len(planted) + 1, 1)


def test_an_answer_judged_undesirable_may_be_bad_and_not_empty(desk: Desk) -> None:
    desk.rows(
        "judged.jsonl",
        [
            {"prompt": asked, "completion": answer, "label": label}
            for asked, better, worse in GOOD
            for answer, label in ((better, True), (worse, False))
        ]
        + [{"prompt": "Where do I leave the key?", "completion": "-", "label": False}],
    )
    dataset = desk.prepare(task="preference", duplicates={"near": None, "conflicts": "keep"})
    assert len(kept(dataset)) == 2 * len(GOOD)
    assert {rule: len(records) for rule, records in dropped(dataset).items()} == {"empty_answer": 1}


@pytest.mark.parametrize("name", ["chosen", "rejected"])
def test_turns_in_a_row_of_a_pair_are_made_one(desk: Desk, name: str) -> None:
    def side(*says: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": "Is it open?"}] + [{"role": "assistant", "content": one} for one in says]

    said = {"chosen": side("It is.", "Until ten in the evening."), "rejected": side("It is.", "Go away and see.")}
    if name == "chosen":
        said["rejected"] = side("It is not.")
    desk.rows("pairs.jsonl", [said])
    [record] = kept(desk.prepare(task="preference"))
    assert record.answer == "It is.\nUntil ten in the evening."
    assert record.rejected[0].content == ("It is not." if name == "chosen" else "It is.\nGo away and see.")
