r"""What a recogniser finds, and the form of a text in which recognisers look.

Japanese has no spaces and `\b` sees none between a digit and a kana, so recognisers use look-arounds of their own; and
people type digits, hyphens and @ in full width, so recognisers look at a copy with those narrowed, letter for letter.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

NARROW = str.maketrans(
    {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    | {"　": " ", "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-", "ｰ": "-"}
)
_DIGIT_LONG_VOWEL = re.compile(r"(?<=\d)ー(?=\d)")
KANJI = "一-鿿々〆ヶ"
NOT_AFTER = r"(?<![0-9A-Za-z])(?<![0-9][-./])"
NOT_BEFORE = r"(?![0-9A-Za-z])(?![-/][0-9])"
"""Around a number: not part of a longer number, word or code."""


@dataclass(frozen=True)
class Finding:
    """Private data at `text[start:end]`; of two that overlap the higher priority stays, then the longer."""

    kind: str
    start: int
    end: int
    priority: int = 0


Recogniser = Callable[[str], Iterator[Finding]]
"""Takes the narrowed text; offsets are those of the text itself."""


def narrow(text: str) -> str:
    """A copy of the same length with full-width ASCII, spaces and hyphens (ー between digits too) narrowed."""
    return _DIGIT_LONG_VOWEL.sub("-", text.translate(NARROW))


def digits_of(text: str) -> str:
    """The digits of a narrowed text."""
    return "".join(c for c in text if c in "0123456789")


def near(text: str, start: int, end: int, words: re.Pattern[str], *, before: int, after: int = 0) -> bool:
    """Whether a context word stands within so many characters before or after a place (in the same line)."""
    left = text[max(0, start - before) : start].rpartition("\n")[2]
    right = text[end : end + after].partition("\n")[0]
    return bool(words.search(left) or words.search(right))
