"""Errors: planted slices are found and chance is not, planted causes are told apart, on real questions too."""

import csv
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from registry.conftest import LINEAGE, recipe_with
from typer.testing import CliRunner

from kitae import registry
from kitae.cli.main import app
from kitae.core.artifacts import Split, Verdict
from kitae.core.records import Record
from kitae.core.workspace import Workspace
from kitae.data.review import read_decisions
from kitae.errors import InputError, UnknownName
from kitae.evaluate import errors, errors_page, stage, write_errors
from kitae.evaluate.mistakes.analysis import analyse
from kitae.evaluate.mistakes.causes import causes
from kitae.evaluate.mistakes.clusters import clusters
from kitae.evaluate.mistakes.items import Item, items_of
from kitae.evaluate.mistakes.slices import corrected, find_slices, properties

from .desk import FakeAnswerer, adapter_in, desk, knows, record, resolved, split_in, two_models


def items(count: int, wrong: Any, **meta: Any) -> list[Item]:
    """Rows with questions of different lengths and words; `wrong(n)` says which fail, `meta` gives columns by row."""
    chance = random.Random(1)
    words = ["when", "where", "card", "room", "bath", "breakfast", "money", "lost", "arrive", "book"]
    return [
        Item(
            f"r{n:04d}",
            "en",
            " ".join(chance.choice(words) for _ in range(2 + n % 7)),
            "yes",
            "no" if wrong(n) else "yes",
            meta={name: value(n) for name, value in meta.items()},
        )
        for n in range(count)
    ]


TAUGHT = [("when does the card arrive", "en")] * 5


def test_a_slice_that_fails_more_often_is_found_with_its_name() -> None:
    rows = items(240, lambda n: n % 4 == 0 and (n % 3 == 0 or n % 20 == 0), plan=lambda n: ["gold", "free"][n % 4 == 0])
    found = find_slices(rows, TAUGHT, 0.95)
    first = found["found"][0]
    assert first["name"] == {"en": "plan: free", "ja": "plan：free"}
    assert (first["rows"], first["rest_rate"]) == (60, 0.0)
    assert first["wrong"] == sum(not row.right for row in rows)
    assert first["interval"][0] < first["rate"] < first["interval"][1]
    assert first["p_adjusted"] < 0.001


