"""XLSX workbooks: every sheet is a table."""

import datetime as dt
import itertools
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from operator import itemgetter

from kitae.data.reading.packed import BOMB
from kitae.data.reading.rows import BadRow, Raw, Row
from kitae.data.reading.tables import table
from kitae.errors import SourceError

DAMAGE = (
    zipfile.BadZipFile, zlib.error, SyntaxError, ArithmeticError, AttributeError, EOFError, LookupError, OSError,
    RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What openpyxl and the readers under it raise on a damaged workbook (the errors of XML parsers are syntax errors)."""


def read_workbook(raw: Raw) -> Iterator[Row | BadRow]:
    """Rows of every sheet of an XLSX workbook; the first row that is not blank is the heading."""
    for sheet, rows in itertools.groupby(_rows(raw), key=itemgetter(0)):
        cells = ((line, [as_text(value) for value in values]) for _, line, values in rows)
        yield from table(cells, sheet, padded=True)


def _rows(raw: Raw) -> Iterator[tuple[str, int, Sequence[object]]]:
    """The title of its sheet, the number and the values of every row of a workbook."""
    import openpyxl

    # Opened here, because openpyxl forgets to close what is damaged.
    with raw.seekable() as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # openpyxl tells of styles and validations that it leaves out
        try:
            with zipfile.ZipFile(file) as parts:
                if sum(part.file_size for part in parts.infolist()) > raw.most_unpacked:
                    raise SourceError(f"{raw.name} is not read", got=BOMB, hint="Export the sheets as CSV")
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            for sheet in book.worksheets:
                # Some programs write a size that is too small, and openpyxl would believe it.
                sheet.reset_dimensions()
                for line, values in enumerate(sheet.iter_rows(values_only=True), start=1):
                    yield sheet.title, line, values
            book.close()
        except DAMAGE as error:
            raise SourceError(
                f"{raw.name} is not a readable workbook",
                got=f"{type(error).__name__}: {error}",
                hint="Open it in a spreadsheet program and save it again as .xlsx",
            ) from error


def as_text(value: object) -> str:
    """A cell as text: whole numbers without a point, dates as ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return str(value)
