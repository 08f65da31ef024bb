"""Hard cases, written by hand and labelled: how much of the private data is found, and how much else."""

import csv
import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest
from data.labelled import Labelled, labelled, read_cases

from kitae.data.privacy.redaction import KINDS, scan

FILES = ("ja", "en", "ja_unseen", "en_unseen")
LEAST_RECALL, LEAST_PRECISION = 0.94, 0.95
MODEST = 0.8
"""Least recall of any single kind of which there are five."""


def covered(case: Labelled, start: int, end: int) -> bool:
    findings = scan(case.text, KINDS)
    return all(any(f.start <= at < f.end for f in findings) for at in range(start, end) if case.text[at].strip())


@pytest.mark.parametrize("name", FILES)
def test_nearly_all_is_found_and_named_rightly(name: str) -> None:
    found: dict[str, list[bool]] = defaultdict(list)
    misnamed = []
    for case in read_cases(name):
        for kind, start, end in case.spans:
            found[kind].append(covered(case, start, end))
            if found[kind][-1] and not any(
                f.kind == kind and f.start < end and start < f.end for f in scan(case.text, KINDS)
            ):
                misnamed.append((kind, case.text))
    everything = [hit for hits in found.values() for hit in hits]
    assert sum(everything) / len(everything) >= LEAST_RECALL
    assert {kind for kind, hits in found.items() if len(hits) >= 5 and sum(hits) / len(hits) < MODEST} == set()
    assert len(misnamed) <= 0.03 * len(everything), misnamed


@pytest.mark.parametrize("name", FILES)
def test_little_else_is_taken(name: str) -> None:
    right, wrong = 0, []
    for case in read_cases(name):
        for finding in scan(case.text, KINDS):
            inside = sum(max(0, min(finding.end, end) - max(finding.start, start)) for _, start, end in case.spans)
            if 2 * inside > finding.end - finding.start:
                right += 1
            else:
                wrong.append((finding.kind, case.text[finding.start : finding.end], case.text))
    assert right / (right + len(wrong)) >= LEAST_PRECISION, wrong


def test_the_cases_are_many_and_of_all_kinds() -> None:
    cases = [case for name in FILES for case in read_cases(name)]
    assert len(cases) >= 300
    assert sum(not case.spans for case in cases) >= 100
    assert {kind for case in cases for kind, _, _ in case.spans} == set(KINDS) - {"person_id"}
    assert all(a[2] <= b[1] for case in cases for a, b in pairwise(case.spans))


def test_the_marks_are_read() -> None:
    assert labelled("a⟦name:b c⟧d\\n") == Labelled("ab cd\n", (("name", 1, 4),))


def utterances(folder: Path) -> list[str]:
    """What people wrote to a hotel in Japanese and to a bank in English: nobody gives a name or number of theirs."""
    hotel = (folder / "asdc_ja" / "vanilla__topic.L1.1turn.VanillaUtterances.jsonl").read_text("utf-8").splitlines()
    with (folder / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        bank = [row["text"] for row in csv.DictReader(file)]
    return [text for line in hotel for text in texts_in(json.loads(line))] + bank


def texts_in(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts_in(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts_in(item)]
    return [value] if isinstance(value, str) else []


def test_real_questions_without_private_data_are_left_alone(shared_data: Path) -> None:
    texts = utterances(shared_data)
    assert len(texts) > 12_000
    alarms = [(f.kind, text[f.start : f.end], text) for text in texts for f in scan(text, KINDS)]
    assert len(alarms) <= len(texts) / 5_000, alarms
