"""The fingerprint tables of all shards as one long table, read through memory maps, column by column."""

import json
import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kitae.data.alike.fingerprints import KEY_BYTES, NEAR
from kitae.data.alike.ragged import Array, Ragged, gathered, joined, of_lengths

KEY = np.dtype([("high", ">u8"), ("low", ">u8")])
"""A 128-bit key as two numbers."""


class Columns:
    """Arrow IPC files in their order; a row's number is its position in their concatenation."""

    def __init__(self, tables: Sequence[Path]) -> None:
        """Map the files; nothing is read yet."""
        import pyarrow as pa

        self._maps = [mapped(table) for table in tables]
        opened = [pa.ipc.open_file(pa.py_buffer(memory)) for memory in self._maps]
        self._thresholds = {file.schema.metadata[NEAR] for file in opened}
        parts = [file.get_batch(index) for file in opened for index in range(file.num_record_batches)]
        self._parts = [part for part in parts if part.num_rows]
        self._starts = np.cumsum([0, *(part.num_rows for part in self._parts)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def check_bands(self, near: float) -> None:
        """Assert that pairs at or above `near` can be found in these tables."""
        made = [json.loads(value) for value in self._thresholds]
        assert len(made) <= 1, f"the tables were made with different thresholds: {made}"
        assert all(value is not None and value <= near for value in made), f"bands were made for {made}, not for {near}"

    def whole(self, name: str) -> Array:
        """A column of numbers of all rows, copied."""
        return self._concatenated([_flat(part.column(name)) for part in self._parts])

    def values(self, name: str, *, first: int = 0, step: int = 1) -> Array:
        """The values of a column of lists of all rows, or every `step`-th of them from `first` on, copied."""
        return self._concatenated([_flat(part.column(name).flatten())[first::step] for part in self._parts])

    def lengths(self, name: str) -> Array:
        """How long each row's list is."""
        return self._concatenated([np.diff(_offsets(part.column(name))) for part in self._parts])

    def keys(self, name: str, share: int, shares: int) -> tuple[Array, Array]:
        """The keys of a column (of lists of keys: of all their values) whose high part is `share` modulo `shares`.

        Returns where they stand among all, ascending, and the keys.
        """
        places, keys, start = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=KEY)], 0
        for part in self._parts:
            column = part.column(name)
            values = _flat(column.flatten() if hasattr(column, "offsets") else column)
            chosen = np.flatnonzero(values["high"] % np.uint64(shares) == share)
            places.append(chosen + start)
            keys.append(values[chosen])
            start += len(values)
        self._let_go()
        return np.concatenate(places), np.concatenate(keys)

    def take(self, name: str, rows: Array) -> Array:
        """Numbers or keys of these rows, in this order."""
        out: Array | None = None
        for part, places, local in self._split(rows):
            values = _flat(part.column(name))[local]
            out = np.empty(len(rows), dtype=values.dtype) if out is None else out
            out[places] = values
        return np.empty(0, dtype=np.int64) if out is None else out

    def take_lists(self, name: str, rows: Array, lengths: Array) -> Ragged:
        """Of the lists of these rows, in this order, the first `lengths[i]` values."""
        pieces, order = [], [np.empty(0, dtype=np.int64)]
        for part, places, local in self._split(rows):
            column = part.column(name)
            pieces.append(gathered(_flat(column.values), _offsets(column)[local], lengths[places]))
            order.append(places)
        if not pieces:
            return of_lengths(np.empty(0, dtype=np.uint16), lengths)
        together = joined(pieces)
        return together if len(pieces) == 1 else together.take(np.argsort(np.concatenate(order)))

    def take_lengths(self, name: str, rows: Array) -> Array:
        """How long the lists of these rows are."""
        out = np.zeros(len(rows), dtype=np.int64)
        for part, places, local in self._split(rows):
            out[places] = np.diff(_offsets(part.column(name)))[local]
        return out

    def take_strings(self, name: str, rows: Array) -> list[str]:
        """Strings of these rows, in this order."""
        import pyarrow as pa

        out = [""] * len(rows)
        for part, places, local in self._split(rows):
            strings = part.column(name).take(pa.array(local)).to_pylist()
            for place, string in zip(places.tolist(), strings, strict=True):
                out[place] = string
        return out

    def _split(self, rows: Array) -> Iterator[tuple[Any, Array, Array]]:
        """Each part that has some of the rows: the part, the places of these in `rows`, their numbers in the part."""
        parts = np.searchsorted(self._starts, rows, side="right") - 1
        order = np.argsort(parts, kind="stable")
        found, firsts = np.unique(parts[order], return_index=True)
        bounds = [*firsts.tolist(), len(rows)]
        for part, start, stop in zip(found.tolist(), bounds[:-1], bounds[1:], strict=True):
            places = order[start:stop]
            yield self._parts[part], places, rows[places] - self._starts[part]
        self._let_go()

    def _concatenated(self, values: list[Array]) -> Array:
        together = np.concatenate(values) if values else np.empty(0, dtype=np.int64)
        self._let_go()
        return together

    def _let_go(self) -> None:
        """Give back what was read: the system keeps it as long as it has room, and this process does not grow."""
        for memory in self._maps:
            memory.madvise(mmap.MADV_DONTNEED)


def mapped(path: Path) -> mmap.mmap:
    """A file as memory that can be read."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _flat(column: Any) -> Array:
    """The values of a column of numbers or keys without nulls, not copied."""
    if getattr(column.type, "byte_width", None) == KEY_BYTES:
        values = np.frombuffer(column.buffers()[1], dtype=KEY)
        return values[column.offset : column.offset + len(column)]
    flat: Array = column.to_numpy()
    return flat


def _offsets(column: Any) -> Array:
    offsets: Array = column.offsets.to_numpy().astype(np.int64)
    return offsets
