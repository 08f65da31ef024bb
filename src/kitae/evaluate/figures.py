"""Figures of one metric on one set: each system with its interval, and the tuned model against each opponent."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kitae.evaluate.intervals import Groups, Interval, draw_together, paired_difference, proportion, spread
from kitae.evaluate.metrics import Array, Given, Metric
from kitae.evaluate.paired import (
    POWER,
    detectable_mean,
    detectable_share,
    holm,
    mcnemar,
    paired_bootstrap,
    randomisation,
)
from kitae.evaluate.predictions import Answers, Measures

DIGITS = 6
"""Figures are rounded, so that the last bits of a machine's logarithm do not reach an artifact."""
SYSTEMS = ("tuned", "base", "choice", "baseline")


@dataclass(frozen=True)
class Measuring:
    """Level of the intervals, seed of the draws, what they are for (set and slice), and the group of each row.

    Rows of one group (customer, document) are drawn and exchanged together; None: every row stands alone.
    """

    confidence: float
    seed: int
    scope: str
    groups: Sequence[str] | None = None

    def groups_of(self, rows: Sequence[int]) -> Groups | None:
        """The groups of some rows as numbers, or None when each row has its own."""
        if self.groups is None:
            return None
        names, places = np.unique([self.groups[row] for row in rows], return_inverse=True)
        return None if len(names) == len(rows) else places

    def name(self, metric: Metric) -> str:
        """What random numbers for a metric are for."""
        return f"{self.scope}/{metric.label}/{metric.language}"


@dataclass(frozen=True)
class Scored:
    """One system's statistics on a metric's rows (N, K), and on which of those rows it has any (N)."""

    statistics: Array
    asked: NDArray[np.bool_]


def figure(
    metric: Metric, answers: Mapping[str, Answers], how: Measuring, measures: Mapping[str, Measures] | None = None
) -> dict[str, Any] | None:
    """Everything about a metric: signature, systems with intervals, paired comparisons, detectable difference.

    None when no system has what the metric needs.
    """
    scored = {
        name: _score(metric, answers[name], (measures or {}).get(name, {})) for name in SYSTEMS if name in answers
    }
    scored = {name: system for name, system in scored.items() if system.asked.any()}
    if not scored:
        return None
    rivals = [name for name in scored if name != "tuned" and _together(scored, "tuned", name)]
    draws = Draws(metric, scored, how)
    compared = {rival: _compare(draws, "tuned", rival) for rival in rivals}
    adjusted = holm([compared[rival]["p_value"] for rival in rivals])
    for rival, p_value in zip(rivals, adjusted, strict=True):
        compared[rival]["p_adjusted"] = _p(p_value)
        compared[rival]["outcome"] = outcome(compared[rival]["difference"], p_value, how.confidence, metric.facts.sign)
    return {
        **_heading(metric, how),
        "systems": {name: _system(draws, name) for name in scored},
        "against": compared,
        "detectable": _detectable(metric, compared, how),
    }


def board(
    metric: Metric, answers: Mapping[str, Answers], how: Measuring, measures: Mapping[str, Measures]
) -> dict[str, Any] | None:
    """Every system with its interval, and every pair of them; p-values are corrected for the number of pairs.

    A pair's `tuned` is the first of the two, in the order of `answers`. None when no system has what the metric needs.
    """
    scored = {name: _score(metric, answers[name], measures.get(name, {})) for name in answers}
    scored = {name: system for name, system in scored.items() if system.asked.any()}
    if not scored:
        return None
    draws = Draws(metric, scored, how)
    pairs = [pair for pair in combinations(scored, 2) if _together(scored, *pair)]
    compared = [_compare(draws, *pair) for pair in pairs]
    for found, p_value in zip(compared, holm([found["p_value"] for found in compared]), strict=True):
        found["p_adjusted"] = _p(p_value)
        found["outcome"] = outcome(found["difference"], p_value, how.confidence, metric.facts.sign)
    by_pair = list(zip(pairs, compared, strict=True))
    return {
        **_heading(metric, how),
        "systems": {name: _system(draws, name) for name in scored},
        "pairs": [{"first": one, "second": two, **found} for (one, two), found in by_pair],
        "detectable": _detectable(
            metric, {"/".join(pair): one for pair, one in zip(pairs, compared, strict=True)}, how
        ),
    }


