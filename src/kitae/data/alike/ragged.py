"""Many short arrays as one: what lets a million texts be worked on without a million Python objects."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Ragged:
    """N rows of different lengths; row i is `values[offsets[i]:offsets[i + 1]]`."""

    values: Array
    offsets: Array
    """N + 1 ascending positions, the first is 0."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Array:
        """How long each row is, [N]."""
        return np.diff(self.offsets)

    def row(self, index: int) -> Array:
        """One row, a view."""
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def where(self, kept: Array) -> "Ragged":
        """Only the values for which the mask `kept` (as long as `values`) holds; the rows stay."""
        before = np.concatenate([[0], np.cumsum(kept)])
        return Ragged(self.values[kept], before[self.offsets])

    def take(self, rows: Array) -> "Ragged":
        """These rows, in this order."""
        return gathered(self.values, self.offsets[rows], self.lengths[rows])

    def between(self, rows: slice) -> "Ragged":
        """Rows that follow one another, a view."""
        offsets = self.offsets[rows.start : rows.stop + 1]
        return Ragged(self.values[offsets[0] : offsets[-1]], offsets - offsets[0])

    def owners(self) -> Array:
        """The row of every value."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def counts(self, mask: Array) -> Array:
        """For how many values of each row the mask holds, [N]."""
        before = np.concatenate([[0], np.cumsum(mask)])
        return np.diff(before[self.offsets])


def of_lengths(values: Array, lengths: Array) -> Ragged:
    """Rows that lie in `values` one after the other."""
    return Ragged(values, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))


def gathered(values: Array, starts: Array, lengths: Array) -> Ragged:
    """The rows `values[start : start + length]`, copied one after the other."""
    rows = of_lengths(values, lengths)
    return Ragged(values[spread(starts, lengths, rows.offsets)], rows.offsets)


def spread(starts: Array, lengths: Array, offsets: Array | None = None) -> Array:
    """The numbers start, start + 1, … of each range, one range after the other."""
    if offsets is None:
        offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])


def joined(parts: list[Ragged]) -> Ragged:
    """The rows of all parts, one part after the other."""
    lengths = np.concatenate([part.lengths for part in parts])
    return of_lengths(np.concatenate([part.values for part in parts]), lengths)


def blocks(weights: Array, budget: int) -> Iterator[slice]:
    """Consecutive slices whose weights add up to about `budget`; a heavier item is a slice of its own."""
    if not len(weights):
        return
    ends = np.cumsum(weights, dtype=np.int64)
    start = 0
    while start < len(weights):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + budget, side="right")))
        yield slice(start, stop)
        start = stop
