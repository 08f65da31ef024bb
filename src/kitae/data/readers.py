"""The door to the raw files: every row of a file, by the reader for the ending of its name.

One bad line never fails a file: it comes out as `BadRow`.
"""

from collections.abc import Iterator
from pathlib import Path, PurePath

from kitae.core.data_settings import ReadSettings
from kitae.data.encodings import AUTO, binary_kind
from kitae.data.reading.columnar import read_arrow, read_parquet
from kitae.data.reading.damage import BrokenFile
from kitae.data.reading.delimited import read_csv, read_tsv
from kitae.data.reading.documents import read_html, read_pdf, read_text
from kitae.data.reading.json_files import read_json
from kitae.data.reading.json_values import read_jsonl
from kitae.data.reading.packed import PACKINGS, members, read_zip, unpacked
from kitae.data.reading.rows import BadRow, Cells, Raw, Reader, Row, readable
from kitae.data.reading.workbook import read_workbook
from kitae.errors import SourceError

ARCHIVE = ".zip"
DOCUMENTS: dict[str, Reader] = {
    ".txt": read_text,
    ".text": read_text,
    ".md": read_text,
    ".markdown": read_text,
    ".html": read_html,
    ".htm": read_html,
    ".xhtml": read_html,
    ".pdf": read_pdf,
}
"""Files that are one row, or a few, of nothing but text."""
READERS: dict[str, Reader] = {
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": read_json,
    ".xlsx": read_workbook,
    ".xlsm": read_workbook,
    ".parquet": read_parquet,
    ".arrow": read_arrow,
    ".feather": read_arrow,
    **DOCUMENTS,
    ARCHIVE: lambda raw: read_zip(raw, lambda name: kind(name) in READERS, _read_member),
}
"""By the ending of the file's name, before that of its packing."""
ZIP, ARROW, GZIP, ZSTD = (
    (b"PK\x03\x04", b"PK\x05\x06"),
    (b"ARROW1", b"\xff" * 4),
    (b"\x1f\x8b",),
    (b"\x28\xb5\x2f\xfd",),
)
NOT_PLAIN: dict[str, tuple[str, tuple[bytes, ...]]] = {
    ".xlsx": ("a workbook", ZIP),
    ".xlsm": ("a workbook", ZIP),
    ".parquet": ("a Parquet file", (b"PAR1",)),
    ".arrow": ("an Arrow file", ARROW),
    ".feather": ("a Feather 2 file", ARROW),
    ".pdf": ("a PDF", (b"%PDF", b"\xef\xbb\xbf%PDF")),
    ".zip": ("a ZIP archive", ZIP),
    ".gz": ("a gzip file", GZIP),
    ".gzip": ("a gzip file", GZIP),
    ".zst": ("a zstd file", ZSTD),
    ".zstd": ("a zstd file", ZSTD),
}
"""What files are that are no plain text, and how they begin, by the ending of their name."""
BLANK = b" \t\r\n\0\xef\xbb\xbf\xff\xfe"
LOOKED_AT_BYTES = 1 << 20


def kind(name: str) -> str:
    """The ending that chooses the reader: `.csv` of `a.csv` and of `a.csv.gz`."""
    path = PurePath(name)
    return (path.with_suffix("") if path.suffix.lower() in PACKINGS else path).suffix.lower()


def read_rows(path: Path, encoding: str, how: ReadSettings | None = None) -> Iterator[Row | BadRow]:
    """Every row of a raw file; `encoding` is a Python codec name, or "auto" to look at the bytes.

    Raises `SourceError` when the file as a whole cannot be read.
    """
    with readable(path):
        yield from read_raw(Raw.of(path, encoding, how or ReadSettings()))


def read_raw(raw: Raw) -> Iterator[Row | BadRow]:
    """Every row of a raw file; what is wrong with the file from some place on is a bad row. Raises `SourceError`."""
    yield from _to_the_break(READERS[kind(raw.name)](_plain(raw)), (BrokenFile,))


def is_document(name: str) -> bool:
    """Whether a file is a row, or a few, of nothing but text."""
    return kind(name) in DOCUMENTS


def has_encoding(name: str) -> bool:
    """Whether a file is text, or an archive that may hold some."""
    return kind(name) not in NOT_PLAIN or kind(name) == ARCHIVE


def codec_of(path: Path, how: ReadSettings) -> str:
    """The Python name of a text file's encoding; "auto" for an archive, whose members may have different ones."""
    return AUTO if kind(path.name) == ARCHIVE else _plain(Raw.of(path, AUTO, how)).codec


def wrong_at_sight(raw: Raw) -> str:
    """What is wrong with a file by how it begins, as "is …", or ""."""
    try:
        for part in (raw, _plain(raw)):
            ending = PurePath(part.name).suffix.lower()
            with part.opened() as file:
                head = file.read(LOOKED_AT_BYTES)
            if not head.strip(BLANK) and len(head) < LOOKED_AT_BYTES:
                return "is empty"
            if ending not in NOT_PLAIN:
                found = binary_kind(part.opened)
                return f"is not text: it looks like {found}" if found else ""
            what, begins = NOT_PLAIN[ending]
            if not head.startswith(begins):
                return f"is named as {what} but is none"
    except BrokenFile as error:
        return f"is damaged: {error}"
    return ""


def passed_over(raw: Raw) -> list[str]:
    """The members of an archive that have no reader. Raises `SourceError`."""
    return [name for name in members(raw) if kind(name) not in READERS] if kind(raw.name) == ARCHIVE else []


def _plain(raw: Raw) -> Raw:
    """The file as its reader wants it: unpacked if it is packed."""
    return unpacked(raw) if PurePath(raw.name).suffix.lower() in PACKINGS else raw


def _read_member(raw: Raw) -> Iterator[Row | BadRow]:
    """The rows of a member of an archive; what cannot be read as a whole is a bad row there."""
    wrong = wrong_at_sight(raw)
    if wrong:
        yield BadRow(f"the file {wrong}", "", 1)
    else:
        yield from _to_the_break(read_raw(raw), (SourceError,))


def _to_the_break(rows: Iterator[Row | BadRow], breaks: tuple[type[Exception], ...]) -> Iterator[Row | BadRow]:
    """Rows up to where reading breaks off, and why it does as a bad row."""
    last = 0
    try:
        for row in rows:
            last = row.row
            yield row
    except breaks as error:
        yield BadRow(str(error), "", last + 1)


__all__ = ["READERS", "BadRow", "Cells", "Row", "read_raw", "read_rows"]