def test_chance_raises_a_false_alarm_in_at_most_one_analysis_of_twenty() -> None:
    chance = np.random.default_rng(3)
    rows = items(200, lambda _n: False, plan=lambda n: "abc"[n % 3], day=lambda n: "xyzuvw"[n // 7 % 6])
    tried = [one.rows for one in properties(rows, TAUGHT)]
    assert len(tried) > 10
    alarms = sum(min(corrected(chance.random(200) < 0.2, tried)) <= 0.05 for _ in range(400))
    assert alarms <= 0.05 * 400 + 2 * (0.05 * 0.95 * 400) ** 0.5


def test_properties_are_tried_once_and_only_where_both_sides_have_rows() -> None:
    rows = items(
        40, lambda _n: True, plan=lambda n: "ab"[n % 2], copy=lambda n: "ab"[n % 2], id=str, few=lambda n: n < 3
    )
    names = [one.names["en"] for one in properties(rows, [])]
    assert sum(name.startswith(("plan", "copy")) for name in names) == 2
    assert not any(name.startswith("few") for name in names)
    assert any(name.startswith("id: at least") for name in names)  # numbers with many values give their quarters


def taught(rows: Sequence[tuple[str, str]]) -> list[Record]:
    return [record(question, answer, row=row) for row, (question, answer) in enumerate(rows, 1)]


KNOWN = taught(
    [(f"how do I unblock my card {n}", "unblock") for n in range(6)]
    + [(f"where is my parcel now {n}", "parcel" if n % 2 else "delivery") for n in range(8)]
    + [(f"what is the exchange rate {n}", "rate") for n in range(6)]
)


@pytest.mark.parametrize(
    ("question", "reference", "answer", "cause"),
    [
        ("how do I unblock my card", "rate", "unblock", "noise"),
        ("where is my parcel now", "parcel", "rate", "conflict"),
        ("what is the exchange rate", "rate", "parcel", "hard"),
        ("may I bring my dog", "unblock", "rate", "gap"),
        ("what is the exchange rate", "dogs", "rate", "gap"),
    ],
)
def test_each_cause_is_told_from_the_others(question: str, reference: str, answer: str, cause: str) -> None:
    (found,) = causes([Item("a", "en", question, reference, answer)], KNOWN)
    assert found["cause"] == cause
    assert len(found["nearest"]) == 5
    assert found["nearest"][0]["similarity"] >= found["nearest"][1]["similarity"]


def test_failures_that_are_alike_stand_together_under_their_words() -> None:
    texts = ["my card was declined abroad {}", "the sauna in the bath is cold {}"]
    rows = [Item(f"{n}", "en", texts[n % 2].format(n), "x", "y" if n < 20 else "x") for n in range(40)]
    found = clusters(rows)
    assert sum(len(one["wrong"]) for one in found) >= 16  # two at a time may stand alone, and are no pattern
    for one in found:
        assert len({rows[place].question.split()[1] for place in one["wrong"]}) == 1
        assert {"card", "declined", "abroad", "sauna", "bath", "cold"} >= set(one["name"].split(", "))
    assert clusters(rows) == found
    assert clusters(rows[:4]) == []


def test_japanese_clusters_are_named_by_words_that_say_something() -> None:
    texts = ["駐車場は予約できますか{}", "朝食のアレルギー対応はありますか{}"]
    rows = [Item(f"{n}", "ja", texts[n % 2].format("。" * (n % 5)), "x", "y") for n in range(20)]
    named = {word for one in clusters(rows) for word in one["name"].split(", ")}
    assert named & {"駐車", "朝食", "アレルギー", "予約", "対応"}
    assert not named & {"は", "か", "の", "ます", "あり"}


def cheap(train: Sequence[tuple[str, str]], asked: Sequence[str]) -> list[str]:
    """What naive Bayes on letters answers: as cheap as a classifier can be."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.naive_bayes import ComplementNB

    vectors = TfidfVectorizer(analyzer="char", ngram_range=(1, 3))
    table = vectors.fit_transform([question for question, _ in train])
    model = ComplementNB().fit(table, [label for _, label in train])
    return [str(label) for label in model.predict(vectors.transform(asked))]


def banking(shared: Path, labels: int) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    splits = []
    for name in ("train", "test"):
        with (shared / "banking77" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            splits.append([(row["text"], row["category"]) for row in csv.DictReader(file)])
    kept = set(sorted({label for _, label in splits[0]})[:labels])
    return tuple([row for row in split if row[1] in kept] for split in splits)  # type: ignore[return-value]


def asked(test: Sequence[tuple[str, str]], answers: Sequence[str], language: str = "en") -> list[Item]:
    pairs = enumerate(zip(test, answers, strict=True))
    return [Item(f"t{n:04d}", language, question, label, answer) for n, ((question, label), answer) in pairs]


def test_planted_causes_are_found_among_real_questions(shared_data: Path) -> None:
    train, test = banking(shared_data, 12)
    labels = sorted({label for _, label in train})
    missing, torn = labels[2], labels[7]
    chance = random.Random(2)
    train = [row for row in train if row[0] != missing and row[1] != missing]
    train = [(text, labels[0] if label == torn and chance.random() < 0.5 else label) for text, label in train]
    answers = cheap(train, [question for question, _ in test])
    swapped = {place for place in range(0, len(test), 12) if test[place][1] == answers[place]}
    test = [(text, labels[5] if place in swapped else label) for place, (text, label) in enumerate(test)]
    report = analyse(asked(test, answers), taught(train), confidence=0.95, seed=1)

    by_label: dict[str, Counter[str]] = {}
    for one in report["failures"]:
        by_label.setdefault(one["reference"], Counter())[one["cause"]] += 1
    assert set(by_label[missing]) == {"gap"}
    assert by_label[torn].most_common(1)[0][0] == "conflict"
    suspected = {one["id"] for one in report["failures"] if one["cause"] == "noise"}
    planted = {f"t{place:04d}" for place in swapped if labels[5] != answers[place]}
    assert len(suspected & planted) >= 0.6 * len(planted)
    assert len(suspected & planted) >= 0.6 * len(suspected)
    assert f"label: {missing}" in {one["name"]["en"] for one in report["slices"]["found"]}
    assert report["confusions"][0]["rows"] == max(one["rows"] for one in report["confusions"])
    assert sum(report["causes"].values()) == report["wrong"] == len(report["failures"])


def test_real_japanese_questions_are_analysed(shared_data: Path) -> None:
    path = shared_data / "asdc_ja" / "vanilla__topic.L1.1turn.VanillaUtterances.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    pairs = [(row["purpose"], (row["utterances"][0]["text"], row["meta"]["topic"])) for row in rows]
    train = [pair for purpose, pair in pairs if purpose == "train"][::4]
    test = [pair for purpose, pair in pairs if purpose == "test"][::4]
    report = analyse(asked(test, cheap(train, [q for q, _ in test]), "ja"), taught(train), confidence=0.95, seed=1)
    assert report["slices"]["tried"] > 10
    assert report["clusters"]
    assert all(one["name"] for one in report["clusters"])
    assert sum(report["causes"].values()) == report["wrong"] > 50
    assert all(line["en"] and line["ja"] for line in report["lines"])


def test_free_answers_are_wrong_when_they_are_little_like_the_right_ones() -> None:
    def row(number: int, answer: str) -> dict[str, Any]:
        told = {"id": f"{number}", "language": "en", "question": f"question {number}", "seen_in_training": False}
        return {**told, "reference": f"Breakfast number {number} starts at seven.", "answers": {"tuned": answer}}

    rows = [row(n, f"Breakfast {n} starts at 7." if n % 4 else "No.") for n in range(40)]
    free = items_of(rows, "tuned")
    assert [item.right for item in free] == [bool(n % 4) for n in range(40)]
    report = analyse(free, taught([("when", "at seven")] * 3), confidence=0.95, seed=1)
    assert report["lines"][0]["en"].startswith("10 of 40 answers are wrong (less than 50 % like the right answer")
    labels = items_of([{**one, "reference": "yes", "answers": {"tuned": "yess"}} for one in rows], "tuned")
    assert not any(item.right for item in labels)  # of labels nothing but the label is right


ROWS = desk(answer=lambda text: text[:4])


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Verdict, Split]:
    out = Workspace(tmp_path_factory.mktemp("errors"))
    split = split_in(
        out, train=ROWS[:36], validation=ROWS[36:45], test=[replace(r, meta={"<b>": "x"}) for r in ROWS[30:]]
    )
    verdict = stage.run(
        adapter_in(out),
        split,
        {},
        settings=resolved(task="classify", metrics=["accuracy"], compare_to=["base"]),
        out=out,
        open_answerer=two_models(FakeAnswerer(knows(ROWS, wrong_every=3)), FakeAnswerer(lambda _question: "=Hm.")),
    )
    return out, verdict, split


def test_a_verdict_is_analysed_without_asking_again(judged: tuple[Workspace, Verdict, Split], tmp_path: Path) -> None:
    _, verdict, split = judged
    report = errors(verdict, split)
    wrong = verdict.json("verdict.json")["sets"]["test"]["figures"][0]["systems"]["tuned"]
    assert report["sets"]["test"]["wrong"] == round((1 - wrong["value"]) * wrong["n"])
    page = errors_page(report)
    assert "Why" in page
    assert "原因" in page
    assert "http" not in page.replace("http-equiv", "")
    assert errors(verdict, split, system="base")["sets"]["test"]["wrong"] == wrong["n"]
    assert write_errors(tmp_path / "errors.csv", errors(verdict, split, system="base")) == wrong["n"]
    with (tmp_path / "errors.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["answer"] for row in rows} == {"'=Hm."}  # no spreadsheet may take it for a formula
    with pytest.raises(InputError, match="is there already"):
        write_errors(tmp_path / "errors.csv", report)
    decided = (tmp_path / "errors.csv").read_text("utf-8-sig").replace("\n,", "\ndrop,", 1)
    (tmp_path / "errors.csv").write_text(decided, "utf-8")
    (decision,) = read_decisions([tmp_path / "errors.csv"]).items()
    assert (decision[0], decision[1].what) == (rows[0]["id"], "drop")  # the sheet is one that `data.review` takes


def test_names_that_a_verdict_has_not(judged: tuple[Workspace, Verdict, Split]) -> None:
    _, verdict, split = judged
    with pytest.raises(UnknownName, match=r"held-out set 'tset'.*Did you mean 'test'"):
        errors(verdict, split, sets=["tset"])
    with pytest.raises(UnknownName, match=r"system 'baseline'.*Known: base, tuned"):
        errors(verdict, split, system="baseline")


def test_the_command(judged: tuple[Workspace, Verdict, Split], tmp_path: Path) -> None:
    out, verdict, split = judged
    lineage = {**LINEAGE, "split": split.digest}
    registry.submit(adapter_in(out), verdict, recipe=recipe_with(), lineage=lineage, out=out)
    page, home = tmp_path / "errors.html", ["--home", str(out.home)]
    done = CliRunner().invoke(app, ["evaluate", "errors", "faq", "--html", str(page), *home])
    assert done.exit_code == 0, done.output
    assert "answers are wrong" in done.stdout
    assert page.exists()
    told = json.loads(CliRunner().invoke(app, ["evaluate", "errors", "faq:1", "--json", *home]).stdout)
    assert told["version"] == "faq:1"
    assert set(told["sets"]) == {"test"}
