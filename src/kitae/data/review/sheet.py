"""The sheet on which people decide: one row a suspect, to be opened in a spreadsheet program."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from kitae.core.files import write_bytes
from kitae.data.review.suspects import Suspect
from kitae.errors import InputError

COLUMNS = ("decision", "correction", "comment", "id", "origin", "kind", "score", "reason", "question", "answer",
           "label", "suggestion")  # fmt: skip
"""People fill in the first three."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_sheet(path: Path, suspects: Iterable[Suspect]) -> None:
    """Write a sheet as `.csv`, `.xlsx` or `.jsonl`. Raises `InputError` for another ending or a file that is there."""
    if path.suffix.lower() not in WRITERS:
        raise InputError("a review sheet of this kind cannot be written", got=path.name, known=sorted(WRITERS))
    if path.exists():
        raise InputError(
            f"{path.name} is there already, perhaps with decisions in it",
            got=str(path),
            hint="Name another file with --to, or name this one under data.review and move on",
        )
    write_bytes(path, WRITERS[path.suffix.lower()]([_row(suspect) for suspect in suspects]))


def _row(suspect: Suspect) -> tuple[str, ...]:
    values = suspect.as_dict()
    return tuple(str(values.get(column, "")) for column in COLUMNS)


def _as_csv(rows: Sequence[Sequence[str]]) -> bytes:
    """Comma-separated with a byte order mark, without which Excel takes Japanese for something else."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([COLUMNS, *([_plain(cell) for cell in row] for row in rows)])
    return text.getvalue().encode("utf-8-sig")


def _as_workbook(rows: Sequence[Sequence[str]]) -> bytes:
    import openpyxl
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("review")
    sheet.freeze_panes = "A2"
    for row in [COLUMNS, *rows]:
        sheet.append([_plain(ILLEGAL_CHARACTERS_RE.sub("", cell)) for cell in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _as_lines(rows: Sequence[Sequence[str]]) -> bytes:
    lines = [json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) + "\n" for row in rows]
    return "".join(lines).encode()


def _plain(cell: str) -> str:
    """A cell that no spreadsheet program takes for a formula: the text comes from strangers."""
    return "'" + cell if cell.startswith(FORMULA) else cell


WRITERS = {".csv": _as_csv, ".xlsx": _as_workbook, ".jsonl": _as_lines}
