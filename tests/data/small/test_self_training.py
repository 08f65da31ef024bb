"""Rows are labelled by who is sure, in rounds that never make validation worse; every unlabelled row is counted."""

import csv
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.desk import Desk, side
from data.small.test_balancing import HELD_OUT, enlarged
from hypothesis import given
from hypothesis import strategies as st

from kitae.core.artifacts import Split
from kitae.core.data_settings import SelfTrainingSettings
from kitae.core.recipe import parse_recipe
from kitae.core.records import Message, Origin, Record
from kitae.core.text import normalise
from kitae.data.small.apart import HeldOut
from kitae.data.small.labelling import Calibrated, Tfidf
from kitae.data.small.self_training import self_train
from kitae.errors import RecipeError, UnknownName

SOURCE = {"path": "more.csv", "licence": "CC0-1.0"}


def record(number: int, text: str, label: str = "") -> Record:
    answer = [Message("assistant", label)] if label else []
    return Record(f"{number:016}", (Message("user", text), *answer), Origin("a.csv", number + 1), label=label)


class Told:
    """A labeller that says of a text "<label> <probability>" just that, until told too many texts."""

    def __init__(self) -> None:
        self.labels: list[str] = []

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> "Told":  # noqa: ARG002
        self.labels = sorted(set(labels))
        return self

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        out = []
        for text in texts:
            label, probability, *_ = text.split()
            rest = (1 - float(probability)) / (len(self.labels) - 1)
            out.append([float(probability) if label == name else rest for name in self.labels])
        return np.array(out)


class Spoilt(Told):
    """One that gives wrong answers as soon as it has learnt from pseudo-labelled rows."""

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> "Spoilt":
        super().fit(texts, labels)
        if any("new" in text for text in texts):
            self.labels.reverse()
        return self


TRAIN = [record(0, "a 0.9", "a"), record(1, "b 0.9", "b")]
# Nine in ten are right where the labeller says 0.9, so that calibration has nothing to change.
VALIDATION = [record(10 + n, f"{'ab'[n % 2]} 0.9 v{n}", "ab"[n % 2 if n < 18 else (n + 1) % 2]) for n in range(20)]


def trained(unlabelled: Sequence[Record], labeller: type = Told, **settings: Any) -> Any:
    chosen = SelfTrainingSettings.model_validate(
        {"source": SOURCE, "labeller": f"{__name__}:{labeller.__name__}", **settings}
    )
    held_out = HeldOut(VALIDATION, near=0.9)
    return self_train(TRAIN, VALIDATION, unlabelled, held_out, settings=chosen)


def test_only_what_is_sure_is_taken_and_tagged() -> None:
    pool = [record(100 + n, f"a {probability} new{n}") for n, probability in enumerate((0.99, 0.97, 0.91, 0.6))]
    step = trained(pool, confidence=0.95)
    added = step.train[len(TRAIN) :]
    assert [r.id for r in added] == [pool[0].id, pool[1].id]
    assert all(r.label == r.answer == "a" for r in added)
    assert [round(r.meta["label_confidence"], 2) for r in added] == [0.99, 0.97]
    assert {r.meta["self_training_round"] for r in added} == {1}
    assert {r.history[-1].rule for r in added} == {"pseudo_labelled"}
    assert step.figures["not_sure_enough"] == 2
    assert step.figures["rounds"][-1]["stopped"] == "no row is above the confidence"


def test_rounds_are_limited_in_number_and_size() -> None:
    pool = [record(100 + n, f"b 0.99 new{n}") for n in range(10)]
    step = trained(pool, rounds=2, most=3)
    assert Counter(r.meta["self_training_round"] for r in step.train[len(TRAIN) :]) == {1: 3, 2: 3}


def test_a_round_that_makes_validation_worse_is_undone_and_said() -> None:
    step = trained([record(100, "a 0.99 new")], Spoilt)
    assert list(step.train) == TRAIN
    assert "fell" in step.figures["rounds"][0]["stopped"]
    assert any("undone" in line for line in step.lines)
    assert step.figures["read"] == step.figures["not_sure_enough"] == 1


