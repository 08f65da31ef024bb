"""The data report in figures: what came in, what left and why, what was edited, what the kept records are like."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from kitae.core.data_settings import DataSettings
from kitae.data.counting import by_count
from kitae.data.intake import FileCount
from kitae.data.report.tally import KEPT, Profile, Tally

LENGTH_EDGES = (10, 20, 40, 80, 160, 320, 640, 1280)
"""Upper edges of the length classes, in characters; the last class is open."""
NAMES = ("languages", "labels", "licences", "consents", "rights_holders", "uses")
OTHERS = "…"
"""Stands for the names beyond those that are counted each for itself."""
MARKS = {"least": 0.0, "quarter": 0.25, "median": 0.5, "three_quarters": 0.75, "most": 1.0}


def dataset_report(tally: Tally, files: Sequence[FileCount], *, settings: DataSettings, task: str) -> dict[str, Any]:
    """Everything `report.json` holds: counts that add up, and samples with private data masked."""
    before = Profile()
    before.merge(tally.kept)
    before.merge(tally.dropped)
    rules = by_count(tally.rules)
    return {
        "task": task,
        "read": sum(count.read for count in files),
        "kept": tally.kept.records,
        "dropped": tally.dropped.records,
        "quarantined": tally.quarantined,
        "files": [_file(count, tally) for count in files],
        "rules_count": rules,
        "rules": {rule: tally.samples[rule] for rule in rules},
        "quarantine": tally.quarantine,
        "edits": by_count(tally.edits),
        "flags": by_count(tally.flags),
        "flagged": {rule: tally.samples[rule] for rule in by_count(tally.flags)},
        "privacy": by_count(tally.privacy),
        "privacy_mode": settings.privacy.mode,
        "near": settings.duplicates.near,
        **profile_figures(tally.kept),
        "before": profile_figures(before),
    }


def profile_figures(profile: Profile) -> dict[str, Any]:
    """What a set of records is like: names with their counts, and lengths in characters."""
    lengths = {"question": length_figures(profile.question), "answer": length_figures(profile.answer)}
    return {**{name: _counts(profile, name) for name in NAMES}, "lengths": lengths}


def length_figures(sizes: Counter[int]) -> dict[str, Any]:
    """A histogram over `LENGTH_EDGES` and the five figures of a box plot, exact, from sizes with their counts."""
    classes = [0] * (len(LENGTH_EDGES) + 1)
    for size, count in sizes.items():
        classes[sum(size > edge for edge in LENGTH_EDGES)] += count
    names = [f"≤{edge}" for edge in LENGTH_EDGES] + [f">{LENGTH_EDGES[-1]}"]
    ordered = sorted(sizes)
    below = list(accumulate(sizes[size] for size in ordered))
    marks = {}
    for name, share in MARKS.items() if ordered else ():
        place = round(share * (below[-1] - 1))
        marks[name] = next(size for size, count in zip(ordered, below, strict=True) if count > place)
    return {"classes": dict(zip(names, classes, strict=True)), **marks}


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


def _file(count: FileCount, tally: Tally) -> dict[str, Any]:
    fates = tally.fates.get(count.name, Counter())
    return {
        "name": count.name,
        "encoding": count.encoding,
        "shapes": dict(sorted(count.shapes.items())),
        "read": count.read,
        "kept": fates[KEPT],
        "dropped": by_count({rule: rows for rule, rows in fates.items() if rule != KEPT}),
        "quarantined": count.quarantined,
    }


def _counts(profile: Profile, name: str) -> dict[str, int]:
    counts = getattr(profile, name)
    counts.close()
    others = {OTHERS: counts.others} if counts.others else {}
    return {**by_count(counts.counts), **others}


def _joined(counts: Mapping[str, int] | Counter[str]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items())
