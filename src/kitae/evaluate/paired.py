"""Paired tests: two systems answered the same rows; is the difference more than chance? Ties are called ties.

Shapes: N rows, K statistics of a row, S random assignments.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kitae.evaluate.intervals import DRAW_NUMBERS, Groups, Value, generator, two_sided_z
from kitae.evaluate.metrics.base import weighted_sums

Array = NDArray[np.float64]

ASSIGNMENTS = 4999
"""Random assignments of a randomisation test; the smallest p-value it can give is 1 / 5,000."""
POWER = 0.8
"""A difference counts as detectable when this share of test sets like this one would show it."""
HALVINGS = 20


def mcnemar(first_only: int, second_only: int) -> float:
    """Exact two-sided p-value of McNemar's test: rows that only one of two systems got right, against a fair coin.

    McNemar 1947; exact form as in Fagerland, Lydersen and Laake 2013, section "McNemar exact conditional test".
    """
    from scipy.stats import binom

    differing = first_only + second_only
    if differing == 0:
        return 1.0
    return min(1.0, 2.0 * float(binom.cdf(min(first_only, second_only), differing, 0.5)))


def randomisation(
    first: Array, second: Array, value: Value, *, seed: int, name: str, groups: Groups | None = None
) -> float:
    """Two-sided p-value of the approximate randomisation test on statistics (N, K) of two systems.

    Which of the two gave which answer is exchanged at random, row by row or group by group; the p-value is the share of
    exchanges, the observed one included, with a difference at least as large (Noreen 1989; Riezler and Maxwell 2005,
    section 2). Rows on which the systems agree change nothing, so they are not exchanged.
    """
    random = generator(seed, name)
    seen = abs(float(value(first.sum(0, keepdims=True))[0] - value(second.sum(0, keepdims=True))[0]))
    both, gap = (first + second).sum(0), first - second
    if groups is not None:
        summed = np.zeros((int(groups.max()) + 1, gap.shape[1]))
        np.add.at(summed, groups, gap)
        gap = summed
    gap = gap[(gap != 0).any(axis=1)]
    if not len(gap):
        return 1.0
    step = max(1, DRAW_NUMBERS // len(gap))
    as_large = 0
    for start in range(0, ASSIGNMENTS, step):
        size = min(step, ASSIGNMENTS - start)
        signs: Array = np.where(random.integers(0, 2, (size, len(gap)), dtype=np.int8) > 0, 1.0, -1.0)
        gaps = weighted_sums(signs, gap)
        # The two sums are halves of whole numbers or of multiples of 1/GRAIN, so this is exact.
        differences = np.abs(value((both + gaps) / 2) - value((both - gaps) / 2))
        as_large += int((differences >= seen - 1e-12).sum())
    return (as_large + 1) / (ASSIGNMENTS + 1)


def paired_bootstrap(gaps: Array) -> float:
    """Two-sided p-value from the differences (S) of two systems over the same draws of rows.

    Twice the share of draws on the far side of zero, never below 2 / (S + 1) (Efron and Tibshirani 1993, section
    16.4, by inverting the percentile interval).
    """
    beyond = min(int((gaps <= 0).sum()), int((gaps >= 0).sum()))
    return min(1.0, 2.0 * (beyond + 1) / (len(gaps) + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number, in the order given (Holm 1979).

    The smallest is multiplied by m, the next by m - 1 and so on, never falling.
    """
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = highest
    return adjusted


def detectable_share(rows: int, differing: float, confidence: float) -> float:
    """Smallest gain in a share that McNemar's exact test shows with `POWER` on this many rows, in exact power.

    `differing` is the share of rows that exactly one of two systems gets right; a gain cannot be larger than that
    share, so it is raised where needed. Returns 1 where not even a perfect gain would show.
    """
    rejects = _rejects(rows, confidence)
    if _power(rejects, 1.0, 1.0) < POWER:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _power(rejects, middle, max(differing, middle)) < POWER:
            low = middle
        else:
            high = middle
    return high


def _rejects(rows: int, confidence: float) -> Array:
    """By number of differing rows (0 to N), the most that the loser may win while McNemar's test rejects; -1: never."""
    from scipy.stats import binom

    counts = np.arange(rows + 1)
    most = binom.ppf((1 - confidence) / 2, counts, 0.5)
    rejects: Array = np.where(2 * binom.cdf(most, counts, 0.5) <= 1 - confidence, most, most - 1)
    return rejects


def _power(rejects: Array, gain: float, differing: float) -> float:
    """Chance that the test sees a gain of one system, over all numbers of differing rows."""
    from scipy.stats import binom

    rows = len(rejects) - 1
    counts = np.arange(rows + 1)
    lost = (differing - gain) / 2 / differing
    return float((binom.pmf(counts, rows, differing) * binom.cdf(rejects, counts, lost)).sum())


def detectable_mean(standard_error: float, confidence: float, *, most: float = 1.0) -> float:
    """Smallest difference of another figure that shows with `POWER`, from the standard error of the difference.

    `most` is the largest difference that there can be.
    """
    return min(most, (two_sided_z(confidence) + two_sided_z(2 * POWER - 1)) * standard_error)
