"""The embedded raw data holds planted faults with a truth file: each class must be found, and little else called one.

How it is counted. A row is one (file, sheet, row). For faults of single rows, what was found are the rows that a rule
dropped (for mojibake and private data: the rows it edited in a turn); precision is over all rows it touched. A row with
two planted faults counts as found when either took it. Private data counts as found only when the planted text is gone.
Clusters: a duplicate cluster is found when exactly one of its members is left; a conflict cluster is found when its
planted wrong answer is gone, and with a tie everything. A drop as a duplicate is right when the row shares a planted
cluster of any class with the kept row that it names (the two agreeing rows of a conflict are duplicates, too); a drop
as a conflict is right when the row is a member of a planted conflict.
"""

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from kitae import data
from kitae.core.files import read_jsonl
from kitae.core.recipe import load_recipe
from kitae.core.records import Record, read_records
from kitae.core.text import compact, is_japanese, ngrams, normalise
from kitae.core.workspace import Workspace

INN = Path(data.__file__).parent / "inn"
LEAST = 0.95
DROPS = ("empty_answer", "truncated_answer", "offensive", "wrong_language", "no_licence")
Place = tuple[str, str, int]


class Found:
    """The prepared dataset beside the truth."""

    def __init__(self, workspace: Workspace) -> None:
        recipe = load_recipe(INN / "recipe.yaml")
        source = data.find(recipe.data.sources, folder=INN, out=workspace)
        dataset = data.prepare(source, settings=recipe.data, task=recipe.task, out=workspace, folder=INN)
        self.dataset = dataset
        kept = list(read_records(dataset.file("records.jsonl")))
        dropped = list(read_records(dataset.file("dropped.jsonl")))
        self.records: dict[Place, Record] = {place(r.origin.__dict__): r for r in kept + dropped}
        self.by_id = {record.id: where for where, record in self.records.items()}
        self.kept = {place(r.origin.__dict__) for r in kept}
        self.dropped: dict[str, set[Place]] = defaultdict(set)
        for record in dropped:
            self.dropped[record.history[-1].rule].add(place(record.origin.__dict__))
        self.truth: dict[str, dict[Place, dict[str, Any]]] = defaultdict(dict)
        self.clusters: dict[str, dict[str, set[Place]]] = defaultdict(lambda: defaultdict(set))
        for row in read_jsonl(INN / "truth.jsonl"):
            self.truth[row["fault"]][place(row)] = row["detail"]
            if "cluster" in row:
                self.clusters[row["fault"]][row["cluster"]].add(place(row))

    def text(self, where: Place) -> str:
        return "\n".join(message.content for message in self.records[where].messages)


