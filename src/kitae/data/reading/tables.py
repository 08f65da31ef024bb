"""Rows of cells to rows of named values: what every kind of table has in common."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kitae.data.reading.rows import NOT_TEXT, BadRow, Cells, Row, distinct

_NO_CHARACTER = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that is no row of cells: why, and what stood there."""

    reason: str
    cells: tuple[str, ...]


Numbered = tuple[int, Sequence[str] | Broken]
"""The 1-based line of the file or sheet, and the cells in it."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The names of the columns, all different; a column that has none is numbered."""

    names: tuple[str, ...]
    numbered: tuple[str, ...]

    @staticmethod
    def of(cells: Sequence[str]) -> "Heading":
        """The heading in a row of cells."""
        written = [_NO_CHARACTER.sub("?", cell).lstrip("\ufeff").strip() for cell in cells]
        names = distinct([name or f"column_{place}" for place, name in enumerate(written, start=1)])
        return Heading(tuple(names), tuple(new for new, name in zip(names, written, strict=True) if not name))

    def wrong(self, cells: Sequence[str], *, padded: bool) -> str:
        """What is wrong with a row of cells, or ""."""
        too_many = len(cells) > len(self.names) and any(cells[len(self.names) :])
        if too_many or (len(cells) < len(self.names) and not padded):
            return f"{len(cells)} cells where the heading has {len(self.names)}"
        return NOT_TEXT if _NO_CHARACTER.search("".join(cells)) else ""

    def named(self, cells: Sequence[str]) -> dict[str, str]:
        """Values by column; a column without a name is there only where it says something."""
        values = dict(zip(self.names, cells, strict=False))
        for name in self.names[len(cells) :]:
            values[name] = ""
        for name in self.numbered:
            if not values[name]:
                del values[name]
        return values


def table(rows: Iterator[Numbered], sheet: str = "", *, padded: bool = False) -> Iterator[Row | BadRow]:
    """Named values; the first row that is not blank names the columns. `padded`: short rows lack only blank cells."""
    heading: Heading | None = None
    number = 0
    for line, cells in rows:
        if isinstance(cells, Broken):
            number += 1
            yield BadRow(cells.reason, Cells(heading.names if heading else (), cells.cells), number, sheet, line)
        elif not any(cells):
            continue
        elif heading is None:
            heading = Heading.of(cells)
        else:
            number += 1
            if wrong := heading.wrong(cells, padded=padded):
                yield BadRow(wrong, Cells(heading.names, tuple(cells)), number, sheet, line)
            else:
                yield Row(heading.named(cells), number, sheet, line)
