"""The door to the raw files: every row of a file, by the reader for the ending of its name.

One bad line never fails a file: it comes out as `BadRow`.
"""

from collections.abc import Iterator
from pathlib import Path, PurePath

from kitae.core.data_settings import ReadSettings
from kitae.data.reading.delimited import read_csv, read_tsv
from kitae.data.reading.json_files import read_json
from kitae.data.reading.json_values import read_jsonl
from kitae.data.reading.rows import BadRow, Cells, Raw, Reader, Row, readable
from kitae.data.reading.workbook import read_workbook

READERS: dict[str, Reader] = {
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": read_json,
    ".xlsx": read_workbook,
    ".xlsm": read_workbook,
}
"""By the ending of the file's name."""
WORKBOOKS = frozenset({".xlsx", ".xlsm"})


def read_rows(path: Path, encoding: str, how: ReadSettings | None = None) -> Iterator[Row | BadRow]:
    """Every row of a raw file; `encoding` is a Python codec name, or "auto" to look at the bytes.

    Raises `SourceError` when the file as a whole cannot be read.
    """
    with readable(path):
        yield from read_raw(Raw.of(path, encoding, how or ReadSettings()))


def read_raw(raw: Raw) -> Iterator[Row | BadRow]:
    """Every row of a raw file or a member of an archive."""
    yield from READERS[PurePath(raw.name).suffix.lower()](raw)


__all__ = ["READERS", "WORKBOOKS", "BadRow", "Cells", "Row", "read_raw", "read_rows"]
