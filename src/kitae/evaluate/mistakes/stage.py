"""Errors of a finished verdict and what to add: read from its predictions and the training split, nobody is asked."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kitae.core.artifacts import Split, Verdict
from kitae.core.files import read_jsonl, write_bytes
from kitae.core.records import read_records
from kitae.errors import InputError, UnknownName
from kitae.evaluate.mistakes.analysis import CAUSE_NAMES, analyse
from kitae.evaluate.mistakes.items import items_of
from kitae.evaluate.mistakes.proposals import lines, propose
from kitae.evaluate.prediction_log import is_right

PREFIX = "predictions-"
COLUMNS = ("decision", "correction", "id", "cause", "question", "reference", "answer", "nearest_question",
           "nearest_answer", "cluster")  # fmt: skip
"""People fill in the first two."""
ON_SHEET = 5
"""Proposals on the labelling sheet."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def errors(verdict: Verdict, split: Split, *, system: str = "tuned", sets: Sequence[str] = ()) -> dict[str, Any]:
    """The error analysis of one system on the sets of a verdict, or on those named.

    Raises `UnknownName` for a set or a system that the verdict has not.
    """
    judged = verdict.json("verdict.json")
    names = list(judged["sets"])
    for name in sets:
        if name not in names:
            raise UnknownName("held-out set", got=name, known=names)
    train = list(filter(is_right, read_records(split.file("train.jsonl"))))
    found = {}
    for name in sets or names:
        items = items_of(read_jsonl(verdict.file(f"{PREFIX}{name}.jsonl")), system)
        found[name] = analyse(items, train, confidence=judged["confidence"], seed=judged["seed"])
    return {"system": system, "verdict": verdict.digest, "confidence": judged["confidence"], "sets": found}


def proposals(verdict: Verdict, split: Split, *, system: str = "tuned", name: str = "test") -> dict[str, Any]:
    """What to add next by the failures on one set of a verdict.

    Raises `UnknownName` for a set or a system that the verdict has not.
    """
    judged = verdict.json("verdict.json")
    if name not in judged["sets"]:
        raise UnknownName("held-out set", got=name, known=judged["sets"])
    train = list(filter(is_right, read_records(split.file("train.jsonl"))))
    items = items_of(read_jsonl(verdict.file(f"{PREFIX}{name}.jsonl")), system)
    found = propose(items, train, confidence=judged["confidence"], seed=judged["seed"])
    about = {"system": system, "verdict": verdict.digest, "set": name, "task": judged["task"]}
    return {**about, "confidence": judged["confidence"], **found, "lines": lines(found)}


def write_labelling_sheet(path: Path, report: Mapping[str, Any]) -> int:
    """Write the first proposals as rows to be filled in; returns how many rows. Raises `InputError`.

    Filled in, the sheet is a file of data: rows whose question stays empty are dropped when it is read.
    """
    heads = ("text", "label") if report["task"] == "classify" else ("question", "answer")
    rows = [
        ("", one["answer"], f"{rank}. {one['name']}", one["examples"][number % len(one["examples"])])
        for rank, one in enumerate(report["proposals"][:ON_SHEET], 1)
        for number in range(one["add"])
    ]
    _write_csv(path, (*heads, "proposal", "like"), rows)
    return len(rows)


def write_sheet(path: Path, report: Mapping[str, Any]) -> int:
    """Write the failures as a CSV sheet on which people decide; returns how many. Raises `InputError`."""
    rows = []
    for values in report["sets"].values():
        for one in values["failures"]:
            name = "" if one["cluster"] is None else values["clusters"][one["cluster"]]["name"]
            near = one["nearest"][0]
            cells = ("", "", one["id"], CAUSE_NAMES[one["cause"]][0], one["question"], one["reference"], one["answer"],
                     near["question"], near["answer"], name)  # fmt: skip
            rows.append(cells)
    _write_csv(path, COLUMNS, rows)
    return len(rows)


def _write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if path.suffix.lower() != ".csv":
        raise InputError("the sheet is CSV", got=path.name, hint="Name a file that ends in .csv")
    if path.exists():
        raise InputError(
            f"{path.name} is there already, perhaps with somebody's work in it",
            got=str(path),
            hint="Name another file",
        )
    text = io.StringIO()
    csv.writer(text).writerows([columns, *([_plain(cell) for cell in row] for row in rows)])
    # Without a byte order mark Excel takes Japanese for something else.
    write_bytes(path, text.getvalue().encode("utf-8-sig"))


def _plain(cell: str) -> str:
    """A cell that no spreadsheet program takes for a formula: the text comes from strangers."""
    return "'" + cell if cell.startswith(FORMULA) else cell
