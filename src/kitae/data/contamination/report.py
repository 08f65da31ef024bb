"""What was found, in figures and in pairs: a training record beside the row of a benchmark, what is the same marked."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kitae.core.data_settings import ContaminationSettings
from kitae.core.records import Edit, Record
from kitae.data.contamination.benchmarks import Benchmark
from kitae.data.contamination.checking import RULE
from kitae.data.contamination.matching import KINDS, turns_of
from kitae.data.contamination.showing import Piece, common_marks, pieces

PAIRS = 100
"""So many pairs are shown; the figures count all."""
SHOWN_CHARACTERS = 1_500
Rows = Mapping[tuple[str, str], Record]
"""Benchmark and row to the row as a record."""


@dataclass
class Findings:
    """The figures, gathered record by record."""

    records: int
    """How many records were held against the benchmarks."""
    held: Counter[str] = field(default_factory=Counter)
    """Kind to how many records hold that at worst."""
    hows: Counter[str] = field(default_factory=Counter)
    rows: dict[str, set[str]] = field(default_factory=dict)
    """Benchmark to the rows of it that were found."""
    shown: list[tuple[Record, Edit]] = field(default_factory=list)

    def add(self, record: Record) -> None:
        """Count a record that was held against them, whether it stayed or went."""
        edit = next((edit for edit in record.history if edit.rule == RULE), None)
        if edit is None:
            return
        self.held[edit.detail["kind"]] += 1
        self.hows[edit.detail["how"]] += 1
        for row in edit.detail["rows"]:
            self.rows.setdefault(row["benchmark"], set()).add(row["row"])
        if len(self.shown) < PAIRS:
            self.shown.append((record, edit))

    def wanted(self) -> set[tuple[str, str]]:
        """Benchmark and row of every pair that is shown."""
        return {(edit.detail["rows"][0]["benchmark"], edit.detail["rows"][0]["row"]) for _, edit in self.shown}


def contamination_report(
    findings: Findings, benchmarks: Sequence[Benchmark], rows: Rows, settings: ContaminationSettings
) -> dict[str, Any]:
    """The report as JSON-ready values; `rows` holds at least the rows of `findings.wanted()`."""
    held: dict[str, int] = {kind: findings.held[kind] for kind in KINDS}
    goes: dict[str, bool] = {kind: kind in settings.drop for kind in KINDS}
    return {
        "records": findings.records,
        "held": held,
        "dropped": sum(count for kind, count in held.items() if goes[kind]),
        "flagged": sum(count for kind, count in held.items() if not goes[kind]),
        "how": dict(sorted(findings.hows.items())),
        "benchmarks": [{**b.as_dict(), "found": len(findings.rows.get(b.name, ()))} for b in benchmarks],
        "limits": {key: value for key, value in settings.plain().items() if key != "against"},
        "pairs": [_pair(record, edit, rows, goes) for record, edit in findings.shown],
    }


def _pair(record: Record, edit: Edit, rows: Rows, goes: Mapping[str, bool]) -> dict[str, Any]:
    worst = edit.detail["rows"][0]
    row = rows[worst["benchmark"], worst["row"]]
    mine, theirs = _texts(turns_of(record)), _texts(turns_of(row))
    return {
        "id": record.id,
        "origin": str(record.origin),
        **worst,
        "reason": edit.reason,
        "spans": edit.detail["spans"],
        "goes": goes[edit.detail["kind"]],
        "record": [_marked(role, text, theirs) for role, text in mine],
        "benchmark_row": [_marked(role, text, mine) for role, text in theirs],
    }


def _texts(turns: Iterable[Any]) -> list[tuple[str, str]]:
    return [(turn.role, turn.content) for turn in turns if turn.content.strip()]


def _marked(role: str, text: str, others: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """A turn in pieces, marked where the other side says the same."""
    found = pieces(text, common_marks(text, [other for _, other in others]))
    return {"role": role, "pieces": [list(piece) for piece in _cut(found)]}


def _cut(found: Sequence[Piece]) -> list[Piece]:
    """The pieces as far as they are shown."""
    out: list[Piece] = []
    left = SHOWN_CHARACTERS
    for text, marked in found:
        if left <= 0:
            return [*out, ("…", False)]
        out.append((text[:left], marked))
        left -= len(text)
    return out


def contamination_notes(report: Mapping[str, Any]) -> list[str]:
    """The lines for the terminal."""
    names = ", ".join(f"{b['name']} ({b['rows']:,} rows)" for b in report["benchmarks"])
    total = sum(report["held"].values())
    if not total:
        return [f"contamination: none of {report['records']:,} records holds a row of {names}"]
    kinds = {"both": "question and answer", "question": "the question", "answer": "the answer only"}
    parts = ", ".join(f"{kinds[kind]} {count:,}" for kind, count in report["held"].items() if count)
    found = ", ".join(f"{b['found']:,} rows of {b['name']}" for b in report["benchmarks"])
    return [
        f"contamination: {total:,} of {report['records']:,} records hold {found} ({parts}); "
        f"{report['dropped']:,} dropped, {report['flagged']:,} flagged"
    ]
