"""Classes are seen as often as the recipe says, nothing else of the split moves, and every row that goes says why."""

import math
from collections import Counter
from itertools import permutations
from typing import Any

import pytest
from data.desk import Desk, side
from hypothesis import given
from hypothesis import strategies as st

from kitae import data
from kitae.core.artifacts import Split
from kitae.core.data_settings import DataSettings
from kitae.core.records import Message, Origin, Record, content_digest, read_records
from kitae.core.small_settings import BalanceSettings
from kitae.data.small.balancing import balance
from kitae.errors import RecipeError

HELD_OUT = ("validation.jsonl", "test.jsonl")
COUNTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 30), min_size=1, max_size=6)


def rows(counts: dict[str, int]) -> list[Record]:
    numbers = [(label, number) for label, count in sorted(counts.items()) for number in range(count)]
    return [
        Record(f"{label}{n:04}", (Message("user", f"{label} {n}"), Message("assistant", label)), Origin("a.csv", n + 1),
               label=label)
        for label, n in numbers
    ]  # fmt: skip


def settings(**values: Any) -> BalanceSettings:
    return BalanceSettings.model_validate({"most": 1000, **values})


def seen(train: Any) -> dict[str, float]:
    times: Counter[str] = Counter()
    for record in train:
        times[record.label] += record.weight  # type: ignore[assignment]
    return dict(times)


@given(COUNTS)
def test_weights_show_every_class_equally_often_and_keep_the_epoch_as_long(counts: dict[str, int]) -> None:
    step = balance(rows(counts), settings=settings(how="weights"), seed=1)
    times = seen(step.train)
    assert [record.id for record in step.train] == [record.id for record in rows(counts)]
    assert all(math.isclose(value, sum(counts.values()) / len(counts), abs_tol=1e-4) for value in times.values())


@given(COUNTS, st.floats(0, 1))
def test_a_temperature_shows_a_class_by_the_power_of_its_size(counts: dict[str, int], temperature: float) -> None:
    step = balance(rows(counts), settings=settings(how="temperature", temperature=temperature), seed=1)
    times = seen(step.train)
    assert math.isclose(sum(times.values()), sum(counts.values()), rel_tol=1e-4)
    for (one, rows_one), (other, rows_other) in permutations(counts.items(), 2):
        wanted = (rows_one / rows_other) ** temperature
        assert math.isclose(times[one] / times[other], wanted, rel_tol=1e-3)


def test_at_temperature_one_nothing_changes() -> None:
    train = rows({"a": 3, "b": 40})
    assert list(balance(train, settings=settings(how="temperature", temperature=1.0), seed=1).train) == train


@given(COUNTS, st.integers(0, 3))
def test_oversampling_repeats_until_the_classes_are_even(counts: dict[str, int], seed: int) -> None:
    train = rows(counts)
    step = balance(train, settings=settings(how="oversample"), seed=seed)
    assert Counter(record.label for record in step.train) == dict.fromkeys(counts, max(counts.values()))
    assert len({record.id for record in step.train}) == len(step.train)
    known = {record.id: record for record in train}
    assert known.keys() <= {record.id for record in step.train}
    added = [record for record in step.train if record.id not in known]
    assert all(record.messages == known[record.parent].messages for record in added)
    assert {record.history[-1].rule for record in added} <= {"oversampled"}
    repeats = Counter(record.parent for record in added)
    for label in counts:
        times = [repeats[record.id] for record in train if record.label == label]
        assert max(times) - min(times) <= 1


@given(COUNTS, st.integers(0, 3))
def test_undersampling_leaves_out_with_a_reason(counts: dict[str, int], seed: int) -> None:
    train = rows(counts)
    step = balance(train, settings=settings(how="undersample"), seed=seed)
    assert Counter(record.label for record in step.train) == dict.fromkeys(counts, min(counts.values()))
    assert sorted(r.id for r in [*step.train, *step.gone]) == sorted(r.id for r in train)
    assert {record.history[-1].rule for record in step.gone} <= {"undersampled"}


