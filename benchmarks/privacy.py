"""Private data: what is found, what is taken wrongly, and how fast, against Presidio's pattern recognisers.

    python benchmarks/privacy.py [--rounds 5]

Three sets. Presidio's own synthetic texts (1,500 in English, in the shared data; skipped where they are absent): a span
counts as found when all of it is covered by findings of its kind. The private data planted in the demo's raw files: a
row counts as found when the planted text is gone; precision is over all rows of which a turn was changed. The labelled
hard cases of the tests, written by hand.

Speed is CPU time on one core, in alternating rounds, each on texts that were not seen before in that round, and the
median of the ratios counts. kitae looks for everything that its default looks for (19 kinds, names and addresses in two
languages among them), Presidio for six: cards, e-mail, IBAN, IP, phone and social security numbers, without any
language model. The smallest ratio over the sets of texts is the one that is reported.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kitae import data
from kitae.core.files import read_jsonl
from kitae.core.recipe import load_recipe
from kitae.core.records import Message, Origin, Record, read_records
from kitae.core.workspace import Workspace
from kitae.data.privacy.findings import Finding
from kitae.data.privacy.presidio import pattern_recognisers
from kitae.data.privacy.redaction import KINDS, Redactor, scan
from kitae.data.privacy.surrogates import Keyed

TOP = Path(__file__).parents[1]
SHARED = Path(os.environ.get("KITAE_SHARED_DATA", TOP.parent / "shared" / "data"))
INN = Path(data.__file__).parent / "inn"
STRUCTURED = {
    "CREDIT_CARD": {"card"},
    "DATE_TIME": {"date", "birth_date"},
    "DOMAIN_NAME": {"url"},
    "EMAIL_ADDRESS": {"email"},
    "IBAN_CODE": {"iban"},
    "IP_ADDRESS": {"ip_address"},
    "PHONE_NUMBER": {"phone"},
    "US_DRIVER_LICENSE": {"driving_licence"},
    "US_SSN": {"us_ssn"},
}
"""Types of Presidio's set for which Presidio has a pattern recogniser, and our kinds."""
UNSTRUCTURED = {"PERSON": {"name"}, "STREET_ADDRESS": {"address", "postal_code"}, "ZIP_CODE": {"postal_code"}}
ENTITIES = {"DOMAIN_NAME": "URL"}
"""Presidio's name of an entity where the set calls it otherwise."""
TIMED = ("CREDIT_CARD", "EMAIL_ADDRESS", "IBAN_CODE", "IP_ADDRESS", "PHONE_NUMBER", "US_SSN")
LEAST_SPEED, LEAST_RECALL, LEAST_PRECISION = 10.0, 0.97, 0.95
Span = tuple[str, int, int]


def covered(start: int, end: int, found: Iterable[tuple[int, int]], text: str) -> bool:
    """Whether findings cover every character of a span that is no space."""
    places = [place for place in range(start, end) if not text[place].isspace()]
    spans = list(found)
    return all(any(a <= place < b for a, b in spans) for place in places)


def presidio_set() -> list[tuple[str, list[Span]]]:
    rows = json.loads((SHARED / "presidio_pii" / "synth_dataset_v2.json").read_text("utf-8"))
    return [
        (row["full_text"], [(s["entity_type"], s["start_position"], s["end_position"]) for s in row["spans"]])
        for row in rows
    ]


def shares(hits: dict[str, list[bool]]) -> dict[str, float]:
    return {kind: round(sum(found) / len(found), 3) for kind, found in sorted(hits.items())}


def overall(hits: dict[str, list[bool]], kinds: Iterable[str]) -> float:
    everything = [hit for kind in kinds for hit in hits.get(kind, [])]
    return round(sum(everything) / len(everything), 3)


