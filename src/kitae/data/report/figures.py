"""The data report in figures: what came in, what left and why, what was edited, what the kept records are like."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from kitae.core.data_settings import DataSettings
from kitae.data.counting import BoundedCounts, by_count
from kitae.data.intake import FileCount
from kitae.data.report.profile import NAMES, Profile
from kitae.data.report.samples import PRIVACY, Samples, add_samples
from kitae.data.report.tally import KEPT, Tally
from kitae.data.rules.skew import skews

LENGTH_EDGES = (10, 20, 40, 80, 160, 320, 640, 1280)
"""Upper edges of the length classes, in characters; the last class is open."""
OTHERS = "…"
"""Stands for the names beyond those that are counted each for itself."""
MARKS = {"least": 0.0, "quarter": 0.25, "median": 0.5, "three_quarters": 0.75, "most": 1.0}


def dataset_report(
    tally: Tally,
    files: Sequence[FileCount],
    *,
    settings: DataSettings,
    task: str,
    meanings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Everything `report.json` holds: counts that add up, and samples with private data masked."""
    before = Profile()
    before.merge(tally.kept)
    before.merge(tally.dropped)
    rules, flags = by_count(tally.rules), by_count(tally.flags)
    mended: Samples = {}
    for file in files:
        add_samples(mended, file.mended)
    return {
        "task": task,
        "read": sum(count.read for count in files),
        "kept": tally.kept.records,
        "dropped": tally.dropped.records,
        "quarantined": tally.quarantined,
        "files": [_file(count, tally) for count in files],
        "rules_count": rules,
        "rules": {rule: tally.samples_of(rule) for rule in rules},
        "quarantine": tally.quarantine,
        "quarantine_reasons": _counts(tally.reasons),
        "edits": by_count(tally.edits),
        "mended": mended,
        "flags": flags,
        "flagged": {rule: tally.samples_of(rule) for rule in flags},
        "privacy": by_count(tally.privacy),
        "privacy_mode": settings.privacy.mode,
        "redacted": tally.samples_of(PRIVACY),
        "near": settings.duplicates.near,
        "duplicates": _clusters(tally),
        "meanings": meanings,
        "feelings": {"before": _feelings(before), "after": _feelings(tally.kept)},
        **profile_figures(tally.kept),
        "before": profile_figures(before),
    }


def profile_figures(profile: Profile) -> dict[str, Any]:
    """What a set of records is like: names with their counts, and lengths in characters."""
    lengths = {"question": length_figures(profile.question), "answer": length_figures(profile.answer)}
    appears: dict[str, Counter[str]] = {}
    for (what, which), count in profile.attributes.items():
        appears.setdefault(what, Counter())[which] = count
    return {
        **{name: _counts(getattr(profile, name)) for name in NAMES},
        "lengths": lengths,
        "attributes": {what: by_count(counts) for what, counts in sorted(appears.items())},
    }


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
    notes += _meaning_notes(report["meanings"])
    notes.append({"text": f"languages of what is kept: {_joined(report['languages'])}"})
    return notes


def _meaning_notes(found: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    if found is None:
        return []
    done = "flagged" if found["action"] == "flag" else "dropped"
    notes = [
        f"said in other words: {found['found']:,} of {found['compared']:,} rows seem to repeat another "
        f"(similarity of {found['alike']:g} and more by {found['by']}); {done}"
    ]
    if found["stopped"]:
        notes.append(
            f"said in other words: {found['uncompared']:,} rows were not compared, since the cap on cost was reached "
            "(data.duplicates.meaning.endpoint.most_cost)"
        )
    return [{"text": text} for text in notes]


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


def _counts(counts: BoundedCounts) -> dict[str, int]:
    counts.close()
    others = {OTHERS: counts.others} if counts.others else {}
    return {**by_count(counts.counts), **others}


def _clusters(tally: Tally) -> dict[str, Any]:
    """Clusters of duplicates, each the record that was kept and those that went for it, by size."""
    tally.clusters.close()
    sizes = Counter(count + 1 for count in tally.clusters.counts.values())
    return {
        "clusters": len(tally.clusters.counts),
        "sizes": {str(size): sizes[size] for size in sorted(sizes)},
        "sampled": tally.clusters.others > 0,
    }


def _feelings(profile: Profile) -> dict[str, Any]:
    """How the records of each file feel, against the rest: counts by score, means, shares, difference, p-value."""
    measured = skews({file: tuple(counts) for file, counts in profile.feelings.items()})
    return {
        file: {
            "counts": profile.feelings[file],
            **{name: round(value, 6) for name, value in vars(skew).items()},
        }
        for file, skew in measured.items()
    }


def _joined(counts: Mapping[str, int] | Counter[str]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items())
