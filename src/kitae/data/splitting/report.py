"""The report of a split: counts that add up, the proof, how alike the sides are, and what a person should know."""

from collections.abc import Mapping
from datetime import UTC
from itertools import pairwise
from typing import Any

import numpy as np

from kitae.core.data_settings import SplitSettings
from kitae.core.workspace import Draft
from kitae.data.alike.ragged import Array
from kitae.data.privacy.scanning import masked
from kitae.data.skew import Table, skew
from kitae.data.splitting.blocks import Blocks
from kitae.data.splitting.columns import USES, Columns, Sets
from kitae.data.splitting.dates import EPOCH, MICROSECOND
from kitae.data.splitting.drawing import NOWHERE, SPLITS, Drawn
from kitae.data.splitting.proof import proof_of
from kitae.errors import NothingToLearn

PLURALS = {"label": "labels", "language": "languages"}
MOST_NAMED = 8
"""So many rare values are named in a sentence; the report names all."""


def report_of(
    columns: Columns, blocks: Blocks, drawn: Drawn, settings: SplitSettings, *, over: str | None
) -> dict[str, Any]:
    """Everything `report.json` holds. `over` is the column whose shares were kept alike.

    Raises `NothingToLearn` when no row is left for training.
    """
    rows = {name: int((drawn.sides == place).sum()) for place, name in enumerate(SPLITS)}
    if not rows["train"]:
        raise NothingToLearn(
            "no row is left for training",
            got=", ".join(f"{name}: {count}" for name, count in rows.items()),
            hint="Add rows whose use is train (or leave `use` out), or look at the reasons in dropped.jsonl",
        )
    stated = {USES[use] for use in np.unique(columns.uses).tolist()}
    report: dict[str, Any] = {
        "read": len(columns),
        "rows": rows,
        "dropped": int((drawn.sides == NOWHERE).sum()),
        "stated": sorted(stated - {""}),
        "carved": list(drawn.carved),
        "clusters": len(blocks),
        "largest_cluster": int(blocks.sizes.max(initial=0)),
        "proof": proof_of(columns, blocks, drawn),
        "languages": _counts(columns.languages, drawn.sides),
        "labels": _counts(columns.labels, drawn.sides) if columns.labels.names else {},
        "skew": _skew(columns, drawn.sides, over),
        "rare": _rare(columns, blocks, drawn, over),
    }
    if drawn.folds is not None:
        report["folds"] = _folds(drawn, settings)
    if columns.dates is not None:
        report["time"] = _time(columns, blocks, drawn)
    assert report["read"] == sum(rows.values()) + report["dropped"]
    assert not any(report["proof"].values()), report["proof"]
    return report


def _counts(sets: Sets, sides: Array) -> dict[str, dict[str, int]]:
    """For each side, how many rows have each value; "" stands for rows without any."""
    owners = sides[sets.rows.owners()]
    out = {}
    for place, name in enumerate(SPLITS):
        counts = np.bincount(sets.rows.values[owners == place], minlength=len(sets.names)).tolist()
        without = int((sets.rows.lengths[sides == place] == 0).sum())
        named = {value: count for value, count in zip(sets.names, counts, strict=True) if count}
        out[name] = {"": without, **named} if without else named
    return out


def _skew(columns: Columns, sides: Array, over: str | None) -> dict[str, Any]:
    """How alike the sides are: over the column that was kept alike, else over labels, else over languages."""
    choices = [(over or "", columns.strata), ("label", columns.labels), ("language", columns.languages)]
    what, sets = next((what, sets) for what, sets in choices if sets is not None and (sets.names or what == "language"))
    owners = sides[sets.rows.owners()]
    here = [place for place in range(len(SPLITS)) if (sides == place).any()]
    counts = np.array(
        [np.bincount(sets.rows.values[owners == place], minlength=len(sets.names)) for place in here], dtype=np.int64
    )
    return skew(Table(tuple(SPLITS[place] for place in here), sets.names, counts), what=PLURALS.get(what, what))


def _rare(columns: Columns, blocks: Blocks, drawn: Drawn, over: str | None) -> dict[str, Any]:
    """Values of the column in too few clusters for every split, with how many rows have them."""
    shared = drawn.shared
    if columns.strata is None or not (shared.kept or shared.pooled):
        return {}
    rows = np.bincount(columns.strata.rows.values, minlength=len(blocks.names)).tolist()
    found = {blocks.names[value]: rows[value] for value in (*shared.kept, *shared.pooled)}
    return {"over": over, "only_trained": bool(shared.kept), "rows": found}


def _folds(drawn: Drawn, settings: SplitSettings) -> dict[str, Any]:
    assert drawn.folds is not None
    sizes = [int((drawn.folds == fold).sum()) for fold in range(settings.folds or 0)]
    return {"tested": settings.fold, "rows": sizes, "never_tested": int((drawn.folds == NOWHERE).sum())}