def against_presidio(rows: Sequence[tuple[str, list[Span]]], theirs: dict[str, Any]) -> dict[str, Any]:
    """Recall and precision by type of both on Presidio's set; dates and links are looked for, as Presidio does.

    A finding is right when it touches a span of its own type. Many dates of the set are words such as Tuesday, which
    neither looks for.
    """
    kinds = (*KINDS, "date", "url")
    hits: dict[str, dict[str, list[bool]]] = {"ours": defaultdict(list), "theirs": defaultdict(list)}
    right: dict[str, list[bool]] = {"ours": [], "theirs": []}
    for text, spans in rows:
        found = scan(text, kinds)
        for name, wanted in (STRUCTURED | UNSTRUCTURED).items():
            labelled = [(start, end) for kind, start, end in spans if kind == name]
            ours = [(f.start, f.end) for f in found if f.kind in wanted]
            theirs_here = their_findings(theirs[name], text) if name in theirs else []
            hits["ours"][name] += [covered(start, end, ours, text) for start, end in labelled]
            hits["theirs"][name] += [covered(start, end, theirs_here, text) for start, end in labelled]
            if name in STRUCTURED:
                right["ours"] += [touches(span, labelled) for span in ours]
                right["theirs"] += [touches(span, labelled) for span in theirs_here]
    worse = {name for name in STRUCTURED if sum(hits["ours"][name]) < sum(hits["theirs"][name])}
    assert not worse, f"recall below Presidio's: {worse}"
    return {
        "recall_by_type": shares(hits["ours"]),
        "presidio_recall_by_type": shares({name: hits["theirs"][name] for name in STRUCTURED}),
        "recall_structured": overall(hits["ours"], STRUCTURED),
        "presidio_recall_structured": overall(hits["theirs"], STRUCTURED),
        "precision_structured": round(sum(right["ours"]) / len(right["ours"]), 3),
        "presidio_precision_structured": round(sum(right["theirs"]) / len(right["theirs"]), 3),
    }


