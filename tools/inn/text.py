"""Normal forms of a question, and how alike two questions are."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict

GRAM = {"ja": 3, "en": 5}
"""Characters per n-gram: a Japanese character carries more than a Latin letter."""


def normalise(text: str) -> str:
    """Fold width, letter case and runs of whitespace."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip().casefold()


def grams(text: str, size: int) -> frozenset[str]:
    """Return the set of character n-grams of the normal form."""
    flat = normalise(text)
    return frozenset(flat[i : i + size] for i in range(max(1, len(flat) - size + 1)))


def jaccard(left: str, right: str, size: int) -> float:
    """Return the Jaccard similarity of two texts over character n-grams."""
    a, b = grams(left, size), grams(right, size)
    return len(a & b) / len(a | b)


class Accepted:
    """The questions taken so far; refuses one that is equal or too like an earlier one."""

    def __init__(self, ceiling: float) -> None:
        self.ceiling = ceiling
        self._sizes: list[int] = []
        self._where: dict[str, dict[str, list[int]]] = {"ja": defaultdict(list), "en": defaultdict(list)}
        self._seen: set[str] = set()

    def nearest(self, text: str, language: str) -> float:
        """Return the highest similarity to any accepted text of the language."""
        mine = grams(text, GRAM[language])
        shared = Counter(i for gram in mine for i in self._where[language].get(gram, ()))
        return max((n / (len(mine) + self._sizes[i] - n) for i, n in shared.items()), default=0.0)

    def add(self, text: str, language: str) -> bool:
        """Take the text if it is new enough; say whether it was taken."""
        key = re.sub(r"[\s\W]+", "", normalise(text))
        if key in self._seen or self.nearest(text, language) >= self.ceiling:
            return False
        self._seen.add(key)
        mine = grams(text, GRAM[language])
        for gram in mine:
            self._where[language][gram].append(len(self._sizes))
        self._sizes.append(len(mine))
        return True
