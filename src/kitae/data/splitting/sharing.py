"""Sharing out blocks: by strata, by sets of labels, or by time. Each gives every block the number of a share.

B blocks, S shares, which add up to 1; the first is training.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kitae.data.alike.ragged import Array
from kitae.data.splitting.blocks import Blocks
from kitae.data.splitting.moments import NONE

MOST_MIXED = 0.05
"""When a larger share of the rows stands in blocks with several values, a block's main value says too little of it."""


@dataclass(frozen=True)
class Shared:
    """The share of every block, [B], and what was done with values in too few blocks for every share to get one."""

    shares: Array
    kept: tuple[int, ...] = ()
    """Values whose blocks all stay in the first share."""
    pooled: tuple[int, ...] = ()
    """Values that are shared out together, as if they were one: too many rows have them to keep them back."""


def share_out(blocks: Blocks, shares: Sequence[float], *, least: int) -> Shared:
    """Give every block to a share, such that rows come out as the shares say, and each stratum alike.

    A value that stands in fewer than `least` blocks cannot be learnt and measured at once. Its blocks stay in the first
    share, as long as they are not more than that share may hold.
    """
    held, tiny = rare_values(blocks, least)
    total = blocks.sizes.sum()
    kept = blocks.sizes[held].sum() <= shares[0] * total
    held &= kept
    out = np.zeros(len(blocks), dtype=np.int64)
    lacking = [share * float(total) for share in shares]
    lacking[0] -= float(blocks.sizes[held].sum())
    rest = blocks.take(~held).without(tiny)
    way = by_labels if blocks.many or blocks.mixed() > MOST_MIXED else by_strata
    out[~held] = way(rest, shares, lacking)
    filled = fill_empty(out, shares, blocks, movable=~held)
    return Shared(filled, tiny if kept else (), () if kept else tiny)


def rare_values(blocks: Blocks, least: int) -> tuple[Array, tuple[int, ...]]:
    """Blocks with a value that stands in fewer than `least` of them, and these values."""
    found = np.bincount(blocks.strata.values, minlength=len(blocks.names))
    tiny = np.flatnonzero((found > 0) & (found < least))
    return blocks.strata.counts(np.isin(blocks.strata.values, tiny)) > 0, tuple(tiny.tolist())


def by_strata(blocks: Blocks, shares: Sequence[float], lacking: Sequence[float]) -> Array:
    """Give each block to the share that lacks most of the block's stratum.

    `lacking` is what each share may still get in all. What a small stratum could not give to each is carried over to
    the next, so that the totals come out right even when every stratum is tiny. Large blocks go first; among blocks of
    one row the draws decide, the least to the first share: rows that come or go move few others across.
    """
    strata = blocks.main()
    out = np.zeros(len(blocks), dtype=np.int64)
    carried = [have - share * float(blocks.sizes.sum()) for have, share in zip(lacking, shares, strict=True)]
    order = np.lexsort((blocks.draws, -blocks.sizes, strata))
    for members in _in_order(order, strata, blocks.sizes):
        rows = float(blocks.sizes[members].sum())
        carried = [share * rows + over for share, over in zip(shares, carried, strict=True)]
        large = int((blocks.sizes[members] > 1).sum())
        for block in members[:large].tolist():
            out[block] = place = carried.index(max(carried))
            carried[place] -= float(blocks.sizes[block])
        quotas = _quotas(carried, len(members) - large)
        out[members[large:]] = np.repeat(np.arange(len(shares)), quotas)
    return out


def _in_order(order: Array, strata: Array, sizes: Array) -> list[Array]:
    """The members of each stratum in their order, the strata by their rows, the largest first."""
    if not len(order):
        return []
    groups = np.split(order, np.flatnonzero(np.diff(strata[order])) + 1)
    return sorted(groups, key=lambda members: (-int(sizes[members].sum()), int(strata[members[0]])))


def _quotas(lacking: list[float], count: int) -> list[int]:
    """How many of `count` rows each share gets, one after the other to where most is lacking; `lacking` is settled."""
    quotas = [0] * len(lacking)
    while count:
        place = lacking.index(max(lacking))
        second = max((other for number, other in enumerate(lacking) if number != place), default=lacking[place] - count)
        rows = min(count, max(1, int(lacking[place] - second)))
        quotas[place] += rows
        lacking[place] -= rows
        count -= rows
    return quotas