def touches(span: tuple[int, int], labelled: Iterable[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in labelled)


def their_findings(recogniser: Any, text: str) -> list[tuple[int, int]]:
    return [(found.start, found.end) for found in recogniser.analyze(text, recogniser.supported_entities)]


def planted(folder: Path) -> dict[str, Any]:
    """Rows of the demo with planted private data and secrets: found when the planted text is gone from the row."""
    recipe = load_recipe(INN / "recipe.yaml")
    workspace = Workspace(folder)
    source = data.find(recipe.data.sources, folder=INN, out=workspace)
    dataset = data.prepare(source, settings=recipe.data, task=recipe.task, out=workspace, folder=INN)
    records = {
        (r.origin.file, r.origin.sheet, r.origin.row): r
        for name in ("records.jsonl", "dropped.jsonl")
        for r in read_records(dataset.file(name))
    }
    truth = [row for row in read_jsonl(INN / "truth.jsonl") if row["fault"] in {"private", "secret"}]
    places = {(row["file"], row.get("sheet", ""), row["row"]) for row in truth}
    figures: dict[str, Any] = {}
    for language in ("ja", "en"):
        mine = {place: r for place, r in records.items() if is_japanese(r) == (language == "ja")}
        hits: dict[str, list[bool]] = defaultdict(list)
        for row in truth:
            place = (row["file"], row.get("sheet", ""), row["row"])
            if place in mine:
                text = "\n".join(message.content for message in mine[place].messages)
                hits[row["detail"]["kind"]].append(row["detail"]["text"] not in text)
        changed = {place for place, record in mine.items() if touched(record)}
        figures |= {
            f"recall_{language}_by_kind": shares(hits),
            f"recall_{language}": overall(hits, hits),
            f"precision_{language}": round(len(changed & places) / len(changed), 3),
            f"planted_{language}": sum(map(len, hits.values())),
        }
    return figures


def is_japanese(record: Record) -> bool:
    return any("぀" <= c <= "ヿ" or "一" <= c <= "鿿" for message in record.messages for c in message.content)


def touched(record: Record) -> bool:
    return any(e.rule == "privacy" and e.detail["place"].startswith("turn") for e in record.history)


def hard_cases() -> dict[str, Any]:
    """The labelled cases of the tests."""
    sys.path.insert(0, str(TOP / "tests"))
    from data.labelled import CASES, read_cases

    figures: dict[str, Any] = {}
    for name in sorted(path.stem for path in CASES.glob("*.txt")):
        hits: dict[str, list[bool]] = defaultdict(list)
        right = []
        for text, spans in read_cases(name):
            findings: Sequence[Finding] = scan(text, KINDS)
            for kind, start, end in spans:
                hits[kind].append(covered(start, end, [(f.start, f.end) for f in findings], text))
            right += [any(f.start < end and start < f.end for _, start, end in spans) for f in findings]
        figures[name] = {
            "texts": len(read_cases(name)),
            "spans": sum(map(len, hits.values())),
            "recall": overall(hits, hits),
            "precision": round(sum(right) / len(right), 3),
            "missed_by_kind": {kind: found.count(False) for kind, found in hits.items() if not all(found)},
        }
    return figures


def chats() -> dict[str, list[str]]:
    """Short turns of the demo's chat logs by language, each text once."""
    turns: dict[str, dict[str, None]] = {"ja": {}, "en": {}}
    for row in read_jsonl(INN / "chat_logs.jsonl"):
        for turn in row.get("conversations", ()):
            turns["en" if turn["value"].isascii() else "ja"][turn["value"]] = None
    return {language: list(texts) for language, texts in turns.items()}


def cpu_seconds(work: Callable[[str], object], texts: Sequence[str]) -> float:
    started = time.process_time()
    for text in texts:
        work(text)
    return time.process_time() - started


def speed(texts: Sequence[str], theirs: Sequence[Any], rounds: int) -> dict[str, float]:
    """Texts a CPU second of both, and the median ratio of alternating rounds."""

    def ask_presidio(text: str) -> None:
        for recogniser in theirs:
            recogniser.analyze(text, recogniser.supported_entities)

    ours_s, theirs_s = [], []
    for _ in range(rounds):
        scan.cache_clear()
        ours_s.append(cpu_seconds(lambda text: scan(text, KINDS), texts))
        theirs_s.append(cpu_seconds(ask_presidio, texts))
    ratios = [their / our for our, their in zip(ours_s, theirs_s, strict=True)]
    return {
        "texts": len(texts),
        "mean_characters": round(sum(map(len, texts)) / len(texts)),
        "texts_per_cpu_s": round(len(texts) / statistics.median(ours_s)),
        "presidio_texts_per_cpu_s": round(len(texts) / statistics.median(theirs_s)),
        "ratio": round(statistics.median(ratios), 1),
    }


def records_per_cpu_second(texts: dict[str, list[str]], rounds: int) -> int:
    """Whole records of two turns through the redactor in the mode replace."""
    redactor = Redactor("replace", KINDS, Keyed(b"k"), scope="conversation")
    pairs = zip(texts["ja"] * 9, texts["en"] * 9, strict=False)
    records = [Record(str(i), (Message("user", q), Message("assistant", a)), Origin("f", i))
               for i, (q, a) in enumerate(pairs)][:2000]  # fmt: skip
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        for record in records:
            scan.cache_clear()
            redactor.record(record)
        taken.append(time.process_time() - started)
    return round(len(records) / statistics.median(taken))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    by_entity = {entity: made for made in pattern_recognisers() for entity in made.supported_entities}
    theirs = {name: by_entity[ENTITIES.get(name, name)] for name in STRUCTURED}
    with tempfile.TemporaryDirectory() as folder:
        row: dict[str, Any] = {"benchmark": "privacy", **planted(Path(folder))}
    row["hard_cases"] = hard_cases()
    texts = chats()
    sets = {f"chat_{language}": found for language, found in texts.items()}
    if (SHARED / "presidio_pii").is_dir():
        rows = presidio_set()
        row |= against_presidio(rows, theirs)
        sets["presidio_pii"] = [text for text, _ in rows]
    else:
        row["skipped"] = "presidio_pii is not there"
    timed = [theirs[name] for name in TIMED]
    row["speed"] = {name: speed(found, timed, rounds) for name, found in sets.items()}
    row["speed_ratio_vs_presidio"] = min(figures["ratio"] for figures in row["speed"].values())
    row["records_per_cpu_s"] = records_per_cpu_second(texts, rounds)
    row["versions"] = {name: version(name) for name in ("presidio-analyzer", "phonenumbers")}
    row["python"] = platform.python_version()
    assert row["recall_ja"] >= LEAST_RECALL, row
    assert row["precision_ja"] >= LEAST_PRECISION, row
    assert row["speed_ratio_vs_presidio"] >= LEAST_SPEED, row
    print(json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