def _time(columns: Columns, blocks: Blocks, drawn: Drawn) -> dict[str, Any]:
    """From when to when each side is, and what could not be put in order."""
    dates, newest = columns.dates, blocks.newest
    assert dates is not None
    assert newest is not None
    spans: dict[str, list[str]] = {}
    ends: list[tuple[int, int]] = []
    for place, name in enumerate(SPLITS):
        here = (drawn.sides == place) & dates.known
        if here.any():
            spans[name] = [_iso(int(dates.at[here].min())), _iso(int(dates.at[here].max()))]
            among = newest[blocks.of[here]]
            ends.append((int(among.min()), int(among.max())))
    ties = [before[1] for before, after in pairwise(ends) if before[1] == after[0]]
    trained = (drawn.sides == 0) & dates.known
    latest = int(dates.at[trained].max()) if trained.any() else None
    older = 0 if latest is None else int(((drawn.sides > 0) & dates.known & (dates.at < latest)).sum())
    return {
        "column": dates.column,
        "order": dates.order,
        "spans": spans,
        "ties": {_iso(moment): int((dates.at == moment).sum()) for moment in ties},
        "older_than_training": older,
        "missing": dates.missing,
        "unreadable": dates.unreadable,
        "examples": [masked(example) for example in dates.examples],
    }


def _iso(moment: int) -> str:
    written = (EPOCH + MICROSECOND * moment).astimezone(UTC).isoformat()
    return written.removesuffix("+00:00").removesuffix("T00:00:00")


def tell(report: Mapping[str, Any], draft: Draft) -> None:
    """Say the report in sentences, and put them into the summary with the proof."""
    rows = report["rows"]
    notes = [*_sizes(report), *_drawn_notes(report), *_time_notes(report)]
    if report["skew"]:
        notes.append(report["skew"]["sentence"])
    for note in notes:
        draft.stage.note(note)
    warnings = _warnings(report)
    for text in warnings:
        draft.stage.warning(text)
    draft.summary({**rows, "dropped": report["dropped"], "proof": report["proof"], "lines": [*notes, *warnings]})


def _sizes(report: Mapping[str, Any]) -> list[str]:
    rows = report["rows"]
    total = sum(rows.values())
    notes = ["; ".join(f"{name} {rows[name]:,} ({rows[name] / total:.0%})" for name in SPLITS)]
    if "folds" in report:
        folds = report["folds"]
        sizes = ", ".join(f"{size:,}" for size in folds["rows"])
        notes.append(f"fold {folds['tested']} of {len(folds['rows'])} is the test; rows of the folds: {sizes}")
    return notes


def _drawn_notes(report: Mapping[str, Any]) -> list[str]:
    notes = []
    if report["stated"]:
        carved = f"; carved from training: {', '.join(report['carved'])}" if report["carved"] else ""
        notes.append(f"the data states {', '.join(report['stated'])}{carved}")
    notes.append(
        f"{report['clusters']:,} clusters of the same or nearly the same question, or of one group; the largest has "
        f"{report['largest_cluster']:,} rows; none stands in two splits"
    )
    if report["dropped"]:
        notes.append(f"{report['dropped']:,} rows dropped: they belong together with rows of a stated split")
    return notes


def _time_notes(report: Mapping[str, Any]) -> list[str]:
    if "time" not in report:
        return []
    time = report["time"]
    spans = "; ".join(f"{name} {' to '.join(span)}" for name, span in time["spans"].items())
    notes = [f"by {time['column']}: {spans}" + (f" (read {time['order']})" if time["order"] else "")]
    for moment, count in time["ties"].items():
        notes.append(f"{count:,} rows are of {moment}, where a split ends and the next begins: chance decided there")
    if time["older_than_training"]:
        notes.append(
            f"{time['older_than_training']:,} rows outside training are older than its newest: they belong together "
            "with newer ones"
        )
    return notes


def _warnings(report: Mapping[str, Any]) -> list[str]:
    rows, rare, out = report["rows"], report["rare"], []
    total = sum(rows.values())
    if rare:
        named = [f"{name} ({count})" for name, count in list(rare["rows"].items())[:MOST_NAMED]]
        rest = f" and {len(rare['rows']) - len(named):,} more" if len(rare["rows"]) > len(named) else ""
        fate = "they stay in training, and nothing measures them" if rare["only_trained"] else "they are shared as one"
        few = f"{len(rare['rows']):,} values of {rare['over']} have too few rows for every split"
        out.append(f"{few}; {fate}: {', '.join(named)}{rest}")
    time = report.get("time", {})
    undated = time.get("missing", 0) + time.get("unreadable", 0)
    if undated:
        examples = f", for example {', '.join(time['examples'])}" if time["examples"] else ""
        few = f"{undated:,} rows have no date in {time['column']} ({time['unreadable']:,} unreadable{examples})"
        out.append(f"{few}; they are trained on, unless they belong together with dated ones")
    out += [
        f"the {name} split is empty: {total:,} rows in {report['clusters']:,} clusters are too few to share"
        for name in SPLITS[1:]
        if not rows[name]
    ]
    return out
