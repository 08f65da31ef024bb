"""Looking closer at a set."""

import pytest

from kitae.core.records import Message, Origin, Record
from kitae.evaluate.looking import WORST, failures, label_table, seen_rows

from .desk import record

TRAIN = [record("When is breakfast?", "At seven."), record("駐車場はありますか", "あります。", "ja")]


@pytest.mark.parametrize(
    ("question", "seen"),
    [
        ("When is breakfast?", True),
        ("when is  BREAKFAST", True),
        ("Ｗhen is breakfast？！", True),
        ("駐車場は、ありますか？", True),
        ("When is lunch?", False),
        ("", False),
        ("?", False),
    ],
)
def test_a_question_is_seen_when_letters_and_digits_agree(question: str, seen: bool) -> None:
    assert seen_rows([record(question, "x")], TRAIN) == ([0] if seen else [])


def test_questions_of_signs_only_are_compared_as_they_are() -> None:
    assert seen_rows([record("！", "x"), record("🙂", "x")], [record("!", "a"), record("🙃", "b")]) == [0]


def talk(*turns: str) -> Record:
    roles = ("user", "assistant") * len(turns)
    messages = [Message(role, text) for role, text in zip(roles, turns, strict=False)]
    return Record("talk", (Message("system", "Be brief."), *messages), Origin("logs.jsonl", 1))


@pytest.mark.parametrize(
    ("turns", "seen"),
    [
        (("Hello!", "Hello."), True),
        (("When is lunch?", "At noon."), True),
        (("Hello!", "Hello.", "When is lunch?", "At noon."), True),
        (("Good day.", "Hello.", "Where is the bath?", "Upstairs."), True),
        (("Good day.", "Hello.", "When is lunch?", "At noon."), False),
        (("Hello!", "Hello.", "Where is the garden?", "Behind."), False),
        (("Is there parking?", "Yes.", "Thanks!", "You are welcome."), False),
    ],
)
def test_every_answered_turn_is_seen_with_what_was_said_before_it(turns: tuple[str, ...], seen: bool) -> None:
    train = [
        talk("Hello!", "Hello.", "When is lunch?", "At noon.", "Thanks!", "You are welcome."),
        talk("Where is the bath?", "Upstairs."),
    ]
    assert seen_rows([talk(*turns)], train) == ([0] if seen else [])


def test_failures_are_the_least_similar_first_and_never_right_answers() -> None:
    rows = [record(f"question {n}", "abcdefghij", row=n) for n in range(40)]
    given = ["abcdefghij"[: n % 11] for n in range(40)]
    found = failures(rows, given, None, TRAIN)
    assert len(found) == WORST
    assert [one["similarity"] for one in found] == sorted(one["similarity"] for one in found)
    assert all(one["tuned"] != one["reference"] for one in found)
    assert {one["nearest_question"] for one in found} <= {row.question for row in TRAIN}
    assert found[0]["base"] is None


def test_no_failures_are_an_empty_list() -> None:
    assert failures(TRAIN, [row.answer for row in TRAIN], None, TRAIN) == []


def test_the_label_table_counts_every_row_once() -> None:
    rows = [record(str(n), label, row=n) for n, label in enumerate(["a"] * 5 + ["b"] * 3 + ["c"] * 2)]
    given = ["a", "a", "a", "b", "junk", "b", "b", None, "d", "c"]
    table = label_table(rows, given, ["a", "b", "c", "d"])
    labels = {one["label"]: one for one in table["labels"]}
    assert sum(one["rows"] for one in table["labels"]) == len(rows)
    assert (labels["a"]["precision"], labels["a"]["recall"], labels["a"]["f1"]) == (1.0, 0.6, 0.75)
    assert labels["b"]["precision"] == pytest.approx(2 / 3, abs=1e-6)
    assert (labels["d"]["rows"], labels["d"]["precision"], labels["d"]["recall"]) == (0, 0.0, None)
    assert table["no_label"] == 2
    assert sum(one["rows"] for one in table["confusions"]) == 4