def by_labels(blocks: Blocks, shares: Sequence[float], lacking: Sequence[float]) -> Array:
    """Iterative stratification of multi-label data (Sechidis, Tsoumakas, Vlahavas 2011, algorithm 1), over blocks.

    The label with the fewest blocks left is shared out first: each of its blocks goes to the share that lacks most of
    the label, on a tie to the one that lacks most rows. Where the paper draws by lot, the draws decide.
    """
    owners, values = blocks.strata.owners(), blocks.strata.values
    totals = np.bincount(values, weights=blocks.rows, minlength=len(blocks.names))
    wanted = [(share * totals).tolist() for share in shares]
    left = np.bincount(values, minlength=len(blocks.names)).astype(float)
    left[left == 0] = np.inf
    rows = list(lacking)
    out = np.full(len(blocks), -1, dtype=np.int64)
    sizes, ends = blocks.sizes.tolist(), blocks.strata.offsets.tolist()
    all_values, all_rows = values.tolist(), blocks.rows.tolist()
    rank = np.lexsort((blocks.draws, -blocks.sizes))
    place_of = np.empty(len(rank), dtype=np.int64)
    place_of[rank] = np.arange(len(rank))
    by_value = np.lexsort((place_of[owners], values))
    begins = np.searchsorted(values[by_value], np.arange(len(blocks.names) + 1))

    def give(block: int, label: int | None) -> None:
        place = max(range(len(shares)), key=lambda one: (0.0 if label is None else wanted[one][label], rows[one], -one))
        out[block] = place
        rows[place] -= sizes[block]
        for at in range(ends[block], ends[block + 1]):
            wanted[place][all_values[at]] -= all_rows[at]
            left[all_values[at]] -= 1

    while len(left) and np.isfinite(left.min()):
        label = int(left.argmin())
        for block in owners[by_value[begins[label] : begins[label + 1]]].tolist():
            if out[block] < 0:
                give(block, label)
        left[label] = np.inf
    for block in rank[out[rank] < 0].tolist():
        give(block, None)
    return out


def by_time(blocks: Blocks, shares: Sequence[float]) -> Array:
    """The oldest blocks to the first share, the newest to the last; a block is as old as its newest row.

    Blocks without a date go to the first share. Every share gets a block as long as there are enough.
    """
    assert blocks.newest is not None
    dated = np.flatnonzero(blocks.newest != NONE)
    order = dated[np.lexsort((blocks.draws[dated], blocks.newest[dated]))]
    sizes = blocks.sizes[order]
    wanted = np.array(shares) * blocks.sizes.sum()
    wanted[0] = max(0.0, wanted[0] - (blocks.sizes.sum() - sizes.sum()))
    edges = np.cumsum(wanted)[:-1] * (sizes.sum() / max(wanted.sum(), 1e-9))
    cuts = np.searchsorted(np.cumsum(sizes) - sizes / 2, edges).tolist()
    some = int(len(dated) == len(blocks))  # undated blocks are in the first share already
    for place in range(len(cuts) - 1, -1, -1):
        after = cuts[place + 1] if place + 1 < len(cuts) else len(order)
        cuts[place] = max(some, min(cuts[place], after - (shares[place + 1] > 0)))
    out = np.zeros(len(blocks), dtype=np.int64)
    for place, cut in enumerate(cuts, start=1):
        out[order[cut:]] = place
    return out


def fill_empty(given: Array, shares: Sequence[float], blocks: Blocks, *, movable: Array) -> Array:
    """On tiny data, give a share that got nothing the smallest block of the first, as long as that keeps one."""
    out = given.copy()
    for place in range(len(shares) - 1, 0, -1):
        first = np.flatnonzero((out == 0) & movable)
        if shares[place] > 0 and not (out == place).any() and (out == 0).sum() > 1 and len(first):
            out[first[np.lexsort((blocks.draws[first], blocks.sizes[first]))[0]]] = place
    return out
