"""Blocks: records that stay together, because they ask the same, belong to one group, or were made one from the other.

R rows, B blocks. What a block is given is decided by its draw, a digest of the seed and of the least id in it, so the
same records split the same on any machine and in any order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kitae.core.settings import digest_of
from kitae.data.alike.clusters import Clusters
from kitae.data.alike.near import Progress
from kitae.data.alike.ragged import Array, Ragged, of_lengths
from kitae.data.duplicates import duplicate_clusters
from kitae.data.splitting.columns import Columns
from kitae.data.splitting.moments import NONE


@dataclass(frozen=True)
class Blocks:
    """B blocks, and what their sharing out goes by."""

    of: Array
    """The block of every row, [R]."""
    sizes: Array
    """Rows of each, [B]."""
    draws: Array
    """A random number of each, [B]."""
    strata: Ragged
    """The values that rows of each block have in the column whose shares are kept alike, each once, [B]."""
    rows: Array
    """How many rows of the block have the value, beside `strata.values`."""
    names: tuple[str, ...]
    """Of these values."""
    many: bool
    """Whether a row may have several of them."""
    newest: Array | None
    """The newest moment in each block, `NONE` where no row has one, [B]."""

    def __len__(self) -> int:
        """How many blocks there are."""
        return len(self.sizes)

    def take(self, chosen: Array) -> "Blocks":
        """Some of the blocks, by a mask; `of` stays as it is."""
        places = np.flatnonzero(chosen)
        values = np.repeat(chosen, self.strata.lengths)
        return replace(
            self,
            sizes=self.sizes[places],
            draws=self.draws[places],
            strata=self.strata.take(places),
            rows=self.rows[values],
            newest=None if self.newest is None else self.newest[places],
        )

    def without(self, values: Sequence[int]) -> "Blocks":
        """The same blocks, as if no row had these values."""
        others = ~np.isin(self.strata.values, values)
        return replace(self, strata=self.strata.where(others), rows=self.rows[others])

    def mixed(self) -> float:
        """The share of the rows that stand in blocks with more than one value."""
        return float(self.sizes[self.strata.lengths > 1].sum() / max(self.sizes.sum(), 1))

    def main(self) -> Array:
        """The value that most rows of each block have, the first by name on a tie; -1 where none has any, [B]."""
        out = np.full(len(self), -1, dtype=np.int64)
        owners = self.strata.owners()
        order = np.lexsort((-self.strata.values, self.rows, owners))
        out[owners[order]] = self.strata.values[order]  # of several for one block the last is written
        return out


def blocks_of(columns: Columns, *, seed: int, near: float | None, scratch: Path, progress: Progress) -> Blocks:
    """Put rows together that no split may part."""
    count = len(columns)
    clusters = Clusters(count)
    alike = duplicate_clusters(columns.prints, near=near, scratch=scratch, progress=progress)
    clusters.join(alike, np.arange(count))
    for keys in (columns.groups, columns.families):
        clusters.join(*equal_rows(keys))
    names, of = np.unique(clusters.names(), return_inverse=True)
    sizes = np.bincount(of, minlength=len(names))
    strata, rows = _strata(columns, of, len(names))
    return Blocks(
        of=of,
        sizes=sizes,
        draws=_draws(columns.ids, of, seed),
        strata=strata,
        rows=rows,
        names=columns.strata.names if columns.strata else (),
        many=columns.strata is not None and columns.strata.many,
        newest=_newest(columns, of, len(names)),
    )


def equal_rows(keys: Array) -> tuple[Array, Array]:
    """(first, row) for every row whose key is not 0: the first row with the same key, and the row."""
    rows = np.flatnonzero(keys)
    _, firsts, places = np.unique(keys[rows], return_index=True, return_inverse=True)
    return rows[firsts[places]], rows


def _draws(ids: Array, of: Array, seed: int) -> Array:
    """One random number a block."""
    order = np.lexsort((ids, of))
    least: Sequence[bytes] = ids[order][np.unique(of[order], return_index=True)[1]].tolist()
    return np.array([int(digest_of([seed, one.decode()])[:16], 16) for one in least], dtype=np.uint64)


def _strata(columns: Columns, of: Array, count: int) -> tuple[Ragged, Array]:
    """The values of each block, and how many of its rows have them."""
    if columns.strata is None:
        return of_lengths(np.empty(0, np.int64), np.zeros(count, np.int64)), np.empty(0, np.int64)
    sets = columns.strata
    pairs = of[sets.rows.owners()] * len(sets.names) + sets.rows.values
    found, rows = np.unique(pairs, return_counts=True)
    blocks, values = np.divmod(found, max(len(sets.names), 1))
    return of_lengths(values, np.bincount(blocks, minlength=count)), rows


def _newest(columns: Columns, of: Array, count: int) -> Array | None:
    if columns.dates is None:
        return None
    newest = np.full(count, NONE, dtype=np.int64)
    np.maximum.at(newest, of, columns.dates.at)
    return newest
