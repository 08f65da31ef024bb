"""Readers: a raw file to rows of named values. One bad line never fails a file: it comes out as `BadRow`."""

import csv
import datetime as dt
import itertools
import json
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from kitae.data.encodings import decode_errors, undecodable
from kitae.errors import SourceError

ROW_LINES = 400
"""A quoted cell may run over this many lines; a quote left open would otherwise swallow the rest of the file."""
CELL_CHARACTERS = 1 << 24
DELIMITERS = (",", "\t", ";", "|")
WORKBOOKS = frozenset({".xlsx", ".xlsm"})
DAMAGE = (
    zipfile.BadZipFile, zlib.error, SyntaxError, ArithmeticError, AttributeError, EOFError, LookupError, OSError,
    RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What openpyxl and the readers under it raise on a damaged workbook (the errors of XML parsers are syntax errors)."""
_BLANK = re.compile(r"\s*")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Row:
    """One row: its values by column name (JSON-ready), its 1-based number, its sheet."""

    values: dict[str, Any]
    row: int
    sheet: str = ""


@dataclass(frozen=True)
class Cells:
    """The cells of a row as they stand, and the heading that they may not fit."""

    heading: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True)
class BadRow:
    """A row that could not be read: why, and what stood there."""

    reason: str
    content: str | Cells
    row: int
    sheet: str = ""


Reader = Callable[[Path, str], Iterator[Row | BadRow]]


def read_rows(path: Path, encoding: str) -> Iterator[Row | BadRow]:
    """Every row of a raw file, by the reader for its suffix; `encoding` is a Python codec name."""
    return READERS[path.suffix.lower()](path, encoding)


def read_csv(path: Path, encoding: str) -> Iterator[Row | BadRow]:
    """Rows of a CSV file; the delimiter is the commonest of `, tab ; |` in the heading."""
    return _delimited(path, encoding, None)


def read_tsv(path: Path, encoding: str) -> Iterator[Row | BadRow]:
    """Rows of a tab-separated file."""
    return _delimited(path, encoding, "\t")


def read_jsonl(path: Path, encoding: str) -> Iterator[Row | BadRow]:
    """Rows of a file with one JSON object a line; the row number is the line number."""
    with path.open(encoding=encoding, errors=decode_errors(encoding), newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _json_row(line, number)


def read_json(path: Path, encoding: str) -> Iterator[Row | BadRow]:
    """Rows of a JSON file: a list of objects, or an object that holds one; JSON lines are understood too.

    A list that breaks off gives the objects before the break and one bad row.
    """
    text = path.read_text(encoding=encoding, errors=decode_errors(encoding)).lstrip("\ufeff")
    try:
        value = _loads(text)
    except (ValueError, RecursionError):
        yield from _json_items(text) if text.lstrip().startswith("[") else read_jsonl(path, encoding)
        return
    if isinstance(value, dict):
        lists = [v for v in value.values() if isinstance(v, list) and v and all(isinstance(i, dict) for i in v)]
        value = lists[0] if len(lists) == 1 and not _is_conversation(lists[0]) else [value]
    suspect = _suspect(text)
    for number, item in enumerate(value if isinstance(value, list) else [value], start=1):
        yield _as_row(item, number, suspect=suspect)


def read_workbook(path: Path, encoding: str) -> Iterator[Row | BadRow]:  # noqa: ARG001 the table's signature
    """Rows of every sheet of an XLSX workbook; the first row that is not blank is the heading."""
    for sheet, rows in itertools.groupby(_workbook_rows(path), key=itemgetter(0)):
        yield from _table(([_cell(value) for value in values] for _, values in rows), sheet=sheet)


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


def _delimited(path: Path, encoding: str, delimiter: str | None) -> Iterator[Row | BadRow]:
    csv.field_size_limit(CELL_CHARACTERS)
    with path.open(encoding=encoding, errors=decode_errors(encoding), newline="") as file:
        lines = iter(file)
        first = next((line for line in lines if line.strip()), "")
        mark = delimiter or max(DELIMITERS, key=lambda d: (first.count(d), -DELIMITERS.index(d)))
        yield from _table(_records(itertools.chain([first], lines), mark))


def _records(lines: Iterator[str], delimiter: str) -> Iterator[Sequence[str] | BadRow]:
    """Split lines into rows of cells, so that a quote left open costs one line and not the rest of the file."""
    waiting: list[str] = []
    while (line := _next_line(waiting, lines)) is not None:
        if line.count('"') % 2:
            following = _until_balanced(waiting, lines)
            row = _over_lines([line, *following], delimiter)
            if row is not None:
                yield row
                continue
            waiting = following + waiting
            if _opens_quote(line, delimiter):
                yield BadRow("a quote is opened and not closed as it should be", _raw_cells(line, delimiter), 0)
                continue
        try:
            yield from csv.reader([line], delimiter=delimiter)
        except csv.Error as error:
            yield BadRow(f"not valid CSV: {error}", _raw_cells(line, delimiter), 0)


def _raw_cells(line: str, delimiter: str) -> Cells:
    return Cells((), tuple(line.strip("\r\n").split(delimiter)))


def _over_lines(chunk: list[str], delimiter: str) -> list[str] | None:
    """The one row that several lines make, or None when they are not one well-formed row."""
    try:
        rows = list(csv.reader(chunk, delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _next_line(waiting: list[str], lines: Iterator[str]) -> str | None:
    """A line put back earlier, else the next one, else None."""
    return waiting.pop(0) if waiting else next(lines, None)


def _until_balanced(waiting: list[str], lines: Iterator[str]) -> list[str]:
    """The next lines up to the one that closes the open quote, or `ROW_LINES` of them."""
    taken: list[str] = []
    while len(taken) < ROW_LINES:
        line = _next_line(waiting, lines)
        if line is None:
            break
        taken.append(line)
        if line.count('"') % 2:
            break
    return taken


def _opens_quote(line: str, delimiter: str) -> bool:
    """Whether a cell begins with a quote that its line does not close (a stray inch mark does not)."""
    cells = re.split(re.escape(delimiter), line.strip("\r\n"))
    return any(cell.lstrip().startswith('"') and cell.count('"') % 2 for cell in cells)


def _table(rows: Iterator[Sequence[str] | BadRow], sheet: str = "") -> Iterator[Row | BadRow]:
    """Rows of cells to rows of named values; the first row that is not blank names the columns."""
    heading: list[str] | None = None
    number = 0
    for cells in rows:
        if isinstance(cells, BadRow):
            number += 1
            assert isinstance(cells.content, Cells)
            content = replace(cells.content, heading=tuple(heading or ()))
            yield replace(cells, content=content, row=number, sheet=sheet)
            continue
        if not any(cells):
            continue
        if heading is None:
            heading = _distinct([cell.lstrip("\ufeff").strip() for cell in cells])
            continue
        number += 1
        yield _named(heading, cells, number, sheet)


def _named(heading: list[str], cells: Sequence[str], number: int, sheet: str) -> Row | BadRow:
    content = Cells(tuple(heading), tuple(cells))
    if len(cells) > len(heading) and any(cells[len(heading) :]):
        return BadRow(f"{len(cells)} cells where the heading has {len(heading)}", content, number, sheet)
    if len(cells) < len(heading) and not sheet:
        return BadRow(f"{len(cells)} cells where the heading has {len(heading)}", content, number, sheet)
    if any(undecodable(cell) for cell in cells):
        return BadRow("bytes that are not text in the file's encoding", content, number, sheet)
    padded = [*cells, *[""] * (len(heading) - len(cells))]
    return Row({name: value for name, value in zip(heading, padded, strict=False) if name}, number, sheet)


def _distinct(names: Sequence[str]) -> list[str]:
    """Column names with a number added to repeated ones, so that no column hides another."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 or not name else f"{name}.{seen[name]}")
    return out


def _workbook_rows(path: Path) -> Iterator[tuple[str, Sequence[object]]]:
    """The title of its sheet and the values of every row of a workbook."""
    import openpyxl

    # Opened here, because openpyxl forgets to close what is damaged.
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # openpyxl tells of styles and validations that it leaves out
        try:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            for sheet in book.worksheets:
                for values in sheet.iter_rows(values_only=True):
                    yield sheet.title, values
            book.close()
        except DAMAGE as error:
            raise SourceError(
                f"{path.name} is not a readable workbook",
                got=f"{type(error).__name__}: {error}",
                hint="Open it in a spreadsheet program and save it again as .xlsx",
            ) from error


def _cell(value: object) -> str:
    """A workbook cell as text: whole numbers without a point, dates as ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return str(value)


def _loads(text: str) -> Any:
    """JSON with NaN and infinities as null: no other JSON reader would take them back."""
    return json.loads(text, parse_constant=lambda _: None)


def _json_row(line: str, number: int) -> Row | BadRow:
    text = line.strip().lstrip("\ufeff")
    if undecodable(text):
        return BadRow("bytes that are not text in the file's encoding", text, number)
    try:
        value = _loads(text)
    except json.JSONDecodeError as error:
        return BadRow(f"not valid JSON: {error.msg} at character {error.pos + 1}", text, number)
    except (ValueError, RecursionError) as error:
        return BadRow(f"not readable JSON: {error}", text, number)
    return _as_row(value, number, suspect=_suspect(text))


def _as_row(value: Any, number: int, *, suspect: bool) -> Row | BadRow:
    """A parsed value as a row; only text that is `suspect` can hold half of a character."""
    values = {"messages": value} if isinstance(value, list) and _is_conversation(value) else value
    if not isinstance(values, dict):
        reason = f"a JSON {type(value).__name__} where an object is wanted"
        return BadRow(reason, json.dumps(value, ensure_ascii=False), number)
    text = json.dumps(values, ensure_ascii=False) if suspect else ""
    if undecodable(text):
        return BadRow("bytes that are not text in the file's encoding", text, number)
    if _LONE_SURROGATE.search(text):
        return BadRow("half of a character (a lone surrogate)", text, number)
    return Row({str(key): item for key, item in values.items()}, number)


def _suspect(text: str) -> bool:
    """Whether JSON text may hold half of a character: escaped, or from bytes that could not be decoded."""
    return "\\u" in text or undecodable(text)


def _json_items(text: str) -> Iterator[Row | BadRow]:
    """The objects of a JSON list one by one, as far as it can be read."""
    decoder = json.JSONDecoder(parse_constant=lambda _: None)
    at, suspect = text.index("[") + 1, _suspect(text)
    for number in itertools.count(1):
        at = _skip(text, at)
        if text[at : at + 1] == "]":
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            yield BadRow(f"the JSON breaks off or is wrong here: {error}", text[at:], number)
            return
        yield _as_row(value, number, suspect=suspect)
        at = _skip(text, at)
        at += text[at : at + 1] == ","


def _skip(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _is_conversation(value: Sequence[Any]) -> bool:
    turns = [turn for turn in value if isinstance(turn, dict)]
    return len(turns) == len(value) > 0 and all({"role", "from"} & turn.keys() for turn in turns)
