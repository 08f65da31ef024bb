"""The third stage: training, validation and test, such that nothing in one is known from another.

Records that ask the same, or nearly the same, and records of one group form a cluster, and a cluster is never cut. All
answers of a conversation are trained, so one that asks on its way what another asks in the end belongs to it, too. What
a split is given is decided by a hash of the seed and the cluster, so the same records split the same on any machine.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitae.core.artifacts import Dataset, Split
from kitae.core.data_settings import DuplicateSettings, SplitSettings
from kitae.core.files import write_json, write_jsonl
from kitae.core.records import Edit, Record, read_records
from kitae.core.settings import digest_of
from kitae.core.workspace import Draft, Workspace
from kitae.data.alike.clusters import Clusters
from kitae.data.alike.ragged import Array
from kitae.data.duplicates import Fingerprinted, asked_questions, duplicate_clusters
from kitae.data.shapes import at_path
from kitae.data.skew import label_skew
from kitae.errors import NothingToLearn, RecipeError

SPLITS = ("train", "validation", "test")
FIELDS = {"label": lambda record: record.label, "language": lambda record: record.language}
"""What `stratify_by` and `group_by` may name besides columns of the data."""


@dataclass(frozen=True)
class _Cluster:
    """Records that stay together (their indices), their stratum, and a number drawn for them."""

    members: tuple[int, ...]
    stratum: str
    draw: str


@dataclass(frozen=True)
class _Asked:
    """Every question that some record asks in the end: who asks it or teaches it on the way."""

    questions: Sequence[str]
    owners: Sequence[int]


def split(dataset: Dataset, *, settings: SplitSettings, seed: int, out: Workspace) -> Split:
    """Write `train.jsonl`, `validation.jsonl`, `test.jsonl`, `dropped.jsonl`, and the proof in `report.json`.

    Splits that the data itself states (`use`) are kept; those it lacks are carved from its training rows. Raises
    `NothingToLearn` when no row is left for training, `RecipeError` for a column that does not exist.
    """

    def build(draft: Draft) -> None:
        """Draw the sides and write every file of the split."""
        records = list(read_records(dataset.file("records.jsonl")))
        asked, names = _alike(records, dataset.json("report.json"))
        clusters = _clusters(records, names, settings, seed)
        sides, gone = _drawn(records, clusters)
        open_splits = _open_splits(records, settings)
        _assign([c for c in clusters if _free(c, sides, gone)], open_splits, sides)
        for side in SPLITS:
            write_jsonl(
                draft.file(f"{side}.jsonl"), (r.as_dict() for i, r in enumerate(records) if sides.get(i) == side)
            )
        write_jsonl(draft.file("dropped.jsonl"), (records[i].with_edit(e).as_dict() for i, e in sorted(gone.items())))
        report = _report(records, asked, clusters, sides, gone, settings=settings)
        report["carved"] = sorted(set(open_splits) - {"train"}) if any(r.use for r in records) else []
        write_json(draft.file("report.json"), report)
        _finish(report, draft)

    return out.make(
        Split, parents={"dataset": dataset.digest}, settings={"split": settings.plain(), "seed": seed}, build=build
    )


def _alike(records: Sequence[Record], facts: Mapping[str, Any]) -> tuple[_Asked, Array]:
    """What is asked or taught, with the records that do, and each record's cluster of the same questions."""
    settings = DuplicateSettings(near=facts["near"])
    with Fingerprinted(records, task=facts["task"], settings=settings) as made:
        questions, owners = asked_questions(made.tables)
        names = duplicate_clusters(made.tables, near=settings.near, scratch=made.scratch)
    return _Asked([str(question) for question in questions.tolist()], owners.tolist()), names