def test_what_may_not_be_taken_is_counted() -> None:
    pool = [
        record(100, "…"),
        record(101, VALIDATION[0].question),
        record(102, "A 0.9"),
        record(103, "a 0.99 new"),
        record(104, "a 0.99 NEW"),
    ]
    step = trained(pool)
    assert step.figures["refused"] == {
        "no text": 1,
        "a held-out row asks it": 1,
        "a training row or another unlabelled one asks it": 2,
    }
    assert step.figures["read"] == 5 == step.figures["added"] + sum(step.figures["refused"].values())


@pytest.mark.parametrize(
    ("train", "validation"), [(TRAIN[:1], VALIDATION), (TRAIN, []), (TRAIN, [record(9, "c 0.9", "c")])]
)
def test_it_needs_labels_and_validation(train: list[Record], validation: list[Record]) -> None:
    settings = SelfTrainingSettings.model_validate({"source": SOURCE})
    with pytest.raises(RecipeError, match=r"data.self_training needs two labels"):
        self_train(train, validation, [], HeldOut([], near=None), settings=settings)


def test_only_to_classify() -> None:
    values = {"name": "x", "data": {"sources": [{"path": "x.csv"}], "self_training": {"source": SOURCE}}}
    with pytest.raises(RecipeError, match="task: classify"):
        parse_recipe(values)
    assert parse_recipe({**values, "task": "classify"}).data.self_training


def test_an_unknown_labeller(desk: Desk) -> None:
    from kitae import data
    from kitae.core.data_settings import DataSettings

    values = {"sources": [SOURCE], "self_training": {"source": SOURCE, "labeller": "tfdif"}}
    with pytest.raises(UnknownName, match="tfidf"):
        data.check(DataSettings.model_validate(values))


@given(st.lists(st.sampled_from([0.55, 0.8, 0.99]), min_size=2, max_size=30), st.integers(0, 2**20))
def test_calibration_changes_how_sure_but_not_what(probabilities: list[float], bits: int) -> None:
    texts = [f"{'ab'[n % 2]} {probability} x{n}" for n, probability in enumerate(probabilities)]
    truth = ["ab"[bits >> n & 1] for n in range(len(texts))]
    labeller = Told().fit(["a 1", "b 1"], ["a", "b"])
    calibrated = Calibrated(labeller, ["a", "b"], texts, truth)
    one, other = labeller.predict_proba(texts), calibrated.predict_proba(texts)
    assert np.allclose(other.sum(axis=1), 1.0)
    assert (np.abs(other[:, 0] - 0.5) < 1e-9).all() or (one.argmax(axis=1) == other.argmax(axis=1)).all()

    def loss(values: Any) -> float:
        return -float(np.log([max(row["ab".index(t)], 1e-12) for row, t in zip(values, truth, strict=True)]).mean())

    assert loss(other) <= loss(one) + 1e-3


def test_calibration_finds_how_sure_is_right() -> None:
    texts = [f"a 0.99 x{n}" for n in range(100)]
    truth = ["a"] * 70 + ["b"] * 30
    calibrated = Calibrated(Told().fit(["a 1", "b 1"], ["a", "b"]), ["a", "b"], texts, truth)
    assert calibrated.temperature > 1
    assert calibrated.predict_proba(["a 0.99 y"])[0][0] == pytest.approx(0.7, abs=0.01)


def files(desk: Desk) -> Split:
    """Labelled rows in a split, and unlabelled ones in `more.csv`, of which some are held out or seen."""
    ways = ("Where is the {}", "I have lost the {}", "Please send the {}", "Can I pay for the {}")
    things = ("red card", "blue card", "old cheque", "new cheque", "last bill", "first bill", "big invoice", "slip")
    rows = [{"text": way.format(t), "label": f"w{n}"} for n, way in enumerate(ways) for t in things]
    desk.rows("rows.jsonl", rows)
    more = [f"{way.format(thing)} again" for way in ways for thing in ("paper", "green card", "letter", "password")]
    more += [row["text"] for row in rows[:9]] + ["", "090-1234-5678 sent the paper"]
    (desk.folder / "more.csv").write_text("text\n" + "\n".join(f'"{text}"' for text in more) + "\n", "utf-8")
    return desk.split(desk.prepare(task="classify", duplicates={"near": None}), stratify_by="label")


