"""Which rows are trained in which step, and how the rows of a step are packed. Everything follows from the seed.

The order of an epoch is a seeded shuffle, cut into steps of nearly equal numbers of tokens; only then the rows of a
step are packed, so that packing never decides which rows are averaged together.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from kitae.errors import NothingToLearn

UNITS = 1 << 20
"""Weights are counted in so many parts of one."""


@dataclass(frozen=True)
class Schedule:
    """The steps of a whole training: `steps[s]` holds the rows (by their number) of step s."""

    steps: tuple[tuple[int, ...], ...]
    steps_per_epoch: int

    def __len__(self) -> int:
        """Number of steps."""
        return len(self.steps)


def schedule(
    lengths: Sequence[int], *, tokens_per_step: int, epochs: float, seed: int, weights: Sequence[float] | None = None
) -> Schedule:
    """Plan every step: about `tokens_per_step` tokens each, the same number of steps in every epoch.

    A row of weight w stands in an epoch w times on average, by turns rounded up and down; without weights once. A
    fraction of an epoch takes that share of its steps, at least one. Raises `NothingToLearn` when no weight is above 0.
    """
    shares = _shares([1.0] * len(lengths) if weights is None else weights)
    expected = sum(length * share for length, share in zip(lengths, shares, strict=True)) / UNITS
    per_epoch = max(1, min(sum(shares) // UNITS, round(expected / tokens_per_step)))
    wanted = max(1, round(per_epoch * epochs))
    steps: list[tuple[int, ...]] = []
    epoch = 0
    while len(steps) < wanted:
        order = drawn(shares, random.Random(f"{seed}/{epoch}/rows"))
        random.Random(f"{seed}/{epoch}").shuffle(order)
        steps += _cut(order, lengths, per_epoch)
        epoch += 1
    return Schedule(tuple(steps[:wanted]), per_epoch)


def _shares(weights: Sequence[float]) -> list[int]:
    """Weights in whole `UNITS`, so that sums of any length are exact; together at least one row an epoch."""
    assert min(weights, default=0.0) >= 0.0
    total = sum(weights)
    if total <= 0.0:
        raise NothingToLearn(
            "every training row has the weight 0", hint="Look into train.jsonl of the split, or leave data.balance out"
        )
    scale = max(1.0, 1.0 / total) * UNITS
    shares = [round(weight * scale) for weight in weights]
    return shares if sum(shares) >= UNITS else [-(-share * UNITS // sum(shares)) for share in shares]


def drawn(shares: Sequence[int], draw: random.Random) -> list[int]:
    """The rows of one epoch, ascending, each its share (in `UNITS`) of times on average, rounded up or down.

    Systematic sampling with unequal probabilities: the shares lie end to end on a line in a random order, and a row
    stands there as often as a point of an evenly spaced grid falls on it. The number of rows is therefore nearly the
    same in every epoch. Source: Madow 1949, "On the theory of systematic sampling, II".
    """
    if all(share == UNITS for share in shares):
        return list(range(len(shares)))
    order = list(range(len(shares)))
    draw.shuffle(order)
    place = draw.randrange(UNITS)
    times = [0] * len(shares)
    for row in order:
        times[row], place = divmod(place + shares[row], UNITS)
    return [row for row, count in enumerate(times) for _ in range(count)]


def _cut(order: Sequence[int], lengths: Sequence[int], parts: int) -> list[tuple[int, ...]]:
    """Cut an order into `parts` runs of nearly equal numbers of tokens, none empty."""
    total = sum(lengths[i] for i in order)
    runs: list[list[int]] = [[]]
    done = 0
    for place, row in enumerate(order):
        ahead = len(order) - place
        still = parts - len(runs)
        # Begin a new run when its share is full, or when the rows left are only enough for one in each.
        full = done + lengths[row] / 2 >= total * len(runs) / parts
        if runs[-1] and still and (full or ahead <= still):
            runs.append([])
        runs[-1].append(row)
        done += lengths[row]
    return [tuple(run) for run in runs]


def pack(rows: Sequence[int], lengths: Sequence[int], *, budget: int) -> list[tuple[int, ...]]:
    """Best-fit decreasing: each row goes into the fullest bin that still holds it; bins hold `budget` tokens.

    Rows of a bin are ordered by length, which gives equal lengths to attention side by side. A row longer than the
    budget gets a bin of its own. Source: Johnson 1973, "Near-optimal bin packing algorithms".
    """
    bins: list[list[int]] = []
    free: list[int] = []
    for row in sorted(rows, key=lambda i: (-lengths[i], i)):
        fits = [b for b, room in enumerate(free) if room >= lengths[row]]
        if fits:
            best = min(fits, key=lambda b: (free[b], b))
            bins[best].append(row)
            free[best] -= lengths[row]
        else:
            bins.append([row])
            free.append(budget - lengths[row])
    return [tuple(reversed(b)) for b in bins]