def _clusters(records: Sequence[Record], names: Array, settings: SplitSettings, seed: int) -> list[_Cluster]:
    clusters = Clusters(len(records))
    clusters.join(names, np.arange(len(names)))
    if settings.group_by:
        groups = np.array(_values(records, settings.group_by, "group_by"))
        members = np.flatnonzero(groups != "")
        _, firsts, places = np.unique(groups[members], return_index=True, return_inverse=True)
        clusters.join(members[firsts[places]], members)
    strata = _values(records, settings.stratify_by, "stratify_by") if settings.stratify_by else [""] * len(records)
    out = []
    for members in (cluster.tolist() for cluster in clusters.members()):
        counts = Counter(strata[index] for index in members)
        stratum = min(counts, key=lambda value: (-counts[value], value))
        draw = digest_of([seed, min(records[index].id for index in members)])
        out.append(_Cluster(tuple(members), stratum, draw))
    return out


def _values(records: Sequence[Record], field: str, setting: str) -> list[str]:
    """A field of every record, "" where it has none. Raises `RecipeError` when no record has it."""
    if field in FIELDS:
        values = [FIELDS[field](record) for record in records]
    else:
        found = [at_path(record.meta, field) for record in records]
        values = [str(value) if isinstance(value, (str, int, float)) else "" for value in found]
    if not any(values):
        columns = sorted({column for record in records[:200] for column in record.meta})
        raise RecipeError(f"data.split.{setting}: no record has '{field}'", got=field, known=[*FIELDS, *columns])
    return values


def _drawn(records: Sequence[Record], clusters: Sequence[_Cluster]) -> tuple[dict[int, str], dict[int, Edit]]:
    """Sides of rows whose split was drawn already, and the training rows that go because their cluster is tested."""
    sides: dict[int, str] = {}
    gone: dict[int, Edit] = {}
    for cluster in clusters:
        uses = {records[index].use for index in cluster.members}
        held = "test" if "test" in uses else "validation" if "validation" in uses else ""
        if not held:
            continue
        for index in cluster.members:
            if records[index].use == held:
                sides[index] = held
            else:
                gone[index] = Edit(f"leaks_into_{held}", f"belongs together with a row of the drawn {held} split")
    return sides, gone


def _open_splits(records: Sequence[Record], settings: SplitSettings) -> dict[str, float]:
    """Splits that are still to be filled and their shares, which add up to 1."""
    stated = {record.use for record in records}
    shares = {"train": settings.train, "validation": settings.validation, "test": settings.test}
    still = {side: share for side, share in shares.items() if side == "train" or side not in stated}
    total = sum(still.values())
    return {side: share / total for side, share in still.items() if share > 0}


def _free(cluster: _Cluster, sides: Mapping[int, str], gone: Mapping[int, Edit]) -> bool:
    return not any(index in sides or index in gone for index in cluster.members)


def _assign(clusters: Sequence[_Cluster], shares: Mapping[str, float], sides: dict[int, str]) -> None:
    """Give every cluster to the split that lacks most of the cluster's stratum.

    What a small stratum could not give to each split is carried over to the next, so that the totals come out right
    even when every stratum is tiny.
    """
    strata: dict[str, list[_Cluster]] = defaultdict(list)
    for cluster in clusters:
        strata[cluster.stratum].append(cluster)
    carried = dict.fromkeys(shares, 0.0)
    for stratum in sorted(strata, key=lambda name: (-sum(len(c.members) for c in strata[name]), name)):
        members = sorted(strata[stratum], key=lambda c: (-len(c.members), c.draw))
        rows = sum(len(cluster.members) for cluster in members)
        lacking = {side: share * rows + carried[side] for side, share in shares.items()}
        for cluster in members:
            side = max(lacking, key=lambda name: (lacking[name], -SPLITS.index(name)))
            lacking[side] -= len(cluster.members)
            sides.update(dict.fromkeys(cluster.members, side))
        carried = lacking
    _fill_empty(clusters, shares, sides)


