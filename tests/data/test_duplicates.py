"""Duplicates go for a kept record that says the same; honest paraphrases stay; contradictions and leaks are found."""

from typing import Any

import pytest
from data.desk import Desk, dropped, kept, talk

LONG = "来月の連休に家族四人で伺う予定ですが、駐車場は何台分ありますか。"
PARKING = "駐車場は30台分ございます。"


def qa(question: str, answer: str = PARKING, **more: Any) -> dict[str, Any]:
    return {"question": question, "answer": answer, **more}


def test_exact_and_near_duplicates_go_and_name_the_kept_one(desk: Desk) -> None:
    rows = [
        qa(LONG),
        qa(LONG + " "),
        qa(LONG.replace("四人", "四人ほど")),
        qa("車で行きたいのですが、停められますか。"),
    ]
    desk.rows("faq.jsonl", rows)
    dataset = desk.prepare()
    gone = dropped(dataset)
    assert {rule: len(records) for rule, records in gone.items()} == {"exact_duplicate": 1, "near_duplicate": 1}
    ids = {record.id for record in kept(dataset)}
    assert len(ids) == 2
    for [record] in gone.values():
        assert record.history[-1].detail["kept"] in ids
    assert 0.8 <= gone["near_duplicate"][0].history[-1].detail["similarity"] < 1.0


def test_other_numbers_are_no_duplicates(desk: Desk) -> None:
    base = "Please tell me whether the room number {} on the upper floor has a view of the mountains and the river."
    desk.rows("faq.jsonl", [qa(base.format(n), "Yes, it has a lovely view.") for n in (101, 102, 103)])
    assert len(kept(desk.prepare())) == 3


def test_paraphrases_with_the_same_answer_stay(desk: Desk) -> None:
    questions = [
        "駐車場はありますか。",
        "車を停める場所はありますか。",
        "車で行っても大丈夫ですか。",
        "駐車料金はかかりますか。",
    ]
    desk.rows("faq.jsonl", [qa(question) for question in questions])
    assert len(kept(desk.prepare())) == len(questions)


def test_the_majority_wins_and_a_tie_drops_all(desk: Desk) -> None:
    rows = [qa("朝食は何時からですか。", a) for a in ("7時からです。", "7時からです", "8時からです。")]
    rows += [qa("夕食は何時からですか。", a) for a in ("18時からです。", "19時からです。")]
    desk.rows("faq.jsonl", [*rows, qa("駐車場はありますか。")])
    dataset = desk.prepare(clean={"truncated_answer": False})
    assert sorted(r.answer for r in dropped(dataset)["conflicting_answers"]) == [
        "18時からです。",
        "19時からです。",
        "8時からです。",
    ]
    assert sorted(r.answer for r in kept(dataset)) == [*sorted(["7時からです。"]), PARKING]
    assert (
        len(kept(desk.prepare(duplicates={"conflicts": "keep", "near": None}, clean={"truncated_answer": False}))) == 6
    )


def test_contradictions_that_are_kept_are_flagged(desk: Desk) -> None:
    answers = ["It opens at nine.", "It opens at nine!", "It opens at ten.", "It opens at noon."]
    asked = [{"question": "When does it open?", "answer": answer} for answer in answers]
    desk.rows("faq.jsonl", [*asked, {"question": "Is there a pool?", "answer": "There is one."}])
    dataset = desk.prepare(duplicates={"conflicts": "keep", "near": None})
    flagged = {r.answer: r.history[-1] for r in kept(dataset) if r.history}
    assert set(flagged) == set(answers)
    assert {edit.reason for edit in flagged.values()} == {"the same question has 3 different answers; all of them stay"}
    assert {edit.rule for edit in flagged.values()} == {"conflicting_answers"}
    assert dataset.json("report.json")["flags"] == {"conflicting_answers": len(flagged)}


def test_labels_conflict_too(desk: Desk) -> None:
    rows = [{"text": "2人分お願いします", "label": label} for label in ("備品", "備品", "食事")]
    desk.rows("rows.jsonl", [*rows, {"text": "3人分お願いします", "label": "食事"}])
    dataset = desk.prepare(task="classify")
    assert {rule: len(r) for rule, r in dropped(dataset).items()} == {"conflicting_answers": 1, "exact_duplicate": 1}


def test_a_test_split_stays_whole_and_training_loses_what_it_asks(desk: Desk) -> None:
    question = "How do I get a new card when the old one was lost on the way to the bank yesterday?"
    test = [{"text": question, "label": "lost"}, {"text": question, "label": "lost"}, {"text": "ok", "label": "x"}]
    train = [{"text": question.upper(), "label": "lost"}, {"text": question + " Thanks", "label": "new"},
             {"text": "What is the fee for a transfer?", "label": "fee"}]  # fmt: skip
    desk.rows("test.jsonl", test, use="test")
    desk.rows("train.jsonl", train, use="train")
    dataset = desk.prepare(task="classify")
    assert [r.origin.row for r in kept(dataset) if r.use == "test"] == [1, 2, 3]
    assert [r.origin.row for r in dropped(dataset)["leaks_into_test"]] == [1, 2]
    assert [r.origin.row for r in kept(dataset) if r.use == "train"] == [3]


@pytest.mark.parametrize("near", [None, 0.8])
def test_whole_conversations_are_compared(desk: Desk, near: float | None) -> None:
    desk.rows("logs.jsonl", [
        talk("駐車場はありますか。", "はい、ございます。", "ありがとうございます。", "お待ちしております。"),
        talk("朝食は何時からですか。", "7時からです。", "ありがとうございます。", "お待ちしております。"),
    ])  # fmt: skip
    assert len(kept(desk.prepare(duplicates={"near": near}))) == 2


WAY = ("How do I get to your house from the station in the valley?", "Take the bus to the bridge.")
BATH = ("And until when is the large bath open tonight?", "Until midnight.")


@pytest.mark.parametrize("earlier", [WAY[0], WAY[0].replace("house", "houses")])
def test_an_earlier_turn_leaks_like_the_last(desk: Desk, earlier: str) -> None:
    desk.rows("test.jsonl", [talk(*WAY)], use="test")
    desk.rows(
        "train.jsonl", [talk(earlier, *WAY[1:], *BATH), talk("Is there a garden?", "There is.", *BATH)], use="train"
    )
    dataset = desk.prepare()
    assert [r.origin.row for r in dropped(dataset)["leaks_into_test"]] == [1]
    assert [r.origin.row for r in kept(dataset) if r.use == "train"] == [2]


def test_an_opening_or_a_follow_up_that_many_share_is_no_leak(desk: Desk) -> None:
    hello, thanks = ("Hello, are you there?", "Yes, how can I help?"), ("Thank you so much!", "You are welcome.")
    words = [
        f"{one} {two}" for one in ("parking", "breakfast", "luggage", "towels") for two in ("here", "now", "later")
    ]
    rows = [talk(*hello, f"Please tell me about {word}.", f"We have {word} for you.", *thanks) for word in words]
    rows = [talk(*hello), *rows]
    desk.rows("test.jsonl", rows[:2], use="test")
    desk.rows("train.jsonl", rows[2:], use="train")
    assert len(kept(desk.prepare(duplicates={"near": None}))) == len(rows)
