"""How the feeling of a source differs from that of the rest, whether that may be chance, and how to cap it.

The difference of the means in standard deviations (Cohen 1988, section 2.2, with the pooled deviation), and the rank
test of Mann and Whitney (1947) with the correction for ties: scores are few whole numbers, so both come exactly from
how many records have each. Several sources are tested together, corrected by Holm (1979).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from kitae.data.counting import digest64
from kitae.data.rules.emotion import MOST, STRONG

SCORES = tuple(range(-MOST, MOST + 1))
Histogram = tuple[int, ...]
"""How many records have each of `SCORES`."""
_FULL = 1 << 64


@dataclass(frozen=True)
class Skew:
    """A source against the rest."""

    records: int
    mean: float
    negative: float
    """Share of records that are strongly negative."""
    positive: float
    """Share of records that are strongly positive."""
    difference: float
    """Mean less that of the rest, in standard deviations; 0 where there is no rest."""
    p_value: float
    """Of no difference, corrected for the number of sources."""


@dataclass(frozen=True)
class Cap:
    """Which records of a source go: all beyond `score` on its side, and of those at it a share by their ids."""

    skew: float
    score: int
    share: float

    def takes(self, record_id: str, score: int) -> bool:
        """Whether a record goes."""
        side = 1 if self.skew > 0 else -1
        if side * score != side * self.score:
            return side * score > side * self.score
        return digest64(record_id) < self.share * _FULL


def skews(feelings: Mapping[str, Histogram]) -> dict[str, Skew]:
    """Every source against all others together."""
    out: dict[str, Skew] = {}
    p_values = {}
    for source, mine in sorted(feelings.items()):
        rest = _rest(feelings, mine)
        count = sum(mine)
        p_values[source] = mann_whitney(mine, rest)
        out[source] = Skew(
            records=count,
            mean=_mean(mine) if count else 0.0,
            negative=sum(n for score, n in zip(SCORES, mine, strict=True) if score <= -STRONG) / count
            if count
            else 0.0,
            positive=sum(n for score, n in zip(SCORES, mine, strict=True) if score >= STRONG) / count if count else 0.0,
            difference=difference(mine, rest),
            p_value=1.0,
        )
    corrected = holm(p_values)
    return {source: Skew(**{**vars(skew), "p_value": corrected[source]}) for source, skew in out.items()}


def difference(mine: Histogram, rest: Histogram) -> float:
    """Cohen's d: difference of the means over the pooled standard deviation; 0 where it has no meaning."""
    n, m = sum(mine), sum(rest)
    if not n or not m or n + m < 3:
        return 0.0
    pooled = (_squares(mine) + _squares(rest)) / (n + m - 2)
    return (_mean(mine) - _mean(rest)) / math.sqrt(pooled) if pooled else 0.0


def mann_whitney(mine: Histogram, rest: Histogram) -> float:
    """Two-sided p-value of the rank test by the normal approximation with the tie correction; 1 without a rest."""
    n, m = sum(mine), sum(rest)
    if not n or not m:
        return 1.0
    below, u, ties = 0, 0.0, 0
    for one, other in zip(mine, rest, strict=True):
        u += one * (below + other / 2)
        below += other
        ties += (one + other) ** 3 - (one + other)
    size = n + m
    variance = n * m / 12 * (size + 1 - ties / (size * (size - 1)))
    return math.erfc(abs(u - n * m / 2) / math.sqrt(2 * variance)) if variance > 0 else 1.0


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """p-values corrected for being several (Holm's step-down method)."""
    out, worst = {}, 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: (p_values[name], name))):
        worst = max(worst, min(1.0, p_values[name] * (len(p_values) - rank)))
        out[name] = worst
    return out


@lru_cache(maxsize=16)
def caps_of(feelings: tuple[tuple[str, Histogram], ...], most: float) -> dict[str, Cap]:
    """What has to go so that no source is more than `most` standard deviations from the rest.

    The farthest source loses its most emotional records first (of two alike, the smaller one), because that moves the
    rest of all others; then the farthest of what is left, until none is too far. A source loses half of its records at
    most: if that is not enough it is another kind of text, which no cap makes alike, and the rest is compared without.
    """
    whole, left, alike = dict(feelings), dict(feelings), dict(feelings)
    while alike:
        apart = {source: abs(difference(mine, _rest(alike, mine))) for source, mine in alike.items()}
        farthest = max(apart, key=lambda source: (round(apart[source], 9), -sum(alike[source]), source))
        if apart[farthest] <= most:
            break
        least = -(-sum(whole[farthest]) // 2)
        left[farthest] = _trimmed(alike[farthest], _rest(alike, alike[farthest]), most, least)
        if sum(left[farthest]) <= least:
            del alike[farthest]
        else:
            alike[farthest] = left[farthest]
    return {
        source: _cap(mine, left[source], difference(mine, _rest(whole, mine)))
        for source, mine in feelings
        if left[source] != mine
    }


def _rest(feelings: Mapping[str, Histogram], mine: Histogram) -> Histogram:
    total = map(sum, zip(*feelings.values(), strict=True))
    return tuple(every - one for every, one in zip(total, mine, strict=True))


def _trimmed(mine: Histogram, rest: Histogram, most: float, least: int) -> Histogram:
    """A source without its most extreme records: as many as it takes, found by halving, but `least` stay."""
    order = range(len(SCORES)) if difference(mine, rest) < 0 else range(len(SCORES) - 1, -1, -1)
    low, high = 0, max(0, sum(mine) - least)
    while low < high:
        middle = (low + high) // 2
        if abs(difference(_without(mine, order, middle), rest)) <= most:
            high = middle
        else:
            low = middle + 1
    return _without(mine, order, low)


def _without(mine: Histogram, order: range, count: int) -> Histogram:
    left = list(mine)
    for place in order:
        taken = min(left[place], count)
        left[place] -= taken
        count -= taken
    return tuple(left)


def _cap(whole: Histogram, left: Histogram, skew: float) -> Cap:
    """The cap that takes from `whole` what is not in `left`: at its innermost score only a share may have to go."""
    places = [place for place in range(len(SCORES)) if whole[place] != left[place]]
    inner = max(places) if skew < 0 else min(places)
    return Cap(skew, SCORES[inner], (whole[inner] - left[inner]) / whole[inner])


def _mean(counts: Histogram) -> float:
    return sum(score * count for score, count in zip(SCORES, counts, strict=True)) / sum(counts)


def _squares(counts: Histogram) -> float:
    mean = _mean(counts)
    return sum(count * (score - mean) ** 2 for score, count in zip(SCORES, counts, strict=True))
