"""Shards: the records of a stage in pieces of a few thousand, each an Arrow file that is there whole or not at all."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kitae.core.files import disk_errors, fsync_folder

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
SHARD_ROWS = 4_096
"""Most rows of a shard. Nothing in a result depends on it."""
SHARD_LETTERS = 1 << 22
"""A shard ends with the row that takes it to so many characters: what a worker holds has a bound even where rows have
none, and no column comes near the 2 GiB that Arrow's 32-bit offsets reach."""


def shard_path(folder: Path, number: int) -> Path:
    """Where the shard with this number lies; names sort as numbers do."""
    return folder / f"{number:06d}.arrow"


def write_table(path: Path, table: "pa.Table") -> None:
    """Write a table as an uncompressed Arrow IPC file, which can be mapped into memory: aside, flushed, renamed.

    The name aside is this process's own: a worker of a run that was killed may still be writing the same shard.
    """
    import pyarrow as pa

    aside = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            with pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        fsync_folder(path.parent)


def read_table(path: Path) -> "pa.Table | None":
    """The table of a shard, mapped into memory; None when it is not there or not whole."""
    import pyarrow as pa

    if not path.exists():
        return None
    try:
        with pa.memory_map(str(path)) as file:
            return pa.ipc.open_file(file).read_all()
    except pa.ArrowInvalid:
        return None  # a power cut can leave a name without what it names


def whole_table(path: Path) -> "pa.Table":
    """The table of a shard that an earlier pass has made."""
    table = read_table(path)
    assert table is not None, path
    return table


def in_shards(
    rows: Iterable[T], most: int, letters_of: Callable[[T], int], *, most_letters: int = SHARD_LETTERS
) -> Iterator[tuple[T, ...]]:
    """Rows in tuples of `most`, or of fewer that have `most_letters` together; the last one may be shorter."""
    piece: list[T] = []
    letters = 0
    for row in rows:
        piece.append(row)
        letters += letters_of(row)
        if len(piece) == most or letters >= most_letters:
            yield tuple(piece)
            piece, letters = [], 0
    if piece:
        yield tuple(piece)


def line_of(value: Mapping[str, Any]) -> str:
    """A value as JSON with sorted keys, Japanese written out."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
