"""What to add next, by simulation: what was taken away comes first, and put back brings what was promised."""

import csv
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from registry.conftest import LINEAGE, recipe_with
from typer.testing import CliRunner

from kitae import registry
from kitae.cli.main import app
from kitae.core.artifacts import Split, Verdict
from kitae.core.workspace import Workspace
from kitae.errors import InputError, UnknownName
from kitae.evaluate import proposals, stage, write_labelling_sheet
from kitae.evaluate.mistakes.items import Item
from kitae.evaluate.mistakes.proposals import lines, propose

from .desk import FakeAnswerer, adapter_in, knows, record, resolved, split_in, two_models
from .test_mistakes import asked, banking, cheap, taught

Rows = list[tuple[str, str]]


def accuracy(train: Rows, test: Rows, learner: Callable[[Rows, Sequence[str]], list[str]]) -> float:
    given = learner(train, [question for question, _ in test])
    return sum(answer == label for answer, (_, label) in zip(given, test, strict=True)) / len(test)


def regression(train: Rows, asked: Sequence[str]) -> list[str]:
    """Another learner than the one whose curves are drawn."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import RidgeClassifier

    vectors = TfidfVectorizer(analyzer="char", ngram_range=(1, 3))
    model = RidgeClassifier().fit(
        vectors.fit_transform([question for question, _ in train]), [label for _, label in train]
    )
    return [str(label) for label in model.predict(vectors.transform(asked))]


@pytest.mark.parametrize("learner", [cheap, regression])
def test_a_slice_that_was_taken_away_comes_first_and_brings_what_was_promised(
    shared_data: Path, learner: Callable[[Rows, Sequence[str]], list[str]]
) -> None:
    train, test = banking(shared_data, 8)
    train, test = train[::3], test[::2]
    held = 0
    labels = sorted({label for _, label in train})[1:8:3]
    for label in labels:
        gone = [row for row in train if row[1] == label]
        random.Random(1).shuffle(gone)
        left = [row for row in train if row[1] != label]
        items = asked(test, learner(left, [question for question, _ in test]))
        report = propose(items, taught(left), confidence=0.95, seed=1)
        first = report["proposals"][0]
        assert first["answer"] == label
        assert all(first["gain"] > 1.3 * other["gain"] for other in report["proposals"][1:])
        assert first["known"] == 0
        real = accuracy(left + gone[: first["add"]], test, learner) - accuracy(left, test, learner)
        low, high = first["interval"]
        held += low - 1e-9 <= real <= high + 1e-9
    assert held >= len(labels) - 1


def test_answers_that_do_not_recur_give_no_proposal_and_the_reason() -> None:
    items = [Item(f"{n}", "en", f"question {n}", f"answer {n}", "no") for n in range(30)]
    report = propose(items, taught([(f"q {n}", f"a {n}") for n in range(30)]), confidence=0.95, seed=1)
    assert report["proposals"] == []
    assert "do not recur" in lines(report)[0]["en"]
    right = [Item("a", "en", "q", "x", "x")]
    assert "there are no failures" in lines(propose(right, [], confidence=0.95, seed=1))[0]["en"]


WORDS = ["card", "bath", "parcel", "rate", "dog", "fee"]
TRAIN = [record(f"{verb} my {word} {n}", word, row=n) for n in range(24) for word in WORDS for verb in ("where is",)]
TEST = [record(f"where is the {word} {n}", word, row=1000 + n, file="test.csv") for n in range(10) for word in WORDS]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Verdict, Split]:
    out = Workspace(tmp_path_factory.mktemp("next"))
    train = [row for row in TRAIN if row.answer != "dog"]
    split = split_in(out, train=train, validation=TRAIN[:6], test=TEST)
    tuned = FakeAnswerer(lambda question: "dog?" if "dog" in question else knows(TEST)(question))
    verdict = stage.run(
        adapter_in(out),
        split,
        {},
        settings=resolved(task="classify", metrics=["accuracy"], compare_to=["base"]),
        out=out,
        open_answerer=two_models(tuned, FakeAnswerer(lambda _question: "Hm.")),
    )
    return out, verdict, split


def test_the_sheet_asks_for_what_is_proposed(judged: tuple[Workspace, Verdict, Split], tmp_path: Path) -> None:
    _, verdict, split = judged
    report = proposals(verdict, split)
    (first,) = report["proposals"]
    assert (first["answer"], first["failures"], first["rows"]) == ("dog", 10, 10)
    assert report["lines"][0]["en"].startswith(f"Add about {first['add']} records for `dog`")
    assert report["lines"][0]["ja"].startswith("`dog`")
    assert write_labelling_sheet(tmp_path / "next.csv", report) == first["add"]
    with (tmp_path / "next.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["text"], row["label"]) for row in rows} == {("", "dog")}
    assert all("dog" in row["like"] for row in rows)
    with pytest.raises(InputError, match="is there already"):
        write_labelling_sheet(tmp_path / "next.csv", report)
    with pytest.raises(UnknownName, match="'tset'"):
        proposals(verdict, split, name="tset")


def test_the_command(judged: tuple[Workspace, Verdict, Split], tmp_path: Path) -> None:
    out, verdict, split = judged
    lineage = {**LINEAGE, "split": split.digest}
    registry.submit(adapter_in(out), verdict, recipe=recipe_with(), lineage=lineage, out=out)
    sheet, home = tmp_path / "next.csv", ["--home", str(out.home)]
    done = CliRunner().invoke(app, ["evaluate", "next", "faq", "--sheet", str(sheet), *home])
    assert done.exit_code == 0, done.output
    assert "1. Add about" in done.stdout
    assert "then name it under data.sources" in done.stdout
    told = json.loads(CliRunner().invoke(app, ["evaluate", "next", "faq:1", "--json", *home]).stdout)
    assert told["proposals"][0]["answer"] == "dog"
