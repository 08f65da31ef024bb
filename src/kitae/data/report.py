"""The data report in figures: what came in, what left and why, what was edited, what the kept records are like."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kitae.core.data_settings import DataSettings
from kitae.core.records import Record
from kitae.data.intake import FileCount, Quarantined
from kitae.data.privacy.redaction import masked
from kitae.data.rules import count_by

EXAMPLES = 3
EXAMPLE_CHARACTERS = 160
LENGTH_EDGES = (10, 20, 40, 80, 160, 320, 640, 1280)
"""Upper edges of the length classes, in characters; the last class is open."""


def dataset_report(
    files: Sequence[FileCount],
    kept: Sequence[Record],
    dropped: Sequence[Record],
    quarantined: Sequence[Quarantined],
    *,
    settings: DataSettings,
    task: str,
) -> dict[str, Any]:
    """Everything `report.json` holds: counts that add up, and samples with private data masked."""
    rules = count_by([record.history[-1].rule for record in dropped])
    return {
        "task": task,
        "read": sum(count.read for count in files),
        "kept": len(kept),
        "dropped": len(dropped),
        "quarantined": len(quarantined),
        "files": [_file(count, kept, dropped) for count in files],
        "rules_count": rules,
        "rules": {rule: _samples(record for record in dropped if record.history[-1].rule == rule) for rule in rules},
        "quarantine": [
            {**row.as_dict(), "reason": masked(row.reason), "excerpt": row.masked_excerpt[:EXAMPLE_CHARACTERS]}
            for row in quarantined[:EXAMPLES]
        ],
        "edits": count_by([rule for record in kept for rule in {edit.rule for edit in record.history}]),
        "privacy": _privacy([*kept, *dropped]),
        "privacy_mode": settings.privacy.mode,
        "near": settings.duplicates.near,
        "languages": count_by([record.language or "?" for record in kept]),
        "labels": count_by([record.label for record in kept if record.label]),
        "licences": count_by([record.terms.licence or "?" for record in kept]),
        "uses": count_by([record.use or "split" for record in kept]),
        "lengths": {
            "question": _lengths(len(record.question) for record in kept),
            "answer": _lengths(len(record.answer) for record in kept),
        },
    }


def prepare_notes(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The lines the terminal shows, each with its values."""
    notes = [
        {
            "text": f"{file['name']}: {file['read']:,} rows read as {file['encoding']} ({_joined(file['shapes'])}); "
            f"{file['kept']:,} kept, {sum(file['dropped'].values()):,} dropped, {file['quarantined']:,} quarantined",
            **file,
        }
        for file in report["files"]
    ]
    notes.append(
        {
            "text": f"{report['read']:,} rows read = {report['kept']:,} kept + {report['dropped']:,} dropped "
            f"+ {report['quarantined']:,} quarantined",
        }
    )
    if report["rules_count"]:
        notes.append({"text": f"dropped: {_joined(report['rules_count'])}", "rules": report["rules_count"]})
    if report["quarantine"]:
        first = report["quarantine"][0]
        notes.append({"text": f"quarantined, for example {first['file']}:{first['row']}: {first['reason']}"})
    repaired = report["edits"].get("mojibake", 0)
    if repaired:
        notes.append({"text": f"repaired: {repaired:,} kept records had been read in a wrong encoding"})
    if report["privacy_mode"] == "off":
        notes.append({"text": "private data: not looked for (data.privacy.mode is off)"})
    else:
        done = {"flag": "found", "mask": "masked", "drop": "found"}.get(report["privacy_mode"], "replaced")
        found = _joined(report["privacy"]) or "none found"
        notes.append({"text": f"private data {done}: {found}", "privacy": report["privacy"]})
    notes.append({"text": f"languages of what is kept: {_joined(report['languages'])}"})
    return notes


def _file(count: FileCount, kept: Sequence[Record], dropped: Sequence[Record]) -> dict[str, Any]:
    here = [record for record in dropped if record.origin.file == count.name]
    return {
        "name": count.name,
        "encoding": count.encoding,
        "shapes": dict(sorted(count.shapes.items())),
        "read": count.read,
        "kept": sum(record.origin.file == count.name for record in kept),
        "dropped": count_by([record.history[-1].rule for record in here]),
        "quarantined": count.quarantined,
    }


def _samples(records: Iterable[Record]) -> list[dict[str, str]]:
    out: list[dict[str, str]] = []
    for record in records:
        if len(out) == EXAMPLES:
            break
        out.append(
            {
                "id": record.id,
                "origin": str(record.origin),
                "reason": record.history[-1].reason,
                "question": _short(record.question),
                "answer": _short(record.answer),
            }
        )
    return out


def _short(text: str) -> str:
    text = masked(text)
    return text if len(text) <= EXAMPLE_CHARACTERS else text[:EXAMPLE_CHARACTERS] + "…"


def _privacy(records: Iterable[Record]) -> dict[str, int]:
    return count_by(
        [edit.detail["kind"] for record in records for edit in record.history if edit.rule == "privacy" and edit.detail]
    )


def _lengths(sizes: Iterable[int]) -> dict[str, Any]:
    """A histogram over `LENGTH_EDGES` and the five figures of a box plot, in characters."""
    ordered = sorted(sizes)
    classes: dict[int, int] = defaultdict(int)
    for size in ordered:
        classes[sum(size > edge for edge in LENGTH_EDGES)] += 1
    names = [f"≤{edge}" for edge in LENGTH_EDGES] + [f">{LENGTH_EDGES[-1]}"]
    marks = {name: ordered[round(share * (len(ordered) - 1))] for name, share in _MARKS.items()} if ordered else {}
    return {"classes": {name: classes[index] for index, name in enumerate(names)}, **marks}


_MARKS = {"least": 0.0, "quarter": 0.25, "median": 0.5, "three_quarters": 0.75, "most": 1.0}


def _joined(counts: Mapping[str, int] | Counter[str]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items())
