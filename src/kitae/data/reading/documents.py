"""Documents: text, Markdown, HTML and PDF. A row is a document, a page, a paragraph or a line, as the recipe says."""

import logging
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from kitae.data.encodings import AUTO, decode_errors, undecodable
from kitae.data.reading.lines import LongLine, bounded_lines, too_long
from kitae.data.reading.rows import NOT_TEXT, QUOTED_HEAD, BadRow, Raw, Row

if TYPE_CHECKING:
    from pypdf import PdfReader

DECLARED = {"shift_jis": "cp932", "x-sjis": "cp932", "sjis": "cp932", "iso-8859-1": "cp1252", "us-ascii": "cp1252"}
"""What browsers take these for when a page declares them."""
HEAD_BYTES = 4_096
DAMAGE = (
    ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, OSError, RuntimeError, TypeError,
    ValueError, zlib.error,
)  # fmt: skip
"""What pypdf, trafilatura and lxml raise on damaged files besides errors of their own."""
LOCKED = "locked with a password: save a copy without one"
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)

for _library in ("pypdf", "trafilatura"):
    # What they say of damage would go to the screen; the row says it.
    logging.getLogger(_library).addHandler(logging.NullHandler())

Piece = tuple[int, str, str]
"""The line where it begins, what stands there, and why it cannot be read, or ""."""


def read_text(raw: Raw) -> Iterator[Row | BadRow]:
    """A text by its lines, its paragraphs between blank lines, or as a whole. A line that is no text costs itself."""
    with raw.text(newline="") as file:
        yield from _numbered(_pieces(bounded_lines(file, raw.longest_row), raw.how.unit, raw.longest_row))


def read_html(raw: Raw) -> Iterator[Row | BadRow]:
    """The main text of an HTML page, without what is around it (Barbaresi 2021, trafilatura), and its title."""
    with raw.opened() as file:
        written = file.read(raw.longest_row + 1)
    if len(written) > raw.longest_row:
        yield BadRow(too_long(len(written)), "", 1)
        return
    page = _decoded(written, raw)
    text, title = _main_text(page)
    if not text:
        yield BadRow("no main text was found: the page is empty, or a script draws it", page[:QUOTED_HEAD], 1)
        return
    # Each line of the main text is a paragraph of the page.
    unit = "line" if raw.how.unit == "paragraph" else raw.how.unit
    for row in _numbered(_pieces(text.splitlines(keepends=True), unit, raw.longest_row)):
        yield Row(row.values | {"title": title}, row.row) if isinstance(row, Row) and title else row


def read_pdf(raw: Raw) -> Iterator[Row | BadRow]:
    """The text of a PDF, as a whole or by its pages, paragraphs or lines; why there is none for a scan and the like."""
    import pypdf

    wrong = (*DAMAGE, pypdf.errors.PyPdfError)
    with raw.seekable() as file:
        try:
            reader = pypdf.PdfReader(file)
            locked = reader.is_encrypted and not reader.decrypt("")
            pages = 0 if locked else len(reader.pages)
        except pypdf.errors.DependencyError:
            yield BadRow("encrypted in a way that cannot be read here: save a copy without protection", "", 1)
            return
        except wrong as error:
            yield BadRow(f"not a readable PDF: {error}", "", 1)
            return
        if locked:
            yield BadRow(LOCKED, "", 1)
            return
        yield from _numbered(_pdf_pieces(raw, reader, pages, wrong))


def _pdf_pieces(raw: Raw, reader: "PdfReader", pages: int, wrong: tuple[type[Exception], ...]) -> Iterator[Piece]:
    """The pieces of a PDF; the page stands for the line."""
    whole = raw.how.unit in {"auto", "document"}
    texts: list[str] = []
    for page in range(1, pages + 1):
        try:
            texts.append(reader.pages[page - 1].extract_text().strip())
        except wrong as error:
            yield page, "", f"page {page} cannot be read: {error}"
            continue
        if not whole:
            for _, piece, reason in _pieces(texts[-1].splitlines(keepends=True), raw.how.unit, raw.longest_row):
                yield page, piece, reason
            texts[-1] = texts[-1][:1]
    text = "\n\n".join(filter(None, texts))
    if not text and (texts or not pages):
        yield 1, "", f"{pages} pages and no text in them: a scan, which text recognition (OCR) must read first"
    elif text and whole:
        yield _together(1, [text], len(text), raw.longest_row)


def _numbered(pieces: Iterable[Piece]) -> Iterator[Row | BadRow]:
    for number, (line, text, reason) in enumerate(pieces, start=1):
        yield BadRow(reason, text, number, "", line) if reason else Row({"text": text}, number, "", line)


def _pieces(lines: Iterable[str | LongLine], unit: str, longest: int) -> Iterator[Piece]:
    """Lines put together to paragraphs or to one document, or as they are."""
    held: list[str] = []
    size = first = 0
    for line, text in enumerate(lines, start=1):
        if isinstance(text, LongLine):
            yield line, text.head, text.reason
            continue
        if undecodable(text):
            yield line, text[:QUOTED_HEAD], NOT_TEXT
            continue
        blank = not text.strip()
        if held or not blank:
            first = first if held else line
            size += len(text)
            if size <= longest or not held:
                held.append(text)
        if held and (unit == "line" or (unit == "paragraph" and blank)):
            yield _together(first, held, size, longest)
            held, size = [], 0
    if held:
        yield _together(first, held, size, longest)


def _together(first: int, held: list[str], size: int, longest: int) -> Piece:
    if size > longest:
        return first, held[0][:QUOTED_HEAD], f"{too_long(size)}; read.unit: paragraph takes it in pieces"
    return first, "".join(held).strip(), ""


def _decoded(written: bytes, raw: Raw) -> str:
    """HTML as text: as the recipe says, as the page declares if that is true, else as it looks."""
    declared = _CHARSET.search(written[:HEAD_BYTES])
    if declared and raw.encoding == AUTO:
        name = declared[1].decode("ascii", errors="replace").lower()
        try:
            return written.decode(DECLARED.get(name, name))
        except (LookupError, UnicodeDecodeError):
            pass
    return written.decode(raw.codec, errors="replace" if decode_errors(raw.codec) else "strict")


def _main_text(page: str) -> tuple[str, str]:
    """The main text and the title of a page, "" for what is not there."""
    import lxml.etree  # type: ignore[import-untyped]
    import trafilatura

    try:
        found: Any = trafilatura.bare_extraction(page, include_comments=False, with_metadata=True)
    except (*DAMAGE, lxml.etree.LxmlError):
        return "", ""
    if found is None:
        return "", ""
    return (found.text or "").strip(), (found.title or "").strip()
