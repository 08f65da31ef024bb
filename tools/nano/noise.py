"""Spoil a sentence the way people in a hurry do, and find the words that carry it."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
_BESIDE = "qwa wes erd rft tgy yhu uji iko olp po asq sda dfs fgd ghf hjg jkh klj lk zxa xzc cxv vcb bvn nbm mn"
_NEIGHBOURS = {group[0]: group[1:] for group in _BESIDE.split()}
"""Keys beside each key, for slips of the finger."""
_WORDS_JA = re.compile(r"[\u4e00-\u9fff々]{1,6}|[\u30a0-\u30ff]{2,}|[A-Za-z0-9]{2,}")
_WORDS_EN = re.compile(r"[A-Za-z][A-Za-z'-]+")
_STOP = frozenset(
    "the a an and or of to in on for is are was were be been am i my me you your it its this that "  # noqa: SIM905
    "do does did can could would will have has had not no with from at by if so as but what how "
    "why when where which who there here they them he she his her their we our us than then just "
    "get got i'm i've don't didn't it's isn't please need want like know tell any some".split()
)


def is_japanese(text: str) -> bool:
    return bool(JAPANESE.search(text))


def spoil(text: str, rng: random.Random) -> str:
    """One to four slips: a letter lost, doubled, swapped or mistyped, a word lost."""
    letters = list(text)
    slips = 1 + (len(letters) > 20) + (len(letters) > 40) + rng.randrange(2)
    for _ in range(slips):
        if len(letters) < 4:
            break
        at = rng.randrange(len(letters) - 1)
        kind = rng.randrange(4)
        if kind == 0:
            del letters[at]
        elif kind == 1:
            letters.insert(at, letters[at])
        elif kind == 2:
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
        else:
            letters[at] = rng.choice(_NEIGHBOURS.get(letters[at].lower(), letters[at]))
    spoiled = "".join(letters)
    if not is_japanese(text):
        style = rng.random()
        if style < 0.4:
            spoiled = spoiled.lower().rstrip("?.!")
        elif style < 0.55:
            spoiled = " ".join(w for w in spoiled.split() if rng.random() > 0.12)
    elif rng.random() < 0.4:
        spoiled = re.sub(r"[、。]", "", spoiled)
    return spoiled


def words(text: str) -> list[str]:
    """Content words: kanji and katakana runs, or English words outside a stop list."""
    if is_japanese(text):
        return _WORDS_JA.findall(text)
    return [w for w in _WORDS_EN.findall(text.lower()) if w not in _STOP and len(w) > 2]


class Keywords:
    """The rarest content words of a sentence among the sentences it came with."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.count = Counter(w for text in texts for w in set(words(text)))

    def __call__(self, text: str, most: int = 3) -> list[str]:
        """In the order of the sentence; words seen once are names or slips, so they come last."""
        found = list(dict.fromkeys(words(text)))
        kept = sorted(found, key=lambda w: self.count[w] if self.count[w] > 1 else 10**6)[:most]
        return [w for w in found if w in kept]