def _fill_empty(clusters: Sequence[_Cluster], shares: Mapping[str, float], sides: dict[int, str]) -> None:
    """On tiny data, give a split that got nothing the smallest cluster of training, as long as training keeps one."""
    for side in reversed(SPLITS):
        held = [c for c in clusters if sides[c.members[0]] == "train"]
        if side in shares and side not in sides.values() and len(held) > 1:
            moved = min(held, key=lambda c: (len(c.members), c.draw))
            sides.update(dict.fromkeys(moved.members, side))


def _report(
    records: Sequence[Record],
    asked: _Asked,
    clusters: Sequence[_Cluster],
    sides: Mapping[int, str],
    gone: Mapping[int, Edit],
    *,
    settings: SplitSettings,
) -> dict[str, Any]:
    """Counts that add up, and the proof: nothing that belongs together stands on two sides."""
    by_side = {side: [records[index] for index in range(len(records)) if sides.get(index) == side] for side in SPLITS}
    if not by_side["train"]:
        raise NothingToLearn(
            "no row is left for training",
            got=", ".join(f"{side}: {len(rows)}" for side, rows in by_side.items()),
            hint="Add rows whose use is train (or leave `use` out), or look at the reasons in dropped.jsonl",
        )
    report: dict[str, Any] = {
        "read": len(records),
        "rows": {side: len(rows) for side, rows in by_side.items()},
        "dropped": len(gone),
        "stated": sorted({record.use for record in records if record.use}),
        "clusters": len(clusters),
        "largest_cluster": max(len(cluster.members) for cluster in clusters),
        "proof": {
            "clusters_in_two_splits": sum(_sides(sides, cluster.members) > 1 for cluster in clusters),
            "questions_in_two_splits": _shared(asked.questions, asked.owners, sides),
            "groups_in_two_splits": _shared(_values(records, settings.group_by, "group_by"), range(len(records)), sides)
            if settings.group_by
            else 0,
        },
        "languages": {side: dict(sorted(Counter(r.language for r in rows).items())) for side, rows in by_side.items()},
        "labels": {side: dict(sorted(Counter(r.label for r in rows).items())) for side, rows in by_side.items()}
        if any(record.label for record in records)
        else {},
        "skew": label_skew(by_side),
    }
    assert report["read"] == sum(report["rows"].values()) + report["dropped"]
    assert len(sides) == sum(report["rows"].values())
    assert not any(report["proof"].values()), report["proof"]
    return report


def _sides(sides: Mapping[int, str], members: Sequence[int]) -> int:
    return len({sides[index] for index in members if index in sides})


def _shared(values: Iterable[str | None], owners: Iterable[int], sides: Mapping[int, str]) -> int:
    """How many values occur on more than one side."""
    seen: dict[str, set[str]] = defaultdict(set)
    for value, index in zip(values, owners, strict=True):
        if value and index in sides:
            seen[value].add(sides[index])
    return sum(len(found) > 1 for found in seen.values())


def _finish(report: Mapping[str, Any], draft: Draft) -> None:
    rows = report["rows"]
    total = sum(rows.values())
    notes = ["; ".join(f"{side} {rows[side]:,} ({rows[side] / total:.0%})" for side in SPLITS)]
    if report["stated"]:
        carved = f"; carved from training: {', '.join(report['carved'])}" if report["carved"] else ""
        notes.append(f"the data states {', '.join(report['stated'])}{carved}")
    notes.append(
        f"{report['clusters']:,} clusters of the same or nearly the same question, or of one group; the largest has "
        f"{report['largest_cluster']:,} rows; none stands in two splits"
    )
    if report["dropped"]:
        notes.append(f"{report['dropped']:,} rows dropped: they belong together with rows of a stated split")
    if report["skew"]:
        notes.append(report["skew"]["sentence"])
    for note in notes:
        draft.stage.note(note)
    for side in SPLITS[1:]:
        if not rows[side]:
            text = f"the {side} split is empty: {total:,} rows in {report['clusters']:,} clusters are too few to share"
            draft.stage.warning(text)
            notes.append(text)
    draft.summary({**rows, "dropped": report["dropped"], "lines": notes})
