"""The index of benchmarks: compact, picklable, built once; what training records are held against.

Every row of a benchmark is two texts, its question (2i) and its answer (2i + 1). Three ways lead from a training record
to them, each by sorted hashes:

- `whole`: the whole text. Short answers are left out: "yes", or a label, is the answer of many questions.
- `windows`: every window of 8 words, or 15 characters of Japanese: the least N of Brown et al. 2020 (arXiv:2005.14165,
  appendix C). One common window is chance; common windows count when they cover enough.
- `near`: the rarest character n-grams of a question, of which every text that is near it has at least one among its
  own rarest (prefix filtering: Chaudhuri et al. 2006; Bayardo et al. 2007), so that none is missed.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WINDOW = {False: 8, True: 15}
"""Words that must follow each other alike to be a common span, without Japanese and with it (characters)."""
NGRAM = {False: 5, True: 3}
"""Characters in an n-gram, without Japanese and with it."""


@dataclass(frozen=True)
class Item:
    """A row of a benchmark: where it stood, and the words of its question and its answer."""

    benchmark: str
    row: str
    question: tuple[str, ...]
    answer: tuple[str, ...]


@dataclass(frozen=True)
class Limits:
    """How much must be the same; `ContaminationSettings` says what each means."""

    words: int = 13
    characters: int = 30
    coverage: float = 0.5
    near: float | None = 0.8

    def least(self, japanese: bool, size: int) -> float:
        """How many words of a text of `size` words must be in common spans: all words of a short one."""
        return min(size, max(self.characters if japanese else self.words, self.coverage * size))


@dataclass(frozen=True)
class Table:
    """Hash to the texts that have it."""

    hashes: "NDArray[np.uint64]"  # ascending, distinct: H
    begins: "NDArray[np.int64]"  # of each hash in `texts`: H + 1
    texts: "NDArray[np.int64]"

    @staticmethod
    def of(hashes: "NDArray[np.uint64]", texts: "NDArray[np.int64]") -> "Table":
        """A table of (hash, text) in any order; what stands there twice counts once."""
        import numpy as np

        order = np.lexsort((texts, hashes))
        hashes, texts = hashes[order], texts[order]
        fresh = np.ones(len(order), dtype=np.bool_)
        fresh[1:] = (hashes[1:] != hashes[:-1]) | (texts[1:] != texts[:-1])
        distinct, begins = np.unique(hashes[fresh], return_index=True)
        return Table(distinct, np.append(begins, int(fresh.sum())).astype(np.int64), texts[fresh])

    def find(self, hashes: "NDArray[np.uint64]") -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
        """Pairs (i, text), i ascending: the text has the hash i of `hashes`."""
        import numpy as np

        hit, found = found_in(self.hashes, hashes)
        first = self.begins[found]
        counts = self.begins[found + 1] - first
        within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(hit, counts), self.texts[np.repeat(first, counts) + within]

    def spread(self) -> "NDArray[np.int64]":
        """For each of `texts`, the number of its hash."""
        import numpy as np

        return np.repeat(np.arange(len(self.hashes)), np.diff(self.begins))


def found_in(
    sorted_hashes: "NDArray[np.uint64]", hashes: "NDArray[np.uint64]"
) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    """Which of `hashes` stand in `sorted_hashes` (distinct, ascending), and where."""
    import numpy as np

    if not len(sorted_hashes):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    where = np.minimum(np.searchsorted(sorted_hashes, hashes), len(sorted_hashes) - 1)
    hit = np.flatnonzero(sorted_hashes[where] == hashes)
    return hit, where[hit]


@dataclass(frozen=True)
class Near:
    """The character n-grams of questions, and which questions have which of them among their rarest."""

    known: "NDArray[np.uint64]"  # ascending, distinct
    often: "NDArray[np.int64]"  # in how many questions each is
    rare: Table
    sets: Mapping[int, "NDArray[np.uint64]"]  # of each question, by its text; ascending

    def rarest(self, hashes: "NDArray[np.uint64]", threshold: float) -> "NDArray[np.uint64]":
        """As many of the rarest n-grams of a set as a near set cannot all lack; none questions have comes first.

        Two sets with a Jaccard similarity of t share ceil(t n) members of the one with n members, and if all members
        of both are put in one order, one of the shared is among the first n - ceil(t n) + 1 of each.
        """
        import numpy as np

        often = np.zeros(len(hashes), dtype=np.int64)
        hit, found = found_in(self.known, hashes)
        often[hit] = self.often[found]
        first = len(hashes) - math.ceil(threshold * len(hashes) - 1e-9) + 1
        return hashes[np.lexsort((hashes, often))[:first]]


@dataclass(frozen=True)
class Index:
    """Benchmarks, ready to be looked up. Mappings by bool hold what belongs to texts without and with Japanese."""

    items: tuple[tuple[str, str], ...]
    """Benchmark and row of each item."""
    texts: tuple[str, ...]
    """The words of each text, with spaces between them."""
    japanese: "NDArray[np.bool_]"
    """Of each text."""
    limits: Limits
    whole: Table
    windows: Mapping[bool, Table]
    template: Mapping[bool, "NDArray[np.uint64]"]
    """Hashes of windows that lead nowhere, as too many rows share them."""
    near: Mapping[bool, Near]

    def words(self, text: int) -> list[str]:
        """The words of a text."""
        return self.texts[text].split(" ") if self.texts[text] else []
