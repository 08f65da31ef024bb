"""Intervals: how far a figure may be from the truth because the held-out set is small.

Shapes: N rows, K statistics of a row, S draws.
"""

import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Value = Callable[[Array], Array]

Drawn = Callable[[Array, Array], Array]
"""Draws of rows (S, N) and statistics (N, K) to values (S)."""
Groups = NDArray[np.int64]
"""Number of each row's group (N), counted from 0."""

DRAWS = 2000
"""Bootstrap samples behind an interval; its ends then vary by about a thirtieth of its width from seed to seed."""
FEW = 5
"""With fewer right (or wrong) rows than this, the Wilson interval covers too seldom and the exact one is taken."""
DRAW_NUMBERS = 1 << 22
"""Counts held at once while drawing."""


@dataclass(frozen=True)
class Interval:
    """Both ends of an interval, and the method that gave it."""

    low: float
    high: float
    method: str


def proportion(right: int, total: int, confidence: float) -> Interval:
    """Interval of a share: Wilson's, or the exact one when few rows are right or few are wrong."""
    few = min(right, total - right) < FEW
    return (clopper_pearson if few else wilson)(right, total, confidence)


def wilson(right: int, total: int, confidence: float) -> Interval:
    """Score interval of a share (Wilson 1927; Brown, Cai and DasGupta 2001, section 3.1.1)."""
    z = two_sided_z(confidence)
    share = right / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return Interval(max(0.0, middle - half), min(1.0, middle + half), "wilson")


def clopper_pearson(right: int, total: int, confidence: float) -> Interval:
    """Exact interval of a share (Clopper and Pearson 1934): never covers less often than it says."""
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = 0.0 if right == 0 else float(beta.ppf(tail, right, total - right + 1))
    high = 1.0 if right == total else float(beta.ppf(1 - tail, right + 1, total - right))
    return Interval(low, high, "clopper-pearson")


def paired_difference(both: int, first_only: int, second_only: int, neither: int, confidence: float) -> Interval:
    """Interval of the difference of two shares on the same rows: share of the first minus share of the second.

    Square-and-add of Wilson intervals with the correlation of the pairs (Newcombe 1998, "Improved confidence intervals
    for the difference between binomial proportions based on paired data", method 10).
    """
    total = both + first_only + second_only + neither
    first, second = both + first_only, both + second_only
    one, two = wilson(first, total, confidence), wilson(second, total, confidence)
    p1, p2 = first / total, second / total
    phi = _correlation(both, first_only, second_only, neither)
    below = (p1 - one.low) ** 2 - 2 * phi * (p1 - one.low) * (two.high - p2) + (two.high - p2) ** 2
    above = (one.high - p1) ** 2 - 2 * phi * (one.high - p1) * (p2 - two.low) + (p2 - two.low) ** 2
    difference = p1 - p2
    return Interval(difference - math.sqrt(max(0.0, below)), difference + math.sqrt(max(0.0, above)), "newcombe-paired")


def _correlation(both: int, first_only: int, second_only: int, neither: int) -> float:
    """Newcombe's phi: the correlation of the pairs, with N/2 taken off a positive numerator (method 10)."""
    product = (both + first_only) * (second_only + neither) * (both + second_only) * (first_only + neither)
    if product == 0:
        return 0.0
    total = both + first_only + second_only + neither
    cross = both * neither - first_only * second_only
    corrected = max(cross - total / 2, 0.0) if cross > 0 else float(cross)
    return corrected / math.sqrt(product)


def spread(draws: Array, rows: int, confidence: float, *, least: float = 0.0, most: float = 1.0) -> Interval:
    """Interval of a figure between `least` and `most` from its bootstrap draws over so many rows.

    The middle `confidence` of the draws (Efron and Tibshirani 1993, section 13.3). Where every draw is the same value,
    all rows agree and the bootstrap would claim certainty: then at least a share p of all rows has that value, with p
    the exact lower bound of a share of n in n, and the rest may have any.
    """
    tail = (1 - confidence) / 2
    low, high = (float(end) for end in np.quantile(draws, [tail, 1 - tail]))
    if draws.max() - draws.min() > 1e-12:
        return Interval(low, high, f"bootstrap-percentile-{len(draws)}")
    sure = clopper_pearson(rows, rows, confidence).low
    return Interval(sure * low + (1 - sure) * least, sure * high + (1 - sure) * most, "no-spread-exact")


def draw(statistics: Array, value: Value, *, seed: int, name: str) -> Array:
    """Values (S) of a figure over draws of its rows with replacement; the same seed, name and N draw the same rows."""
    figure = (lambda counts, table: value(counts @ table), statistics)
    return draw_together([figure], seed=seed, name=name)[0]


def draw_together(
    figures: Sequence[tuple[Drawn, Array]], *, seed: int, name: str, groups: Groups | None = None
) -> list[Array]:
    """Values (S) of several figures over the same draws of their rows, so that they can be subtracted one by one.

    Rows of one group are drawn together, because they are no independent evidence (the cluster bootstrap; Field and
    Welsh 2007, section 2). The spread of the values is the standard error itself, whatever their number.
    """
    random = generator(seed, name)
    found: list[list[Array]] = [[] for _ in figures]
    for counts in _counts(len(figures[0][1]), groups, random):
        for values, (drawn, statistics) in zip(found, figures, strict=True):
            values.append(drawn(counts, statistics))
    return [np.concatenate(values) for values in found]


def generator(seed: int, name: str) -> np.random.Generator:
    """Random numbers that follow from the seed and what they are for."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _counts(rows: int, groups: Groups | None, random: np.random.Generator) -> Iterator[Array]:
    """How often each row was drawn, (chunk, N), in chunks that fit into memory."""
    units = rows if groups is None else int(groups.max()) + 1
    step = max(1, DRAW_NUMBERS // rows)
    for start in range(0, DRAWS, step):
        size = min(step, DRAWS - start)
        drawn = random.integers(0, units, (size, units)) + units * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * units).reshape(size, units).astype(float)
        yield counts if groups is None else counts[:, groups]


def two_sided_z(confidence: float) -> float:
    """The normal quantile that leaves half of the rest on either side (1.96 for 0.95)."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(0.5 + confidence / 2)