def test_the_stage_reads_repairs_and_redacts_unlabelled_rows(desk: Desk) -> None:
    drawn = files(desk)
    settings = {"source": SOURCE, "confidence": 0.5}
    made = enlarged(desk, drawn, self_training=settings, instruction="Say which.", privacy={"mode": "mask"})
    added = [r for r in side(made, "train") if r.origin.file == "more.csv"]
    assert added
    assert all(r.messages[0] == Message("system", "Say which.") for r in added)
    assert all([m.role for m in r.messages] == ["system", "user", "assistant"] for r in added)
    assert all(r.terms.licence == "CC0-1.0" for r in added)
    assert not any("090" in r.question for r in added)
    held = {normalise(r.question) for name in ("validation", "test") for r in side(drawn, name)}
    assert not held & {normalise(r.question) for r in added}
    for name in HELD_OUT:
        assert made.file(name).read_bytes() == drawn.file(name).read_bytes()
    figures = made.json("report.json")["small"]["self_training"]
    assert figures["read"] == figures["added"] + figures["not_sure_enough"] + sum(figures["refused"].values())
    assert figures["added"] == len(added) == made.json("report.json")["small"]["added"]
    assert "unlabelled" in dict(made.parents)
    again = enlarged(desk, drawn, self_training=settings, instruction="Say which.", privacy={"mode": "mask"})
    assert again.folder == made.folder


def test_all_three_steps_together(desk: Desk) -> None:
    drawn = files(desk)
    made = enlarged(
        desk,
        drawn,
        self_training={"source": SOURCE, "confidence": 0.5},
        augment={"methods": [{"kind": "templates"}]},
        balance={"how": "weights"},
    )
    rows = {record.id: record for record in side(made, "train")}
    variants = [record for record in rows.values() if "augmented" in record.meta]
    assert len(variants) == len(side(drawn, "train"))
    assert not any("self_training_round" in rows[record.parent].meta for record in variants)
    seen: dict[str, float] = defaultdict(float)
    for record in rows.values():
        seen[record.label] += record.weight
    assert max(seen.values()) == pytest.approx(min(seen.values()), rel=1e-3)


def test_self_training_helps_on_banking77(shared_data: Path) -> None:
    """Ten labelled rows a class, of fifteen classes; the rest of the training file without labels."""
    rows: dict[str, list[dict[str, str]]] = {}
    for name in ("train", "test"):
        with (shared_data / "banking77" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows[name] = list(csv.DictReader(file))
    classes = sorted({row["category"] for row in rows["train"]})[:15]
    sorted_in: dict[str, list[str]] = defaultdict(list)
    for row in rows["train"]:
        sorted_in[row["category"]].append(row["text"])
    numbers = iter(range(1_000_000))
    take = lambda start, end: [record(next(numbers), t, c) for c in classes for t in sorted_in[c][start:end]]  # noqa: E731
    train, validation = take(0, 10), take(10, 20)
    pool = [record(r.id and next(numbers), r.question) for r in take(20, None)]
    test = [record(next(numbers), row["text"], row["category"]) for row in rows["test"] if row["category"] in classes]
    settings = SelfTrainingSettings.model_validate({"source": SOURCE, "confidence": 0.9})
    step = self_train(train, validation, pool, HeldOut([*validation, *test], near=0.8), settings=settings)

    def accuracy(known: Sequence[Record]) -> float:
        model = Tfidf().fit([r.question for r in known], [r.label for r in known])
        best = model.predict_proba([r.question for r in test]).argmax(axis=1)
        return float(np.mean([classes[column] == r.label for column, r in zip(best, test, strict=True)]))

    before, after = accuracy(train), accuracy(step.train)
    assert step.figures["added"] > 100, step.lines
    assert after > before, (before, after, step.lines)
