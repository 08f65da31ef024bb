r"""What a recogniser finds, and the form of a text in which recognisers look.

Japanese has no spaces and `\b` sees none between a digit and a kana, so recognisers use look-arounds of their own; and
people type digits, hyphens and @ in full width, so recognisers look at a copy with those narrowed, letter for letter.
"""

import re
from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import NamedTuple, Protocol

NARROW = (
    {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    | dict.fromkeys("‐‑‒–—―−ｰ", "-")
    | {"　": " ", "\u00a0": " "}
)
_WIDE = re.compile(r"[！-～　\u00a0‐-―−ｰ]")
_LONG_VOWEL = re.compile(r"(?<=[0-9])ー(?=[0-9])")
NOT_AFTER = r"(?<![0-9A-Za-z])(?<![0-9][-./])"
NOT_BEFORE = r"(?![0-9A-Za-z])(?![-/][0-9])"
"""Around a number: not part of a longer number, word or code."""


class Finding(NamedTuple):
    """Private data at `text[start:end]`, and why it is taken for that.

    Of two that overlap the higher priority stays, then the longer. Above 60 the form alone is proof (a check digit, an
    issuer's prefix); from 30 to 60 form and surroundings together; below 30 the surroundings or a list of names.
    """

    kind: str
    start: int
    end: int
    priority: int = 0
    why: str = ""


class Recogniser(Protocol):
    """Finds private data of some kinds."""

    @property
    def kinds(self) -> frozenset[str]:
        """What it can find."""

    def find(self, text: str, kinds: frozenset[str]) -> Iterable[Finding]:
        """Findings of the wanted kinds, in any order; they may overlap. `text` is narrowed; offsets are its own."""


def narrow(text: str) -> str:
    """A copy of the same length with full-width ASCII, spaces and hyphens (ー between digits too) narrowed."""
    if text.isascii():
        return text
    text = _WIDE.sub(_narrowed, text)
    return _LONG_VOWEL.sub("-", text) if "ー" in text else text


def _narrowed(match: re.Match[str]) -> str:
    return NARROW[match[0]]


def digits_of(text: str) -> str:
    """The digits of a narrowed text."""
    return "".join(c for c in text if c in "0123456789")


def near(text: str, start: int, end: int, words: re.Pattern[str], *, before: int, after: int = 0) -> bool:
    """Whether a context word stands within so many characters before or after a place (in the same line)."""
    left = text[max(0, start - before) : start].rpartition("\n")[2]
    right = text[end : end + after].partition("\n")[0]
    return bool(words.search(left) or words.search(right))


def without_overlaps(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that stay, from left to right."""
    taken: list[tuple[int, int, Finding]] = []
    for finding in sorted(findings, key=lambda f: (-f.priority, f.start - f.end, f.start, f.kind)):
        place = bisect_left(taken, (finding.start,))
        free_before = place == 0 or taken[place - 1][1] <= finding.start
        free_after = place == len(taken) or finding.end <= taken[place][0]
        if free_before and free_after:
            insort(taken, (finding.start, finding.end, finding))
    return [finding for _, _, finding in taken]
