"""Tables as text: CSV, TSV and their kin. A quote left open costs one line and not the rest of the file."""

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence

from kitae.data.reading.lines import LongLine, bounded_lines
from kitae.data.reading.rows import BadRow, Raw, Row
from kitae.data.reading.tables import Broken, Numbered, table

ROW_LINES = 400
"""A quoted cell may run over this many lines; a quote left open would otherwise swallow the rest of the file."""
DELIMITERS = (",", "\t", ";", "|")
_STATED = re.compile(r'"?sep=(.)"?\s*')
"""The line by which spreadsheet programs state the delimiter before the heading."""


def read_csv(raw: Raw) -> Iterator[Row | BadRow]:
    """Rows of a CSV file; the delimiter is stated (`sep=;`) or the commonest of `, tab ; |` in the heading."""
    return _delimited(raw, None)


def read_tsv(raw: Raw) -> Iterator[Row | BadRow]:
    """Rows of a tab-separated file."""
    return _delimited(raw, "\t")


def _delimited(raw: Raw, delimiter: str | None) -> Iterator[Row | BadRow]:
    csv.field_size_limit(raw.longest_row + 1)
    with raw.text(newline="") as file:
        lines = _Lines(bounded_lines(file, raw.longest_row))
        yield from table(_records(lines, delimiter or _delimiter(lines), raw.longest_row))


class _Lines:
    """Numbered lines of which some can be put back."""

    def __init__(self, lines: Iterator[str | LongLine]) -> None:
        self._lines = enumerate(lines, start=1)
        self._waiting: deque[tuple[int, str | LongLine]] = deque()

    def next(self) -> tuple[int, str | LongLine] | None:
        """A line put back earlier, else the next one, else None."""
        return self._waiting.popleft() if self._waiting else next(self._lines, None)

    def put_back(self, lines: Sequence[tuple[int, str | LongLine]]) -> None:
        """Make these the next lines."""
        self._waiting.extendleft(reversed(lines))

    def until_balanced(self, characters: int) -> list[tuple[int, str]]:
        """The next lines up to the one that closes an open quote, or `ROW_LINES` of them, or so many characters."""
        taken: list[tuple[int, str]] = []
        while len(taken) < ROW_LINES and characters > 0 and (item := self.next()) is not None:
            number, line = item
            if isinstance(line, LongLine):
                self._waiting.appendleft(item)
                break
            taken.append((number, line))
            characters -= len(line)
            if line.count('"') % 2:
                break
        return taken


def _delimiter(lines: _Lines) -> str:
    """What parts the cells of the heading; a line that states it is passed over."""
    passed = []
    while (item := lines.next()) is not None:
        line = item[1]
        if isinstance(line, str) and (stated := _STATED.fullmatch(line.lstrip("\ufeff"))):
            return stated[1]
        passed.append(item)
        if isinstance(line, str) and line.strip():
            lines.put_back(passed)
            return max(DELIMITERS, key=lambda d: (line.count(d), -DELIMITERS.index(d)))
    lines.put_back(passed)
    return DELIMITERS[0]


def _records(lines: _Lines, delimiter: str, longest: int) -> Iterator[Numbered]:
    """Split lines into rows of cells."""
    while (item := lines.next()) is not None:
        number, line = item
        if isinstance(line, LongLine):
            yield number, Broken(line.reason, (line.head,))
            continue
        if line.count('"') % 2:
            following = lines.until_balanced(longest - len(line))
            cells = _over_lines([line, *(text for _, text in following)], delimiter)
            if cells is not None:
                yield number, cells
                continue
            lines.put_back(following)
            if _opens_quote(line, delimiter):
                yield number, _broken("a quote is opened and not closed as it should be", line, delimiter)
                continue
        try:
            for cells in csv.reader([line], delimiter=delimiter):
                yield number, cells
        except csv.Error as error:
            yield number, _broken(f"not valid CSV: {error}", line, delimiter)


def _broken(reason: str, line: str, delimiter: str) -> Broken:
    return Broken(reason, tuple(line.strip("\r\n").split(delimiter)))


def _over_lines(chunk: list[str], delimiter: str) -> list[str] | None:
    """The one row that several lines make, or None when they are not one well-formed row."""
    try:
        rows = list(csv.reader(chunk, delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _opens_quote(line: str, delimiter: str) -> bool:
    """Whether a cell begins with a quote that its line does not close (a stray inch mark does not)."""
    cells = line.strip("\r\n").split(delimiter)
    return any(cell.lstrip().startswith('"') and cell.count('"') % 2 for cell in cells)
