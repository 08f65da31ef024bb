"""The facts of some whole clusters of records, loaded together, and what became of each record."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from pathlib import Path

import numpy as np

from kitae.data.alike.columns import Columns
from kitae.data.alike.fingerprints import USES
from kitae.data.alike.near import measured
from kitae.data.alike.pairs import PairFile
from kitae.data.alike.ragged import Array, spread
from kitae.data.alike.turns import Turns

RECORDS_AT_ONCE = 1 << 17
"""Clusters are loaded until they have so many records; a larger cluster is loaded alone."""
GROUPED = "grouped.pairs"
FACTS = ("use", "repairs", "length", "exact", "subject", "answer", "numbers", "answer_numbers")
TEST = USES.index("test")


class Why(IntEnum):
    """Why a record goes."""

    STAYS = 0
    ASKS_TEST = 1
    ASKS_NEARLY_TEST = 2
    ASKS_VALIDATION = 3
    ASKS_NEARLY_VALIDATION = 4
    AGAINST_MAJORITY = 5
    NO_MAJORITY = 6
    SAYS_SAME = 7
    SAYS_NEARLY_SAME = 8
    CONTESTED = 9
    """It stays, and is flagged."""


@dataclass(frozen=True)
class Gone:
    """Records that go, or are flagged.

    Their rows, why (`Why`), for which kept row (-1: none), and how near or how contested.
    """

    rows: Array
    why: Array
    named: Array
    """The row that was kept when this one went."""
    kept: Array
    """The row that stayed in the end: the named one may have gone for yet another."""
    similarity: Array
    camps: Array

    def parts(self) -> tuple[Array, ...]:
        """All columns, in the order of the fields."""
        return self.rows, self.why, self.named, self.kept, self.similarity, self.camps

    def __getitem__(self, chosen: Array | slice) -> "Gone":
        return Gone(*(part[chosen] for part in self.parts()))

    @staticmethod
    def sorted(found: Sequence["Gone"]) -> "Gone":
        """All together, rows ascending."""
        none = [np.empty(0, dtype=np.int64)] * 6
        columns = zip(none, *(one.parts() for one in found), strict=True)
        together = Gone(*(np.concatenate(column) for column in columns))
        return together[np.argsort(together.rows)]


class Cases:
    """M records, ascending; every index here is a place among them. Whole clusters, so no rule looks further."""

    def __init__(self, columns: Columns, turns: Turns, pairs: PairFile, rows: Array) -> None:
        """Load the facts of these rows; `pairs` are all near pairs of their turns."""
        self.rows, self.pairs = rows, pairs
        self.fact = {name: columns.take(name, rows) for name in FACTS}
        self.texts = turns.texts[rows]
        starts, stops = (np.searchsorted(turns.owners, rows, side=side) for side in ("left", "right"))
        earlier = turns.records + spread(starts, stops - starts)
        self.turn_texts = np.concatenate([self.texts, turns.texts[earlier]])
        self.turn_owners = np.concatenate([np.arange(len(rows)), np.repeat(np.arange(len(rows)), stops - starts)])
        self._columns = columns
        self._answer_lengths = columns.take_lengths("answer_text", rows)
        self.why = np.zeros(len(rows), dtype=np.uint8)
        self._named = np.full(len(rows), -1)
        self._similarity = np.ones(len(rows))
        self._camps = np.zeros(len(rows), dtype=np.int64)
        self._flagged = np.zeros(len(rows), dtype=bool)

    @property
    def stays(self) -> Array:
        """Which records are still there."""
        stays: Array = self.why == Why.STAYS
        return stays

    def drop(self, gone: Array, why: Array | Why, named: Array, *, similarity: Array | float = 1.0) -> None:
        """Let these records go, if they are still there, each for the first record that is named for it."""
        gone, first = np.unique(gone, return_index=True)
        first, gone = first[self.stays[gone]], gone[self.stays[gone]]
        self.why[gone] = why if isinstance(why, Why) else why[first]
        self._named[gone] = named[first]
        self._similarity[gone] = similarity if isinstance(similarity, float) else similarity[first]

    def contested(self, rows: Array, camps: Array, *, flag: bool) -> None:
        """Note how many answers the questions of these records have; `flag` those that stay."""
        self._camps[rows] = camps
        self._flagged[rows] |= flag

    def preference(self) -> Array:
        """All records, the one to keep first: drawn splits, fewest repairs, longest question, order of the files."""
        held_first = np.minimum(self.fact["use"], USES.index("train"))
        order: Array = np.lexsort((-self.fact["length"].astype(np.int64), self.fact["repairs"], held_first))
        return order

    def same_answer(self, ones: Array, others: Array, near: float) -> Array:
        """Whether two answers are the same but for punctuation or a few letters; other numbers are another answer."""
        answer, numbers = self.fact["answer"], self.fact["answer_numbers"]
        same: Array = answer[ones] == answer[others]
        lengths = self._answer_lengths
        open_ = ~same & (lengths[ones] > 0) & (lengths[others] > 0) & (numbers[ones] == numbers[others])
        asked = np.flatnonzero(open_)
        for block, similarity in measured(
            lambda wanted: self._columns.take_lists("answer_text", self.rows[wanted], lengths[wanted]),
            lengths,
            ones[asked],
            others[asked],
        ):
            same[asked[block]] = similarity >= near
        return same

    def gone(self) -> Gone:
        """What went, and for which record that stayed; and what stayed with a flag."""
        last = self._named.copy()
        while True:
            on = (last >= 0) & (self._named[last] >= 0)
            if not on.any():
                break
            last[on] = self._named[last[on]]
        last[(last >= 0) & ~self.stays[last]] = -1
        why = np.where(self.stays & self._flagged, np.uint8(Why.CONTESTED), self.why)
        gone = np.flatnonzero(why != Why.STAYS)
        row_of = np.append(self.rows, -1)  # place -1, nobody, is row -1
        return Gone(
            rows=self.rows[gone],
            why=why[gone],
            named=row_of[self._named[gone]],
            kept=row_of[last[gone]],
            similarity=self._similarity[gone],
            camps=self._camps[gone],
        )


def cases_of(columns: Columns, turns: Turns, pairs: PairFile, names: Array, *, scratch: Path) -> Iterator[Cases]:
    """Records that share a cluster with another one, some whole clusters at a time. `names`: each record's cluster."""
    shared = np.flatnonzero(np.bincount(names, minlength=len(names))[names] > 1)
    order = shared[np.argsort(names[shared], kind="stable")]
    firsts = np.unique(names[order], return_index=True)[1]
    parts = [
        np.sort(order[start:stop])
        for start, stop in pairwise(_cuts(np.append(firsts, len(order)), RECORDS_AT_ONCE).tolist())
    ]
    part_of = np.full(len(names), -1, dtype=np.int32)
    for number, rows in enumerate(parts):
        part_of[rows] = number
    for rows, mine in zip(parts, pairs.grouped(part_of, len(parts), scratch / GROUPED), strict=True):
        yield Cases(columns, turns, mine, rows)


def _cuts(bounds: Array, most: int) -> Array:
    """Of ascending bounds those that leave pieces of at most `most`, or of one step where that is longer."""
    cuts = [0]
    while cuts[-1] < len(bounds) - 1:
        furthest = int(np.searchsorted(bounds, bounds[cuts[-1]] + most, side="right")) - 1
        cuts.append(max(cuts[-1] + 1, furthest))
    return bounds[cuts]
