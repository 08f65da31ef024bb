"""Shares come out right, nothing that belongs together is cut, and stated splits are kept."""

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from data.desk import Desk, kept, side, talk
from hypothesis import given, settings
from hypothesis import strategies as st

from kitae.core.columns import group_of
from kitae.errors import NothingToLearn, RecipeError, SourceError

SIDES = ("train", "validation", "test")
WORDS = (
    "parking",
    "breakfast",
    "luggage",
    "towels",
    "bath",
    "dinner",
    "garden",
    "shuttle",
    "ticket",
    "museum",
    "river",
)


def faq(count: int, **columns: Any) -> list[dict[str, Any]]:
    draw = random.Random(count)
    rows = []
    for number in range(count):
        words = " ".join(draw.choices(WORDS, k=6))
        row = {"question": f"What about {words} in the case of {number * 7919}?", "answer": f"It is {words} indeed."}
        rows.append({**row, **{key: make(number) for key, make in columns.items()}})
    return rows


def sizes(split: Any) -> dict[str, int]:
    return {name: len(side(split, name)) for name in SIDES}


def test_shares_counts_and_determinism(desk: Desk) -> None:
    desk.rows("faq.jsonl", faq(200))
    dataset = desk.prepare()
    split = desk.split(dataset)
    assert sum(sizes(split).values()) == len(kept(dataset))
    assert abs(sizes(split)["train"] - 160) <= 2
    assert abs(sizes(split)["test"] - 20) <= 2
    other = desk.split(dataset, seed=8)
    assert {r.id for r in side(split, "test")} != {r.id for r in side(other, "test")}
    assert split.json("report.json")["proof"] == {
        "clusters_in_two_splits": 0, "questions_in_two_splits": 0, "groups_in_two_splits": 0,
        "families_in_two_splits": 0,
    }  # fmt: skip
    assert split.summary["proof"] == split.json("report.json")["proof"]


@pytest.mark.parametrize("mode", ["off", "flag", "mask", "replace", "drop"])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kunde", lambda person: f"guest{person}@corp.example.org"),
        ("contact", lambda person: {"mail": f"guest{person}@corp.example.org", "phone": f"090-1234-{person:04}"}),
        ("お名前", lambda person: "佐藤鈴木高橋田中伊藤渡辺山本中村小林加藤"[2 * (person % 10) :][:2] + "花子"),
    ],
)
def test_a_redacted_column_still_groups_the_same_people(
    desk: Desk, mode: str, column: str, value: Callable[[int], Any]
) -> None:
    people = {number: number % 20 for number in range(120)}
    desk.rows("faq.jsonl", faq(120, **{column: lambda number: value(people[number])}))
    dataset = desk.prepare(privacy={"mode": mode}, duplicates={"near": None})
    path = "contact.mail" if column == "contact" else column
    groups: dict[str, set[str]] = {}
    for record in kept(dataset):
        person = json.dumps(value(people[record.origin.row - 1]))
        groups.setdefault(person, set()).add(group_of(record, path))
        if mode in {"mask", "replace", "drop"}:
            assert not re.search("corp|1234-0|(?:佐藤|高橋|渡辺)花子", json.dumps(record.meta, ensure_ascii=False))
    assert all(len(found) == 1 for found in groups.values())
    assert len(set().union(*groups.values())) == len(groups)
    sides: dict[str, set[str]] = {}
    split = desk.split(dataset, group_by=path)
    for name in SIDES:
        for record in side(split, name):
            sides.setdefault(json.dumps(value(people[record.origin.row - 1])), set()).add(name)
    assert all(len(names) == 1 for names in sides.values())
    assert all(sizes(split).values())


def test_groups_are_never_cut(desk: Desk) -> None:
    desk.rows("faq.jsonl", faq(120, customer=lambda n: f"c{n % 17}"))
    split = desk.split(desk.prepare(), group_by="customer")
    seen = {name: {r.meta["customer"] for r in side(split, name)} for name in SIDES}
    assert all(seen.values())
    assert not seen["train"] & seen["test"]
    assert not seen["train"] & seen["validation"]
    assert not seen["validation"] & seen["test"]


def test_the_same_question_is_never_cut(desk: Desk) -> None:
    rows = [{**row, "answer": f"{row['answer']} Or {copy}."} for row in faq(40) for copy in ("so", "else", "not")]
    desk.rows("faq.jsonl", rows)
    dataset = desk.prepare(duplicates={"conflicts": "keep", "near": None})
    split = desk.split(dataset)
    where: dict[str, set[str]] = {}
    for name in SIDES:
        for record in side(split, name):
            where.setdefault(record.question, set()).add(name)
    assert len(kept(dataset)) > 100
    assert all(len(names) == 1 for names in where.values())


@pytest.mark.parametrize("near", [None, 0.8])
def test_what_a_conversation_teaches_on_the_way_is_not_tested(desk: Desk, near: float | None) -> None:
    rows = [(row["question"], row["answer"]) for row in faq(60)]
    more = [(row["question"], row["answer"]) for row in faq(61)]
    longer = [talk(*row, *then) for row, then in zip(rows, more, strict=False)]
    desk.rows("logs.jsonl", [*(talk(*row) for row in rows), *longer])
    split = desk.split(desk.prepare(duplicates={"near": near}))
    taught = {r.messages[0].content for r in side(split, "train")}
    assert sizes(split)["test"] >= 6
    assert {r.question for r in side(split, "test") if len(r.messages) == 2}
    assert not taught & {r.messages[0].content for r in side(split, "test")}


