"""Noise in words: in English words that may be missing and words exchanged, in Japanese particles and endings.

Nothing that turns a meaning round is dropped: only the words, particles and endings of `phrases.toml`.
"""

import random
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from kitae.data.small.characters import FIXED, Change, applied
from kitae.data.small.morphemes import morphemes

_WORD = re.compile(r"[A-Za-z']+")
_NEGATION = re.compile(r"not|no|never|without|none|cannot|\w+n't", re.IGNORECASE)
_END = r"(?=[。．.？?！!\s]*(?:$|\n))"


@cache
def phrases() -> Mapping[str, Mapping[str, Any]]:
    """The phrases by language."""
    return tomllib.loads(files("kitae.data.small").joinpath("phrases.toml").read_text(encoding="utf-8"))


def reworded(text: str, *, japanese: bool, strength: float, draw: random.Random) -> str:
    """The text with a share `strength` of its words changed, at least one; "" when none can be."""
    fixed = [match.span() for match in FIXED.finditer(text)]
    kinds = JAPANESE if japanese else ENGLISH
    offered = {name: [c for c in make(text) if not _inside(c, fixed)] for name, make in kinds.items()}
    offered = {name: changes for name, changes in offered.items() if changes}
    words = len(morphemes(text)) if japanese else len(_WORD.findall(text))
    chosen: list[Change] = []
    for _ in range(max(1, round(strength * words))):
        if not offered:
            break
        change = draw.choice(offered[draw.choice(sorted(offered))])
        if not _inside(change, [(start, end) for start, end, _ in chosen]):
            chosen.append(change)
    return applied(text, chosen) if chosen else ""


def _inside(change: Change, spans: list[tuple[int, int]]) -> bool:
    return any(change[0] < end and start < change[1] for start, end in spans)


def _dropped(text: str) -> Iterator[Change]:
    """A word that may be missing, with the space behind it."""
    known = set(phrases()["en"]["droppable"])
    for match in re.finditer(r"([A-Za-z']+) ", text):
        if match.group(1).lower() in known and match.start():
            yield match.start(), match.end(), ""


def _exchanged(text: str) -> Iterator[Change]:
    """Two words beside each other; a negation keeps its place."""
    for match in re.finditer(r"(?=\b([A-Za-z']+) ([A-Za-z']+)\b)", text):
        one, other = match.group(1), match.group(2)
        if not (_NEGATION.fullmatch(one) or _NEGATION.fullmatch(other)) and one != other:
            yield match.start(1), match.end(2), f"{other} {one}"


def _particles(text: str) -> Iterator[Change]:
    """A particle left out, as in speech."""
    known = set(phrases()["ja"]["particles"])
    for word in morphemes(text):
        if word.kind == "助詞" and text[word.start : word.end] in known and word.end < len(text):
            yield word.start, word.end, ""


def _endings(text: str) -> Iterator[Change]:
    """An ending that means the same, more or less polite."""
    for group in phrases()["ja"]["endings"]:
        # The longest first: what ends in "でしょうか" is not to be read as "ですか".
        for ending in sorted(group, key=len, reverse=True):
            for match in re.finditer(re.escape(ending) + _END, text):
                yield from ((match.start(), match.end(), other) for other in group if other != ending)


JAPANESE: dict[str, Callable[[str], Iterator[Change]]] = {"particles": _particles, "endings": _endings}
ENGLISH: dict[str, Callable[[str], Iterator[Change]]] = {"dropped": _dropped, "exchanged": _exchanged}
"""Kinds of changes: each names those that it could make in a text."""