def place(row: dict[str, Any]) -> Place:
    return row["file"], row.get("sheet", ""), row["row"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return Found(Workspace(tmp_path_factory.mktemp("inn")))


def check(fault: str, *, right: int, called: int, hit: int, planted: int, misses: object, alarms: object) -> None:
    assert planted >= 20, f"{fault}: too few planted to say anything"
    recall, precision = hit / planted, right / called if called else 0.0
    assert recall >= LEAST, f"{fault}: recall {recall:.3f}, missed {misses}"
    assert precision >= LEAST, f"{fault}: precision {precision:.3f}, false alarms {alarms}"


@pytest.mark.parametrize("fault", DROPS)
def test_rows_that_must_go(found: Found, fault: str) -> None:
    planted, called = set(found.truth[fault]), found.dropped[fault]
    hit = {where for where in planted if where not in found.kept and why(found, where) in faults_of(found, where)}
    check(
        fault,
        right=len(called & planted),
        called=len(called),
        hit=len(hit),
        planted=len(planted),
        misses=sorted(planted - hit),
        alarms=[(w, found.text(w)) for w in sorted(called - planted)],
    )


def test_mojibake_is_put_right(found: Found) -> None:
    planted = found.truth["mojibake"]
    called = {where for where, record in found.records.items() if any(e.rule == "mojibake" for e in record.history)}
    hit = {where for where, detail in planted.items() if where in called and as_it_was(found.records[where], detail)}
    check(
        "mojibake",
        right=len(called & planted.keys()),
        called=len(called),
        hit=len(hit),
        planted=len(planted),
        misses=[(w, found.text(w)) for w in sorted(planted.keys() - hit)],
        alarms=sorted(called - planted.keys()),
    )


def as_it_was(record: Record, detail: dict[str, Any]) -> bool:
    """Whether a repaired record says what was written before it was misread."""
    answer = detail.get("original_answer")
    asked = normalise(record.question) == normalise(detail["original_text"])
    return asked and (answer is None or normalise(record.answer) == normalise(answer))


def test_broken_rows_are_quarantined_and_no_others(found: Found) -> None:
    quarantined = {place(row): row["reason"] for row in read_jsonl(found.dataset.file("quarantine.jsonl"))}
    assert quarantined.keys() == found.truth["broken"].keys()
    assert len(quarantined) == 2
    assert all(quarantined.values())


@pytest.mark.parametrize("fault", ["private", "secret"])
def test_private_data_and_secrets_are_gone(found: Found, fault: str) -> None:
    planted = found.truth[fault]
    called = {where for where, record in found.records.items() if edited_kinds(record, secret=fault == "secret")}
    hit = {where for where, detail in planted.items() if detail["text"] not in found.text(where)}
    check(
        fault,
        right=len(called & planted.keys()),
        called=len(called),
        hit=len(hit),
        planted=len(planted),
        misses=[(w, planted[w]) for w in sorted(planted.keys() - hit)],
        alarms=[(w, found.text(w)) for w in sorted(called - planted.keys())],
    )


@pytest.mark.parametrize("fault", ["exact_duplicate", "near_duplicate"])
def test_one_of_each_duplicate_cluster_stays(found: Found, fault: str) -> None:
    clusters = found.clusters[fault]
    hit = {name for name, members in clusters.items() if len(members & found.kept) == 1}
    called = found.dropped[fault]
    right = {where for where in called if share_a_cluster(found, where, kept_for(found, where))}
    check(
        fault,
        right=len(right),
        called=len(called),
        hit=len(hit),
        planted=len(clusters),
        misses=[(name, sorted(clusters[name])) for name in sorted(clusters.keys() - hit)],
        alarms=[(w, found.text(w), found.text(kept_for(found, w))) for w in sorted(called - right)],
    )


def test_contradicting_answers_go(found: Found) -> None:
    clusters = found.clusters["conflicting_answers"]
    details = found.truth["conflicting_answers"]
    hit = set()
    for name, members in clusters.items():
        wrong = {where for where in members if not details[where]["original"]}
        tie = 2 * len(wrong) >= len(members)
        if not (wrong & found.kept) and (not tie or not members & found.kept):
            hit.add(name)
    called = found.dropped["conflicting_answers"]
    check(
        "conflicting_answers",
        right=len(called & details.keys()),
        called=len(called),
        hit=len(hit),
        planted=len(clusters),
        misses=[(name, sorted(clusters[name])) for name in sorted(clusters.keys() - hit)],
        alarms=[(w, found.text(w)) for w in sorted(called - details.keys())],
    )


def test_nearly_all_honest_rows_stay(found: Found) -> None:
    faulty = {where for rows in found.truth.values() for where in rows}
    honest = found.records.keys() - faulty
    lost = honest - found.kept
    assert len(lost) <= 0.01 * len(honest), [(w, why(found, w), found.text(w)) for w in sorted(lost)][:10]


def test_no_test_question_is_known_from_training(found: Found, tmp_path: Path) -> None:
    """Counted here by other means than the split's own: every turn of the user against every one, pair by pair.

    Of a held-out chat the last question is asked; in training every turn is read.
    """
    recipe = load_recipe(INN / "recipe.yaml")
    split = data.split(found.dataset, settings=recipe.data.split, seed=recipe.seed, out=Workspace(tmp_path))
    records = {name: list(read_records(split.file(f"{name}.jsonl"))) for name in ("train", "validation", "test")}
    taught = [m.content for record in records["train"] for m in record.messages if m.role == "user"]
    known = {text: pieces(text) for text in taught}
    where: dict[str, set[str]] = defaultdict(set)
    for text, grams in known.items():
        for gram in grams:
            where[gram].add(text)
    assert len(records["test"]) >= 300
    near = recipe.data.duplicates.near
    assert near is not None
    for name in ("test", "validation"):
        for record in records[name]:
            mine = pieces(record.question)
            shared: Counter[str] = Counter()
            for gram in mine:
                shared.update(where[gram])
            likeness = {text: same / (len(mine) + len(known[text]) - same) for text, same in shared.items()}
            assert max(likeness.values(), default=0.0) < near, (
                record.question,
                max(likeness, key=likeness.__getitem__),
            )


def pieces(text: str) -> set[str]:
    """Character n-grams: 3 letters in Japanese, 5 otherwise, nothing but letters and digits."""
    return ngrams(compact(text), 3 if is_japanese(text) else 5)


def test_the_report_adds_up_and_quotes_nothing_private(found: Found) -> None:
    dataset = found.dataset
    report = dataset.json("report.json")
    assert report["read"] == report["kept"] + report["dropped"] + report["quarantined"]
    text = (dataset.folder / "report.html").read_text("utf-8") + json.dumps(report, ensure_ascii=False)
    leaks = [detail["text"] for fault in ("private", "secret") for detail in found.truth[fault].values()]
    assert [leak for leak in leaks if leak in text and len(leak) > 4] == []


def why(found: Found, where: Place) -> str:
    return next((rule for rule, rows in found.dropped.items() if where in rows), "")


def faults_of(found: Found, where: Place) -> set[str]:
    return {fault for fault, rows in found.truth.items() if where in rows}


def edited_kinds(record: Record, *, secret: bool) -> set[str]:
    details = [e.detail for e in record.history if e.rule == "privacy" and e.detail.get("place", "").startswith("turn")]
    return {detail["kind"] for detail in details if (detail["kind"] == "secret") == secret}


def kept_for(found: Found, where: Place) -> Place:
    return found.by_id[found.records[where].history[-1].detail["kept"]]


def share_a_cluster(found: Found, one: Place, other: Place) -> bool:
    return any({one, other} <= members for clusters in found.clusters.values() for members in clusters.values())
