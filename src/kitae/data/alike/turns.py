"""The questions that records teach: which are equal, and which are only a greeting.

What many conversations begin with joins nothing; should a test row ask it and no more, the verdict counts that row
among those that training had seen.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kitae.data.alike.columns import Columns
from kitae.data.alike.ragged import Array, Ragged

COMMON_TALKS = 10
"""An earlier question, with all before it, that more records than these teach is a greeting or a menu."""
KEYS_AT_ONCE = 1 << 20
"""What is sorted in memory at once."""


@dataclass(frozen=True)
class Turns:
    """R records' last questions (turn i is what record i asks), then the earlier ones; T turns in all."""

    records: int
    owners: Array
    """The record of each earlier turn, ascending, [T - R]."""
    lengths: Array
    """Letters of each turn, [T]."""
    texts: Array
    """The first turn that says the same, [T]; -1 for empty ones and for greetings, on which nothing hangs."""

    @staticmethod
    def of(columns: Columns) -> "Turns":
        """The turns of all records."""
        records = len(columns)
        owners = np.repeat(np.arange(records), columns.lengths("earlier_end"))
        lengths = np.concatenate([columns.lengths("text"), columns.values("earlier_end")]).astype(np.int32)

        def keys(share: int, shares: int) -> tuple[Array, Array]:
            last, last_keys = columns.keys("question", share, shares)
            earlier, earlier_keys = columns.keys("earlier_question", share, shares)
            return np.concatenate([last, earlier + records]), np.concatenate([last_keys, earlier_keys])

        texts = first_equals(keys, len(lengths))
        texts[records:][_common(texts[records:], owners)] = -1
        texts[lengths == 0] = -1
        return Turns(records, owners, lengths, texts)

    def owners_of(self, turns: Array) -> Array:
        """The record of each of these turns."""
        out = turns.copy()
        earlier = turns >= self.records
        out[earlier] = self.owners[turns[earlier] - self.records]
        return out

    def different(self) -> Array:
        """The first turn of each text that something hangs on, ascending: what records ask, then the other ones."""
        return np.flatnonzero(self.texts == np.arange(len(self.texts)))

    def letters(self, columns: Columns, turns: Array) -> Ragged:
        """The letters of these turns: an earlier turn is a beginning of its record's text."""
        return columns.take_lists("text", self.owners_of(turns), self.lengths[turns])

    def shared(self) -> tuple[Array, Array]:
        """(text, record) of every turn whose text some record asks."""
        asked = np.flatnonzero((self.texts >= 0) & (self.texts < self.records))
        return self.texts[asked], self.owners_of(asked)


def first_equals(keys: Callable[[int, int], tuple[Array, Array]], count: int) -> Array:
    """For each of `count` keys the place of the first equal one; in passes, each over the keys of one share."""
    firsts = np.arange(count)
    shares = max(1, -(-count // KEYS_AT_ONCE))
    for share in range(shares):
        places, values = keys(share, shares)
        order = np.lexsort((places, values["low"], values["high"]))
        places, values = places[order], values[order]
        fresh = np.ones(len(places), dtype=bool)
        fresh[1:] = values[1:] != values[:-1]
        firsts[places] = places[fresh][np.cumsum(fresh) - 1]
    return firsts


def _common(texts: Array, owners: Array) -> Array:
    """Which earlier turns say what more than `COMMON_TALKS` records teach on their way."""
    order = np.lexsort((owners, texts))
    texts, owners = texts[order], owners[order]
    counted = np.ones(len(texts), dtype=bool)  # a record counts once for a text
    counted[1:] = (texts[1:] != texts[:-1]) | (owners[1:] != owners[:-1])
    found, places = np.unique(texts, return_inverse=True)
    talks = np.bincount(places[counted], minlength=len(found))
    common = np.empty(len(texts), dtype=bool)
    common[order] = talks[places] > COMMON_TALKS
    return common
