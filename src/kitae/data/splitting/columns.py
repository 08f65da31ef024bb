"""What a split must know of the records: read once, row by row, and kept as a few numbers a row.

R rows. Records themselves are never held; they are copied line by line in the end.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kitae.core.columns import at_path, group_of, values_of
from kitae.core.data_settings import DuplicateSettings, SplitSettings
from kitae.core.records import Record
from kitae.data.alike.fingerprints import fingerprint_table
from kitae.data.alike.ragged import Array, Ragged, of_lengths
from kitae.data.counting import digest64
from kitae.data.meaning import SAME_MEANING
from kitae.data.shards import SHARD_ROWS, in_shards, read_table, shard_path, write_table
from kitae.data.splitting.moments import Dates, Moments
from kitae.errors import RecipeError

USES = ("", "train", "validation", "test")
"""Codes of the splits that somebody else drew."""
ROWS_LOOKED_AT = 200
"""Of so many rows the columns are named when one is missing."""


@dataclass(frozen=True)
class Sets:
    """For each row the values it has in a column, as numbers into `names`, which ascend."""

    names: tuple[str, ...]
    rows: Ragged

    @property
    def many(self) -> bool:
        """Whether a row may have more than one value."""
        return bool((self.rows.lengths > 1).any())


@dataclass(frozen=True)
class Columns:
    """The records of a dataset, as far as a split looks at them."""

    ids: Array
    """As bytes, [R]."""
    uses: Array
    """Place in `USES`, [R]."""
    labels: Sets
    languages: Sets
    strata: Sets | None
    """What the shares are kept alike of."""
    groups: Array
    """A digest of the group, 0 for none, [R]."""
    families: Array
    """A digest of the record that a row was made from, 0 where it is nobody's child and nobody's parent, [R]."""
    dates: Dates | None
    prints: tuple[Path, ...]
    """Fingerprint tables, one after the other."""

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.ids)


def stratified_by(settings: SplitSettings, task: str) -> str | None:
    """The column whose shares are kept alike: what the recipe says; by itself the label, where labels are learnt."""
    if settings.stratify_by != "auto":
        return settings.stratify_by
    return "label" if task == "classify" and settings.by_time is None else None


class Reader:
    """Gathers the columns, some records at a time."""

    def __init__(self, settings: SplitSettings, *, task: str) -> None:
        """Begin with no records."""
        stratify_by = stratified_by(settings, task)
        self._settings = settings
        self._ids: list[Array] = []
        self._numbers: list[Array] = []  # use, group, id and parent as digests
        self._labels, self._languages = _Values("label"), _Values("language")
        self._strata = _Values(stratify_by) if stratify_by else None
        self._moments = Moments(settings.by_time) if settings.by_time else None
        self._seen: dict[str, None] = {}

    def add(self, records: Sequence[Record]) -> None:
        """Take the columns of some records."""
        if not self._ids:
            self._seen = {column: None for record in records[:ROWS_LOOKED_AT] for column in record.meta}
        self._ids.append(np.array([record.id.encode() for record in records]))
        rows = [(USES.index(record.use), self._group(record), *_kin(record)) for record in records]
        self._numbers.append(np.array(rows, dtype=np.uint64))
        for column in filter(None, (self._labels, self._languages, self._strata)):
            column.add(records)
        if self._moments is not None:
            self._moments.add([at_path(record.meta, self._moments.column) for record in records])

    def columns(self, prints: Sequence[Path]) -> Columns:
        """All of them. Raises `RecipeError` for a column that no record has, and for dates nobody can tell apart."""
        uses, groups, ids, parents = np.concatenate([np.empty((0, 4), np.uint64), *self._numbers]).T
        keys = np.where(parents > 0, parents, ids)
        self._must_be("group_by", self._settings.group_by, found=bool(groups.any()))
        strata = None if self._strata is None else self._strata.sets()
        if self._settings.stratify_by != "auto":
            self._must_be("stratify_by", self._settings.stratify_by, found=strata is None or bool(strata.names))
        dates = None if self._moments is None else self._moments.dates()
        self._must_be("by_time", self._settings.by_time, found=dates is None or bool(dates.known.any()))
        return Columns(
            ids=np.concatenate([np.empty(0, "S1"), *self._ids]),
            uses=uses.astype(np.int8),
            labels=self._labels.sets(),
            languages=self._languages.sets(),
            strata=strata,
            groups=groups,
            families=np.where(np.isin(keys, parents[parents > 0]), keys, 0),
            dates=dates,
            prints=tuple(prints),
        )

    def _group(self, record: Record) -> int:
        group = group_of(record, self._settings.group_by) if self._settings.group_by else ""
        return digest64(group) if group else 0

    def _must_be(self, setting: str, column: str | None, *, found: bool) -> None:
        if column is None or found:
            return
        kind = "a date in" if setting == "by_time" else ""
        known = ("label", "language", *self._seen)
        raise RecipeError(f"data.split.{setting}: no record has {kind} '{column}'", got=column, known=sorted({*known}))


class _Values:
    """A column on its way in: for each row its values by number."""

    def __init__(self, column: str) -> None:
        """Begin with no rows."""
        self.column = column
        self._places: dict[str, int] = {}
        self._numbers: list[Array] = []
        self._lengths: list[Array] = []

    def add(self, records: Sequence[Record]) -> None:
        """Take the values of some records."""
        found = [values_of(record, self.column) for record in records]
        numbers = [self._places.setdefault(value, len(self._places)) for values in found for value in values]
        self._numbers.append(np.array(numbers, dtype=np.int32))
        self._lengths.append(np.fromiter(map(len, found), dtype=np.int64, count=len(found)))

    def sets(self) -> Sets:
        """The column, with numbers that do not depend on the order of the rows."""
        names = sorted(self._places)
        ordered = np.empty(len(names), dtype=np.int32)
        ordered[[self._places[name] for name in names]] = np.arange(len(names))
        numbers = np.concatenate([np.empty(0, np.int32), *self._numbers])
        return Sets(tuple(names), of_lengths(ordered[numbers], np.concatenate([np.empty(0, np.int64), *self._lengths])))


def read_columns(path: Path, settings: SplitSettings, *, task: str, near: float | None, scratch: Path) -> Columns:
    """Read a file of records. Fingerprints of a call that was cut off are found again in `scratch`.

    Raises `RecipeError` for a column that no record has, and for dates that can be read in two ways.
    """
    reader = Reader(settings, task=task)
    duplicates = DuplicateSettings(near=near)
    prints = []
    with path.open("rb") as lines:
        for number, shard in enumerate(in_shards(lines, SHARD_ROWS, len)):
            records = [Record.from_dict(json.loads(line)) for line in shard]
            reader.add(records)
            prints.append(shard_path(scratch / "prints", number))
            if read_table(prints[-1]) is None:
                write_table(prints[-1], fingerprint_table(records, task=task, settings=duplicates))
    return reader.columns(prints)


def _kin(record: Record) -> tuple[int, int]:
    """Digests of a record's id and of the one it stays together with: its parent, or the one it seems to repeat."""
    like = next((str(edit.detail["like"]) for edit in record.history if edit.rule == SAME_MEANING), "")
    kin = record.parent or like
    return digest64(record.id), digest64(kin) if kin else 0
