"""What readers take and give: a raw file and how to open it; rows of named values, and rows that cannot be read."""

import io
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from kitae.core.data_settings import ReadSettings
from kitae.data.encodings import AUTO, decode_errors, detect_encoding
from kitae.errors import SourceError

MEGA = 1_000_000
NOT_TEXT = "bytes that are not text in the file's encoding"
ALWAYS_UNPACKED = 64 * MEGA
"""What is unpacked in any case, in bytes: small files may well be as repetitive as a bomb."""
SPOOLED_BYTES = 32 * MEGA
COPIED_BYTES = 1 << 20
QUOTED_HEAD = 4_000
"""So many characters are kept of what is too long to be read."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its values by column name (JSON-ready), its 1-based number, its sheet, its line in the file (0: none).

    `sheet` is the part of the file it stands in: the sheet of a workbook, the member of an archive.
    """

    values: dict[str, Any]
    row: int
    sheet: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a row as they stand, and the heading that they may not fit."""

    heading: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be read: why, and what stood there."""

    reason: str
    content: str | Cells
    row: int
    sheet: str = ""
    line: int = 0


def letters_of(raw: Row | BadRow) -> int:
    """About how much a row holds, in characters; every value counts one more."""
    if isinstance(raw, BadRow):
        return sum(map(len, raw.content.values)) if isinstance(raw.content, Cells) else len(raw.content)
    letters = 0
    waiting: list[Any] = [raw.values]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            letters += len(value)
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        letters += 1
    return letters


@dataclass(frozen=True)
class Raw:
    """A file, or a member of an archive: its name, how to open it from its beginning, its encoding, how to read it.

    `encoding` is a Python codec name, or "auto" to look at the bytes. `size` is what it takes as it lies there, in
    bytes.
    """

    name: str
    opened: Callable[[], IO[bytes]]
    size: int
    encoding: str
    how: ReadSettings

    @staticmethod
    def of(path: Path, encoding: str, how: ReadSettings) -> "Raw":
        """The raw file at a path."""
        return Raw(path.name, lambda: path.open("rb"), path.stat().st_size, encoding, how)

    @property
    def longest_row(self) -> int:
        """A row, line or document of more characters than this is not read."""
        return int(self.how.longest_row_mb * MEGA)

    @property
    def most_unpacked(self) -> int:
        """What unpacks to more bytes than this is taken for a bomb."""
        in_proportion = max(ALWAYS_UNPACKED, int(self.size * self.how.unpacked_ratio))
        return min(int(self.how.unpacked_gb * MEGA * 1000), in_proportion)

    @cached_property
    def codec(self) -> str:
        """The Python name of the file's encoding."""
        return detect_encoding(self.opened) if self.encoding == AUTO else self.encoding

    def text(self, newline: str) -> io.TextIOWrapper:
        """The file as text; bytes that its encoding cannot be are kept visible. `newline` is as for `open`."""
        return io.TextIOWrapper(self.opened(), self.codec, decode_errors(self.codec), newline)

    @contextmanager
    def seekable(self) -> Iterator[IO[bytes]]:
        """The file such that readers may jump about in it: what is unpacked goes to a temporary file first."""
        with self.opened() as file:
            if file.seekable():
                yield file
                return
            with tempfile.SpooledTemporaryFile(max_size=SPOOLED_BYTES) as aside:
                shutil.copyfileobj(file, aside, COPIED_BYTES)
                aside.seek(0)
                yield aside


Reader = Callable[[Raw], Iterator[Row | BadRow]]


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Tell of a file that the system does not let us read. Raises `SourceError`."""
    try:
        yield
    except OSError as error:
        raise SourceError(
            f"{path.name} cannot be read",
            got=f"{error.strerror or error}: {path}",
            hint="Give the user who runs kitae the right to read it (chmod u+r FILE), or name a copy of it",
        ) from error


def distinct(names: list[str]) -> list[str]:
    """Column names with a number added to repeated ones, so that no column hides another."""
    seen: set[str] = set()
    out = []
    for name in names:
        new, number = name, 1
        while new in seen or (number > 1 and new in names):
            number += 1
            new = f"{name}.{number}"
        seen.add(new)
        out.append(new)
    return out