def _heading(metric: Metric, how: Measuring) -> dict[str, Any]:
    groups = how.groups_of(metric.rows)
    return {
        "metric": metric.label,
        "family": metric.family,
        "language": metric.language,
        "better": metric.facts.better,
        "points": metric.facts.points,
        "signature": f"{metric.signature}|n:{len(metric.rows)}",
        "n": len(metric.rows),
        "groups": None if groups is None else int(groups.max()) + 1,
    }


def _together(scored: Mapping[str, Scored], one: str, two: str) -> bool:
    """Whether two systems have any row in common."""
    return one in scored and bool((scored[one].asked & scored[two].asked).any())


def outcome(difference: float, p_value: float, confidence: float, sign: float = 1.0) -> str:
    """`better`, `worse`, or `tie` when the difference may be chance; `differs` where neither way is better."""
    if p_value > 1 - confidence + 1e-12 or difference == 0:
        return "tie"
    if sign == 0:
        return "differs"
    return "better" if sign * difference > 0 else "worse"


def rounded(value: float) -> float:
    """A figure as artifacts hold it."""
    return round(float(value), DIGITS) + 0.0


def _score(metric: Metric, answers: Answers, measures: Measures) -> Scored:
    texts = [answers[row] for row in metric.rows]
    asked = np.array([text is not None for text in texts])
    found = {}
    for name in metric.measures:
        values = measures.get(name)
        column = [None if values is None else values[row] for row in metric.rows]
        found[name] = np.array([math.nan if one is None else one for one in column], dtype=float)
        asked &= ~np.isnan(found[name])
    if not asked.any():
        return Scored(np.zeros((len(texts), 1)), asked)
    with np.errstate(invalid="ignore"):
        statistics = metric.statistics(Given(["" if text is None else text for text in texts], found))
    return Scored(np.where(asked[:, None], statistics, 0.0), asked)


class Draws:
    """One metric's values of all systems over the same draws of rows; each set of rows is drawn once, when asked."""

    def __init__(self, metric: Metric, scored: Mapping[str, Scored], how: Measuring) -> None:
        """Take what is drawn; nothing is drawn yet."""
        self.metric = metric
        self.scored = scored
        self.how = how
        self._kept: dict[bytes, dict[str, Array]] = {}

    def of(self, system: str, rows: NDArray[np.bool_]) -> Array:
        """Values (S) of a system over draws of these rows, which it was all asked."""
        key = rows.tobytes()
        if key not in self._kept:
            there = {name: one.statistics[rows] for name, one in self.scored.items() if one.asked[rows].all()}
            figures = [(self.metric.drawn, statistics) for statistics in there.values()]
            drawn = draw_together(
                figures, seed=self.how.seed, name=self.how.name(self.metric), groups=self.groups(rows)
            )
            self._kept[key] = dict(zip(there, drawn, strict=True))
        return self._kept[key][system]

    def groups(self, rows: NDArray[np.bool_]) -> Groups | None:
        """The groups of these rows, None when each has its own."""
        return self.how.groups_of([row for row, used in zip(self.metric.rows, rows, strict=True) if used])


def _system(draws: Draws, name: str) -> dict[str, Any]:
    metric, system, how = draws.metric, draws.scored[name], draws.how
    statistics, groups = system.statistics[system.asked], draws.groups(system.asked)
    value = metric.of(statistics)
    if metric.hits and groups is None:
        right, rows = int(statistics[:, 0].sum()), len(statistics)
        interval = proportion(right, rows, how.confidence)
        error = math.sqrt(value * (1 - value) / rows)
    else:
        values = draws.of(name, system.asked)
        interval = _spread(draws, values, system.asked)
        error = float(values.std())
    return {"n": len(statistics), "value": rounded(value), **_plain(interval), "standard_error": rounded(error)}


