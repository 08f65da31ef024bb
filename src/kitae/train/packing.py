"""Which rows are trained in which step, and how the rows of a step are packed. Everything follows from the seed.

The order of an epoch is a seeded shuffle, cut into steps of nearly equal numbers of tokens; only then the rows of a
step are packed, so that packing never decides which rows are averaged together.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """The steps of a whole training: `steps[s]` holds the rows (by their number) of step s."""

    steps: tuple[tuple[int, ...], ...]
    steps_per_epoch: int

    def __len__(self) -> int:
        """Number of steps."""
        return len(self.steps)


def schedule(lengths: Sequence[int], *, tokens_per_step: int, epochs: float, seed: int) -> Schedule:
    """Plan every step: about `tokens_per_step` tokens each, the same number of steps in every epoch.

    A fraction of an epoch takes that share of its steps, at least one.
    """
    per_epoch = max(1, min(len(lengths), round(sum(lengths) / tokens_per_step)))
    wanted = max(1, round(per_epoch * epochs))
    steps: list[tuple[int, ...]] = []
    epoch = 0
    while len(steps) < wanted:
        order = list(range(len(lengths)))
        random.Random(f"{seed}/{epoch}").shuffle(order)
        steps += _cut(order, lengths, per_epoch)
        epoch += 1
    return Schedule(tuple(steps[:wanted]), per_epoch)


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
