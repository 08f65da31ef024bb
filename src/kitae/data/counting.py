"""Counts that shards can be added up with: exact, of bounded size, and the same however the rows were cut up."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


def digest64(text: str) -> int:
    """A number of 64 bits from a text, the same in every process and on every machine (BLAKE2b)."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def by_count(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts with the commonest first, ties by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def count_by(names: Iterable[str]) -> dict[str, int]:
    """How often each name occurs, commonest first, ties by name."""
    return by_count(Counter(names))


@dataclass
class BoundedCounts:
    """How often each key occurs, exactly, for at most `most` keys.

    When there are more, those with the smallest digests are known and the rest only in sum (bottom-k sampling, Cohen
    and Kaplan 2007): which ones they are does not depend on the order of the keys nor on how they were cut up.
    """

    most: int
    counts: Counter[str] = field(default_factory=Counter)
    others: int = 0
    """How often keys occurred that are not in `counts`."""

    def add(self, keys: Iterable[str] | Mapping[str, int]) -> None:
        """Count keys, or add how often they were counted."""
        self.counts.update(keys)
        self._cut(2 * self.most)

    def merge(self, other: "BoundedCounts") -> None:
        """Add the counts of another part; both must have the same bound."""
        assert self.most == other.most
        self.counts.update(other.counts)
        self.others += other.others
        self._cut(2 * self.most)

    def close(self) -> None:
        """Keep to the bound; until then there may be up to twice as many keys, which saves time."""
        self._cut(self.most)

    def _cut(self, limit: int) -> None:
        # What is cut off may come back, be counted anew and be cut off again: its digest stays too large.
        if len(self.counts) <= limit:
            return
        known = sorted(self.counts, key=lambda key: (digest64(key), key))[: self.most]
        left = Counter({key: self.counts[key] for key in known})
        self.others += self.counts.total() - left.total()
        self.counts = left