def test_openings_and_follow_ups_make_no_giant_cluster(desk: Desk) -> None:
    hello, thanks = ("Hello, are you there?", "Yes, how can I help?"), ("Thank you so much!", "You are welcome.")
    rows = [talk(*hello, row["question"], row["answer"], *thanks) for row in faq(39)]
    desk.rows("logs.jsonl", [talk(*hello), talk(thanks[0], hello[1]), *rows])
    report = desk.split(desk.prepare(duplicates={"near": None})).json("report.json")
    assert report["largest_cluster"] == 1
    assert report["rows"]["test"] == 4


def test_labels_are_shared_out_alike(desk: Desk) -> None:
    rows = [{"text": row["question"], "label": f"l{n % 4}"} for n, row in enumerate(faq(400))]
    desk.rows("rows.jsonl", rows)
    split = desk.split(desk.prepare(task="classify"), stratify_by="label")
    for name, share in (("train", 80), ("validation", 10), ("test", 10)):
        counts = Counter(r.label for r in side(split, name))
        assert all(abs(count - share) <= 1 for count in counts.values()), (name, counts)
        assert len(counts) == 4
    assert split.json("report.json")["skew"]["p_value"] > 0.9


def test_many_tiny_labels_still_fill_every_split(desk: Desk) -> None:
    rows = [{"text": row["question"], "label": f"l{n // 2}"} for n, row in enumerate(faq(100))]
    desk.rows("rows.jsonl", rows)
    split = desk.split(desk.prepare(task="classify"), stratify_by="label")
    assert sizes(split) == {"train": 80, "validation": 10, "test": 10}
    assert "lacks" in split.json("report.json")["skew"]["sentence"]


@pytest.mark.parametrize(("count", "empty"), [(1, 2), (2, 1), (3, 0), (5, 0)])
def test_tiny_data_is_shared_and_said(desk: Desk, count: int, empty: int) -> None:
    desk.rows("faq.jsonl", faq(count))
    split = desk.split(desk.prepare())
    assert sizes(split)["train"] >= 1
    assert sum(size == 0 for size in sizes(split).values()) == empty
    said = [line for line in split.summary["lines"] if "empty" in line]
    assert len(said) == empty


@pytest.mark.parametrize(
    ("uses", "carved"),
    [(("train", "test"), ["validation"]), (("train", "dev"), ["test"]), (("training", "valid", "testing"), [])],
)
def test_stated_splits_are_kept(desk: Desk, uses: tuple[str, ...], carved: list[str]) -> None:
    desk.rows("faq.jsonl", faq(90, part=lambda n: uses[n % len(uses)]), columns={"use": "part"})
    dataset = desk.prepare()
    split = desk.split(dataset)
    stated = Counter(r.use for r in kept(dataset))
    for name in ("validation", "test"):
        if name in stated:
            assert sizes(split)[name] == stated[name]
            assert {r.use for r in side(split, name)} == {name}
        else:
            assert sizes(split)[name] >= 1
            assert {r.use for r in side(split, name)} == {"train"}
    assert split.json("report.json")["carved"] == carved


def test_rows_without_a_split_go_to_training_when_all_are_stated(desk: Desk) -> None:
    desk.rows("test.jsonl", faq(10), use="test")
    desk.rows("valid.jsonl", faq(11), use="validation")
    desk.rows("more.jsonl", faq(30))
    assert sizes(desk.split(desk.prepare())) == {"train": 30, "validation": 11, "test": 10}


def test_an_unknown_use_and_an_unknown_column(desk: Desk) -> None:
    desk.rows("faq.jsonl", faq(5, part=lambda _: "holdout"), columns={"use": "part"})
    with pytest.raises(SourceError, match="holdout"):
        desk.prepare()
    desk.sources[0]["columns"] = {}
    with pytest.raises(RecipeError, match="customer"):
        desk.split(desk.prepare(), group_by="customer")


def test_only_test_rows_is_nothing_to_learn(desk: Desk) -> None:
    desk.rows("faq.jsonl", faq(5), use="test")
    with pytest.raises(NothingToLearn, match="training"):
        desk.split(desk.prepare())


def test_a_group_that_is_tested_leaves_training(desk: Desk) -> None:
    desk.rows("train.jsonl", faq(20, customer=lambda n: f"c{n % 5}"), use="train")
    desk.rows("test.jsonl", faq(6, customer=lambda _: "c1"), use="test")
    split = desk.split(desk.prepare(), group_by="customer", validation=0.2, train=0.8, test=0.0)
    assert sizes(split)["test"] == 6
    assert all(r.meta["customer"] != "c1" for r in side(split, "train") + side(split, "validation"))
    assert split.json("report.json")["dropped"] == 4


@settings(max_examples=25)
@given(
    groups=st.lists(st.integers(0, 8), min_size=3, max_size=40),
    labels=st.integers(1, 6),
    seed=st.integers(0, 99),
)
def test_every_row_has_one_side(
    tmp_path_factory: pytest.TempPathFactory, groups: list[int], labels: int, seed: int
) -> None:
    desk = Desk(tmp_path_factory.mktemp("desk"))
    rows = [
        {"text": row["question"], "label": f"l{n % labels}", "who": f"g{groups[n]}"}
        for n, row in enumerate(faq(len(groups)))
    ]
    desk.rows("rows.jsonl", rows)
    dataset = desk.prepare(task="classify")
    split = desk.split(dataset, seed=seed, group_by="who", stratify_by="label")
    ids = [record.id for name in SIDES for record in side(split, name)]
    assert sorted(ids) == sorted(record.id for record in kept(dataset))
    sides_of: dict[Any, set[str]] = {}
    for name in SIDES:
        for record in side(split, name):
            sides_of.setdefault(record.meta["who"], set()).add(name)
    assert all(len(names) == 1 for names in sides_of.values())
