"""Feeling in text: a whole number from -4 to 4 by the lexicon in `words/emotion.toml`.

Whole numbers, so that sums over shards are exact: a source is described by how many of its records have each score.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from kitae.data.rules.lexicon import needle_of, word_list

MOST = 4
"""Scores beyond are cut: who shouts five times is not angrier than who shouts twice."""
STRONG = 2
"""From here on a record counts as strongly positive or negative."""
_BEFORE, _AFTER = 40, 8
"""Characters before an English word and after a Japanese one in which something may turn it round."""


@lru_cache(maxsize=1)
def _weights() -> Mapping[str, Mapping[str, int]]:
    """Needle to the words that begin so, with their weights."""
    raw = word_list("emotion")
    out: dict[str, dict[str, int]] = {}
    for name, sign in (("positive", 1), ("negative", -1)):
        for strength, weight in (("strong", 2), ("mild", 1)):
            for word in raw[name][strength]:
                out.setdefault(needle_of(word), {})[word] = sign * weight
    return out


@lru_cache(maxsize=1)
def emotion_words() -> frozenset[str]:
    """The needles to look for."""
    return frozenset(_weights())


@lru_cache(maxsize=1)
def _turned() -> tuple[re.Pattern[str], re.Pattern[str]]:
    raw = word_list("emotion")["turned"]
    return re.compile(raw["before"]), re.compile(raw["after"])


def emotion(text: str, found: frozenset[str]) -> int:
    """The feeling of a text: the sum of its words' weights, from -4 to 4; 0 is none, or as much of both.

    `found` are the needles that occur in it (see `seen.found_in`). Of a word within another (好き, 大好き)
    the longer one counts.
    """
    needles = found & emotion_words()
    if not needles:
        return 0
    lower = text.lower()
    weights = {word: weight for needle in needles for word, weight in _weights()[needle].items() if word in lower}
    total = 0
    taken: set[int] = set()
    for word in sorted(weights, key=lambda word: (-len(word), word)):
        for at in _places(word, lower):
            if at not in taken:
                taken.update(range(at, at + len(word)))
                total += -weights[word] if _is_turned(word, lower, at) else weights[word]
    return max(-MOST, min(MOST, total))


def _places(word: str, text: str) -> list[int]:
    if word.isascii():
        return [hit.start() for hit in re.finditer(rf"(?<![a-z]){word}(?![a-z])", text)]
    return [hit.start() for hit in re.finditer(word, text)]


def _is_turned(word: str, text: str, at: int) -> bool:
    before, after = _turned()
    if word.isascii():
        return bool(before.search(text[max(0, at - _BEFORE) : at]))
    end = at + len(word)
    return bool(after.match(text[end : end + _AFTER]))
