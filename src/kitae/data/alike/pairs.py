"""Near pairs on disk: written as they are found, read block by block, sorted into parts without being held."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kitae.data.alike.ragged import Array

PAIRS_AT_ONCE = 1 << 20
"""What is read at once."""
_PAIR = np.dtype([("one", np.int64), ("other", np.int64), ("similarity", np.float64)])


@dataclass(frozen=True)
class Pairs:
    """Some pairs of turns that are alike: `ones[i] < others[i]`, each the first of its text, and `ones[i]` is asked."""

    ones: Array
    others: Array
    similarity: Array

    def __len__(self) -> int:
        return len(self.ones)

    def __getitem__(self, chosen: Array) -> "Pairs":
        return Pairs(self.ones[chosen], self.others[chosen], self.similarity[chosen])

    def packed(self) -> bytes:
        """The pairs as they lie in a file."""
        return np.rec.fromarrays([self.ones, self.others, self.similarity], dtype=_PAIR).tobytes()


@dataclass(frozen=True)
class PairFile:
    """The pairs from `start` to before `stop` of a file of them."""

    path: Path
    start: int
    stop: int

    @staticmethod
    def of(path: Path) -> "PairFile":
        """All pairs of a file."""
        return PairFile(path, 0, path.stat().st_size // _PAIR.itemsize)

    @staticmethod
    def none(path: Path) -> "PairFile":
        """No pair at all."""
        return PairFile(path, 0, 0)

    def __len__(self) -> int:
        return self.stop - self.start

    def blocks(self) -> Iterator[Pairs]:
        """The pairs in their order, `PAIRS_AT_ONCE` at a time."""
        for start in range(self.start, self.stop, PAIRS_AT_ONCE):
            count = min(PAIRS_AT_ONCE, self.stop - start)
            rows = np.fromfile(self.path, dtype=_PAIR, count=count, offset=start * _PAIR.itemsize)
            yield Pairs(rows["one"].copy(), rows["other"].copy(), rows["similarity"].copy())

    def grouped(self, groups: Array, count: int, path: Path) -> "Sequence[PairFile]":
        """The pairs of each of `count` groups, in their order, in one new file: a counting sort on disk.

        `groups` holds the group of every record that is the one of a pair, -1 for none.
        """
        sizes = np.zeros(count, dtype=np.int64)
        for block in self.blocks():
            found = groups[block.ones]
            sizes += np.bincount(found[found >= 0], minlength=count)
        ends = np.cumsum(sizes)
        at = ends - sizes
        path.write_bytes(b"")
        with path.open("r+b") as file:
            for block in self.blocks():
                found = groups[block.ones]
                order = np.argsort(found, kind="stable")
                names, firsts = np.unique(found[order], return_index=True)
                for name, places in zip(names.tolist(), np.split(order, firsts[1:]), strict=True):
                    if name >= 0:
                        file.seek(int(at[name]) * _PAIR.itemsize)
                        file.write(block[places].packed())
                        at[name] += len(places)
        bounds = zip((ends - sizes).tolist(), ends.tolist(), strict=True)
        return [PairFile(path, start, stop) for start, stop in bounds]