def test_rows_aims_at_a_number() -> None:
    train = rows({"a": 2, "b": 9, "c": 30})
    over = balance(train, settings=settings(how="oversample", rows=10), seed=1)
    under = balance(train, settings=settings(how="undersample", rows=10), seed=1)
    assert Counter(r.label for r in over.train) == {"a": 10, "b": 10, "c": 30}
    assert Counter(r.label for r in under.train) == {"a": 2, "b": 9, "c": 10}


@pytest.mark.parametrize("how", ["weights", "oversample"])
def test_no_row_is_seen_too_often_and_that_is_said(how: str) -> None:
    step = balance(rows({"rare": 1, "often": 100}), settings=settings(how=how, most=4), seed=1)
    assert seen(step.train)["rare"] == 4
    assert "rare" in step.warnings[0]
    assert balance(rows({"a": 9, "b": 10}), settings=settings(how=how, most=4), seed=1).warnings == []


def labelled(desk: Desk) -> Split:
    """An uneven split with all three sides."""
    texts = [f"Please tell me about matter {n * 7919} of the {'red' if n % 5 else 'green'} kind" for n in range(120)]
    desk.rows("a.jsonl", [{"text": t, "label": "green" if "green" in t else "red", "shop": t[-8]} for t in texts])
    return desk.split(desk.prepare(task="classify", duplicates={"near": None}), stratify_by="label")


def enlarged(desk: Desk, split: Split, *, seed: int = 7, **small: Any) -> Split:
    chosen = DataSettings.model_validate({"sources": desk.sources, **small})
    return data.enlarge(split, settings=chosen, seed=seed, out=desk.workspace, folder=desk.folder)


def test_without_a_wish_the_split_is_the_drawn_one(desk: Desk) -> None:
    split = labelled(desk)
    assert enlarged(desk, split) is split


@pytest.mark.parametrize("how", ["weights", "temperature", "oversample", "undersample"])
def test_only_the_training_side_changes(desk: Desk, how: str) -> None:
    split = labelled(desk)
    made = enlarged(desk, split, balance={"how": how})
    assert made.digest != split.digest
    assert dict(made.parents)["split"] == split.digest
    for name in HELD_OUT:
        assert made.file(name).read_bytes() == split.file(name).read_bytes()
    assert content_digest(made.file("train.jsonl")) != content_digest(split.file("train.jsonl"))
    report = made.json("report.json")
    small = report["small"]
    assert small["drawn"] - small["left_out"] + small["added"] == report["rows"]["train"] == len(side(made, "train"))
    assert len(list(read_records(made.file("dropped.jsonl")))) == small["left_out"]
    assert small["balance"]["rows_before"] == dict(Counter(r.label for r in side(split, "train")))
    assert small["balance"]["rows_after"] == report["labels"]["train"]
    assert made.json("summary.json")["train"] == report["rows"]["train"]


def test_the_same_seed_gives_the_same_bytes(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> None:
    split = labelled(desk)
    there = Desk(tmp_path_factory.mktemp("there"))
    there_split = labelled(there)
    for how in ("oversample", "undersample"):
        one = enlarged(desk, split, balance={"how": how})
        again = enlarged(there, there_split, balance={"how": how})
        other = enlarged(desk, split, balance={"how": how}, seed=8)
        assert one.digest == again.digest != other.digest


def test_classes_may_be_languages_files_or_columns(desk: Desk) -> None:
    split = labelled(desk)
    for by, count in (("language", 1), ("source", 1), ("shop", len({r.meta["shop"] for r in side(split, "train")}))):
        report = enlarged(desk, split, balance={"by": by}).json("report.json")
        assert len(report["small"]["balance"]["rows_before"]) == count


def test_an_unknown_class_is_named_with_the_known_ones(desk: Desk) -> None:
    split = labelled(desk)
    with pytest.raises(RecipeError, match=r"data.balance.by: no training row has 'branch'.*shop"):
        enlarged(desk, split, balance={"by": "branch"})
