"""Keeping what is made apart from what is measured: which held-out question a text is equal to, or near.

Exact, unlike a search by bands: a text whose n-grams have a Jaccard similarity of t with another's shares one of its
|A| - ceil(t |A|) + 1 rarest n-grams with it, so only those are looked up. Source: Chaudhuri, Ganti, Kaushik 2006, "A
primitive operator for similarity joins in data cleaning" (prefix filter).
"""

import math
from collections import defaultdict
from collections.abc import Iterable

from kitae.core.records import Record
from kitae.core.text import compact, is_japanese, ngrams

NGRAM_JAPANESE, NGRAM_OTHER = 3, 5
"""As in the search for near duplicates."""
NEAR = 0.8
"""Where the recipe switches near duplicates off, held-out questions are still kept apart by this."""


class HeldOut:
    """The questions of validation and test, alone and with all that was said before."""

    def __init__(self, records: Iterable[Record], *, near: float | None) -> None:
        """Index the questions; `near` is the Jaccard similarity from which on two are the same."""
        self._near = NEAR if near is None else near
        self._grams = [grams for text in sorted({t for r in records for t in texts_of(r)}) if (grams := grams_of(text))]
        self._where: dict[str, list[int]] = defaultdict(list)
        for place, grams in enumerate(self._grams):
            for gram in grams:
                self._where[gram].append(place)

    def asks(self, record: Record) -> bool:
        """Whether some held-out row asks what this record asks, or nearly that."""
        return any(self._knows(grams_of(text)) for text in texts_of(record))

    def _knows(self, grams: set[str]) -> bool:
        if not grams:
            return False
        rarest = sorted(grams, key=lambda gram: (len(self._where.get(gram, ())), gram))
        looked_up = rarest[: len(grams) - math.ceil(self._near * len(grams) - 1e-9) + 1]
        places = {place for gram in looked_up for place in self._where.get(gram, ())}
        return any(jaccard(grams, self._grams[place]) >= self._near for place in places)


def texts_of(record: Record) -> tuple[str, str]:
    """The last question alone, and with all that was said before it (but for the system)."""
    return record.question, "\n".join(m.content for m in record.prompt if m.role != "system")


def grams_of(text: str) -> set[str]:
    """The character n-grams of a text without spaces and punctuation: 3 letters in Japanese, 5 otherwise."""
    letters = compact(text)
    return ngrams(letters, NGRAM_JAPANESE if is_japanese(letters) else NGRAM_OTHER)


def jaccard(one: set[str], other: set[str]) -> float:
    """Jaccard similarity of two sets; 0 for two empty ones."""
    union = len(one | other)
    return len(one & other) / union if union else 0.0


def dice(one: str, other: str) -> float:
    """Dice coefficient of the letter pairs of two texts, 0 to 1 (Dice 1945)."""
    a, b = ngrams(compact(one), 2), ngrams(compact(other), 2)
    return 2 * len(a & b) / (len(a) + len(b)) if a or b else 0.0