def _spread(draws: Draws, values: Array, rows: NDArray[np.bool_], *, gap: bool = False) -> Interval:
    """The interval of a figure's draws, or with `gap` of a difference of two."""
    groups = draws.groups(rows)
    units = int(rows.sum()) if groups is None else int(groups.max()) + 1
    low, high = draws.metric.facts.low, draws.metric.facts.high
    least, most = (low - high, high - low) if gap else (low, high)
    interval = spread(values, units, draws.how.confidence, least=least, most=most)
    return interval if groups is None else replace(interval, method=f"{interval.method}-by-group")


def _compare(draws: Draws, tuned: str, rival: str) -> dict[str, Any]:
    """Tuned minus rival on the rows that both were asked."""
    metric = draws.metric
    both = draws.scored[tuned].asked & draws.scored[rival].asked
    one, two = draws.scored[tuned].statistics[both], draws.scored[rival].statistics[both]
    alone = metric.hits and draws.groups(both) is None
    found = _compare_hits(one, two, draws.how) if alone else _compare_sums(draws, tuned, rival, both)
    first, second = metric.of(one), metric.of(two)
    return {
        "n": len(one),
        "tuned": rounded(first),
        "other": rounded(second),
        "difference": rounded(first - second),
        "gain": rounded(metric.facts.sign * (first - second)),
        **found,
    }


def _compare_hits(one: Array, two: Array, how: Measuring) -> dict[str, Any]:
    right, other = one[:, 0] > 0, two[:, 0] > 0
    both, first, second = (int(rows.sum()) for rows in (right & other, right & ~other, ~right & other))
    neither = len(one) - both - first - second
    interval = paired_difference(both, first, second, neither, how.confidence)
    return {
        **_plain(interval),
        "p_value": _p(mcnemar(first, second)),
        "test": "mcnemar-exact",
        "only_tuned_right": first,
        "only_other_right": second,
    }


def _compare_sums(draws: Draws, tuned: str, rival: str, both: NDArray[np.bool_]) -> dict[str, Any]:
    metric, how, groups = draws.metric, draws.how, draws.groups(both)
    gaps = draws.of(tuned, both) - draws.of(rival, both)
    if metric.value is None:
        p_value, test = paired_bootstrap(gaps), "paired-bootstrap"
    else:
        one, two = (draws.scored[name].statistics[both] for name in (tuned, rival))
        p_value = randomisation(one, two, metric.value, seed=how.seed, name=how.name(metric), groups=groups)
        test = "approximate-randomisation"
    return {
        **_plain(_spread(draws, gaps, both, gap=True)),
        "p_value": _p(p_value),
        "test": test if groups is None else f"{test}-by-group",
        "standard_error": rounded(gaps.std()),
    }


def _detectable(metric: Metric, compared: Mapping[str, Mapping[str, Any]], how: Measuring) -> dict[str, Any] | None:
    """The smallest gain that a set like this can show against the strongest opponent, with power 0.8."""
    if not compared:
        return None
    rival = max(compared, key=lambda name: metric.facts.sign * compared[name]["other"])
    found = compared[rival]
    most = metric.facts.high - metric.facts.low
    if "only_tuned_right" in found:
        differing = (found["only_tuned_right"] + found["only_other_right"]) / found["n"]
        least = detectable_share(found["n"], differing, how.confidence)
    else:
        least = detectable_mean(found["standard_error"], how.confidence, most=most)
    return {
        "difference": rounded(least),
        "against": rival,
        "n": found["n"],
        "power": POWER,
        "any": least < most - 1e-9,
    }


def _p(value: float) -> float:
    """A p-value to six significant digits: small ones are not to become zero."""
    return float(f"{value:.6g}")


def _plain(interval: Interval) -> dict[str, Any]:
    """The interval as JSON-ready values; an end that nothing bounds is None."""
    low, high = (rounded(end) if math.isfinite(end) else None for end in (interval.low, interval.high))
    return {"low": low, "high": high, "method": interval.method}
