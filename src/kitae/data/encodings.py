"""Which text encoding a raw file has, found from its bytes alone."""

import codecs
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from kitae.core.files import BLOCK_BYTES
from kitae.data.reading.damage import BrokenFile

AUTO = "auto"
"""Stands for an encoding that is found from the bytes."""
SAMPLE_BYTES = 1 << 20
PIECE_BYTES = 1 << 16
ERROR_PENALTY = 20.0
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
Opened = Callable[[], IO[bytes]]
"""How to open a file from its beginning."""
CANDIDATES = ("utf-8", "cp932", "euc_jp", "cp1252")
"""In the order in which a tie is decided."""

BINARY_SIGNATURES = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a ZIP archive (an .xlsx must be named so)",
    b"\x1f\x8b": "a gzip archive",
    b"PAR1": "a Parquet file",
    b"\xd0\xcf\x11\xe0": "an old Office file (.xls, .doc)",
    b"SQLite format 3": "an SQLite database",
    b"\x7fELF": "a program",
}

_UNDECODABLE = re.compile("[\udc80-\udcff]")
_HALF_KANA = re.compile(r"[｡-ﾟ]")
_JAPANESE = re.compile(r"[ぁ-ヿ、。「」一-鿿々ー・！？（）０-９]")
_LATIN_1_LETTER = re.compile(r"[À-ÖØ-öø-ÿŒœŠšŽžŸ’‘“”–—…€£°«»¿¡]")


def opening(path: Path) -> Opened:
    """How to open the file at a path."""
    return lambda: path.open("rb")


def detect_encoding(opened: Opened) -> str:
    """The Python name of a text file's encoding: BOM first, then UTF-8 if the whole file is, then the likeliest.

    The others are judged on the lines with bytes above 127 (at most 1 MiB of them): by undecodable bytes, and by how
    much of what comes out is text that people write.
    """
    with opened() as file:
        head = file.read(4096)
    for bom, name in BOMS:
        if head.startswith(bom):
            return name
    if wide := _utf16_without_bom(head):
        return wide
    if _is_utf8(opened):
        return "utf-8"
    sample = _sample(opened)
    return min(CANDIDATES, key=lambda name: (_penalty(sample, name), CANDIDATES.index(name)))


def binary_kind(opened: Opened) -> str | None:
    """What a binary file is, in words, or None when it looks like text."""
    with opened() as file:
        head = file.read(1 << 16)
    for signature, kind in BINARY_SIGNATURES.items():
        if head.startswith(signature):
            return kind
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _utf16_without_bom(head[:4096]):
        return None
    controls = sum(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in head)
    if head.count(b"\0") > max(1, 0.001 * len(head)) or controls > max(16, 0.02 * len(head)):
        return "binary data"
    return None


def decode_errors(encoding: str) -> str:
    """How undecodable bytes are kept visible, so that only their row goes to quarantine."""
    return "replace" if encoding.startswith("utf-16") else "surrogateescape"


def undecodable(text: str) -> bool:
    """Whether a text read with `decode_errors` holds bytes that its encoding cannot be."""
    return bool(_UNDECODABLE.search(text))


def _utf16_without_bom(head: bytes) -> str | None:
    """UTF-16 without a mark: it has zero bytes (every line end is one), and one of its two orders gives plain text."""
    if b"\0" not in head:
        return None
    shares = {}
    for name in ("utf-16-le", "utf-16-be"):
        text = head[: len(head) // 2 * 2].decode(name, errors="replace")
        plain = sum("\x20" <= c <= "\x7e" or c in "\t\r\n" for c in text) + len(_JAPANESE.findall(text))
        shares[name] = plain / max(1, len(text))
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] > 0.9 else None


def _blocks(opened: Opened) -> Iterator[bytes]:
    """All that can be read."""
    with opened() as file, suppress(BrokenFile):
        while block := file.read(BLOCK_BYTES):
            yield block


def _is_utf8(opened: Opened) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in _blocks(opened):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _sample(opened: Opened) -> bytes:
    lines: list[bytes] = []
    size = 0
    with opened() as file, suppress(BrokenFile):
        while line := file.readline(PIECE_BYTES):
            if not line.isascii():
                lines.append(line)
                size += len(line)
            if size >= SAMPLE_BYTES:
                break
    return b"".join(lines)[:SAMPLE_BYTES]


def _penalty(sample: bytes, encoding: str) -> float:
    """How unlikely the encoding is: undecodable bytes count most, then characters that nobody writes."""
    text = sample.decode(encoding, errors="surrogateescape")
    errors = sum("\udc80" <= c <= "\udcff" for c in text)
    if encoding == "utf-8":
        return ERROR_PENALTY * errors
    foreign = [c for c in text if c > "\x7f" and not "\udc80" <= c <= "\udcff"]
    joined = "".join(foreign)
    if encoding == "cp1252":
        odd = len(foreign) - len(_LATIN_1_LETTER.findall(joined))
        runs = sum(len(run) - 1 for run in re.findall(r"[^\x00-\x7f]+", text))
        return ERROR_PENALTY * errors + 2 * odd + runs
    kana = sum("ぁ" <= c <= "ん" for c in foreign)
    half = len(_HALF_KANA.findall(joined))
    odd = len(foreign) - len(_JAPANESE.findall(joined)) - half
    # Japanese without a single hiragana is rare; Latin-1 letters read as CP932 give lone kanji.
    bare = 0 if kana else len(foreign)
    return ERROR_PENALTY * errors + 2 * odd + half + bare
