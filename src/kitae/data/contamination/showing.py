"""What is the same in two texts, shown: with private data masked, and cut where a text is long."""

import itertools
from collections.abc import Sequence

from kitae.core.text import is_japanese
from kitae.data.contamination.words import places, wide, words
from kitae.data.privacy.recognisers import KINDS
from kitae.data.privacy.scanning import masked, scan

LEAST_WORDS = 4
"""Shorter common runs are chance and are not marked."""
LEAST_CHARACTERS = 6
Piece = tuple[str, bool]
"""A piece of a text, and whether it is marked."""


def quote(text: str, start: int, end: int) -> str:
    """The words of a text from `start` up to `end`, as they stand there, masked."""
    return "".join(piece for piece, marked in pieces(text, [(start, end)]) if marked)


def pieces(text: str, marks: Sequence[tuple[int, int]]) -> list[Piece]:
    """The text cut where marks (from a word up to a word; ascending, apart) begin and end, masked."""
    where, text = places(text), wide(text)
    edges = [(where[start][0], where[end - 1][1]) for start, end in marks if start < end]
    cuts = sorted({0, len(text), *(edge for pair in edges for edge in pair)})
    begins = {start for start, _ in edges}
    return [(_masked(text, start, end), start in begins) for start, end in itertools.pairwise(cuts)]


def _masked(text: str, start: int, end: int) -> str:
    """A part of a text; private data that begins in it is named, what began before it is left out."""
    out = []
    for finding in scan(text, KINDS):
        if finding.end <= start or finding.start >= end:
            continue
        out.append(text[start : max(start, finding.start)])
        out += [f"[{finding.kind}]"] if finding.start >= start else []
        start = min(finding.end, end)
    return masked("".join([*out, text[start:end]]))


def common_marks(text: str, others: Sequence[str]) -> list[tuple[int, int]]:
    """Runs of words (first, one after the last) of a text that stand in one of the others, too."""
    said = words(text)
    least = min(LEAST_CHARACTERS if is_japanese(text) else LEAST_WORDS, max(len(said), 1))
    known = {window for other in others for window in _windows(words(other), least)}
    marks: list[tuple[int, int]] = []
    for start, window in enumerate(_windows(said, least)):
        if window not in known:
            continue
        if marks and start <= marks[-1][1]:
            marks[-1] = (marks[-1][0], start + least)
        else:
            marks.append((start, start + least))
    return marks


def _windows(said: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(said[start : start + size]) for start in range(len(said) - size + 1)]
