"""Comparing forms of many texts at once, as code points in one array; the same forms as `kitae.core.text` makes.

NFKC and case folding work letter by letter for nearly all of Japanese and English, so a table does them. Where a letter
becomes several, or two compose into one, the whole text goes the way of the standard library.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

import numpy as np

from kitae.core.text import HAN, KANA, LATIN
from kitae.data.alike.ragged import Array, Ragged, of_lengths

TABLE = 0x20000
"""Code points below this are looked up; those above are rare ideographs, and go the long way."""
HARD = np.uint32(0xFFFF_FFFF)
WORD, SPACE, JAPANESE, LATINS, DIGIT = 1, 2, 4, 8, 16
"""Bits of a letter's kind: kept by `compact`, white space, kana or kanji, Latin, decimal digit."""
_JAMO = re.compile("[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]")
"""Parts of Korean syllables, which compose with their neighbours."""


def normalised(texts: Sequence[str]) -> Ragged:
    """Code points (uint32) of `core.text.normalise` of each text."""
    texts = list(texts)
    flat = _codes(texts)
    folded = _fold()[np.minimum(flat, TABLE)]
    lengths = _lengths(texts)
    hard = np.flatnonzero(of_lengths(folded, lengths).counts(folded == HARD))
    if len(hard):
        for index in hard.tolist():
            texts[index] = unicodedata.normalize("NFKC", texts[index]).casefold()
        flat, lengths = _codes(texts), _lengths(texts)
        done = np.zeros(len(texts), dtype=bool)
        done[hard] = True
        folded = np.where(np.repeat(done, lengths), flat, _fold()[np.minimum(flat, TABLE)])
    return _spaced(of_lengths(folded, lengths))


def compacted(texts: Ragged) -> Ragged:
    """Of normalised code points, those that `core.text.compact` keeps: letters, digits and marks."""
    return texts.where(kinds(texts.values) & WORD > 0)


def japanese(texts: Ragged) -> Array:
    """Whether each compact text is Japanese, as `core.text.is_japanese` says, [N]."""
    kind = kinds(texts.values)
    own, latin = texts.counts(kind & JAPANESE > 0), texts.counts(kind & LATINS > 0)
    return (own > 0) & (own >= 0.2 * (own + latin))


def kinds(codes: Array) -> Array:
    """The bits of each code point's kind."""
    table = _kinds()
    if codes.dtype == np.uint16 or not len(codes) or codes.max() < TABLE:
        return table[codes]
    kind = table[np.minimum(codes, TABLE)]
    rare = np.flatnonzero(codes >= TABLE)
    unique, places = np.unique(codes[rare], return_inverse=True)
    kind[rare] = np.array([_kind(code) for code in unique.tolist()], dtype=np.uint8)[places]
    return kind


def text_of(codes: Array) -> str:
    """The text of code points."""
    return codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def _spaced(texts: Ragged) -> Ragged:
    """Runs of white space as one space, none at the ends."""
    space = kinds(texts.values) & SPACE > 0
    if not space.any():
        return texts
    places = np.flatnonzero(space)
    values = texts.values.copy()
    values[places] = ord(" ")
    filled = texts.offsets[:-1][texts.lengths > 0]
    follows = np.zeros(len(space), dtype=bool)
    follows[1:] = space[:-1]
    follows[filled] = True  # as if a space stood before every text
    dropped = space & follows
    shorter = Ragged(values, texts.offsets).where(~dropped)
    ends = shorter.offsets[1:][shorter.lengths > 0] - 1
    kept = np.ones(len(shorter.values), dtype=bool)
    kept[ends] = shorter.values[ends] != ord(" ")
    return shorter.where(kept)


def _codes(texts: Sequence[str]) -> Array:
    return np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _lengths(texts: Sequence[str]) -> Array:
    return np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))


@cache
def _fold() -> Array:
    """What NFKC and case folding make of a code point that becomes one other and composes with none, else `HARD`."""
    table = np.full(TABLE + 1, HARD, dtype=np.uint32)
    letters = list(map(chr, range(TABLE)))
    letters[ord("\n")] = " "
    # As the lines of one text: a call for each takes a second of every process.
    forms = unicodedata.normalize("NFKC", "\n".join(letters)).casefold().split("\n")
    for code, (letter, form) in enumerate(zip(letters, forms, strict=True)):
        if len(form) == 1 and not _composes(letter) and (form == letter or not _composes(form)):
            table[code] = ord(form)
    table[ord("\n")] = ord("\n")
    return table


def _composes(letter: str) -> bool:
    return unicodedata.category(letter)[0] == "M" or _JAMO.match(letter) is not None


@cache
def _kinds() -> Array:
    return np.array([_kind(code) for code in range(TABLE)] + [0], dtype=np.uint8)


def _kind(code: int) -> int:
    letter = chr(code)
    category = unicodedata.category(letter)
    return (
        WORD * (category[0] in "LNM")
        | SPACE * letter.isspace()
        | JAPANESE * bool(KANA.match(letter) or HAN.match(letter))
        | LATINS * bool(LATIN.match(letter))
        | DIGIT * (category == "Nd")
    )
