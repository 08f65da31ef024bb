"""Figures of one metric on one set: each system with its interval, and the tuned model against each opponent."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kitae.evaluate.intervals import Interval, draw, paired_difference, proportion, spread
from kitae.evaluate.metrics import Array, Metric
from kitae.evaluate.paired import POWER, detectable_mean, detectable_share, holm, mcnemar, randomisation
from kitae.evaluate.predictions import Answers

DIGITS = 6
"""Figures are rounded, so that the last bits of a machine's logarithm do not reach an artifact."""
SYSTEMS = ("tuned", "base", "choice", "baseline")


@dataclass(frozen=True)
class Measuring:
    """Level of the intervals, seed of the draws, and what the draws are for (set and slice)."""

    confidence: float
    seed: int
    scope: str

    def name(self, metric: Metric) -> str:
        """What random numbers for a metric are for."""
        return f"{self.scope}/{metric.name}/{metric.language}"


@dataclass(frozen=True)
class Scored:
    """One system's statistics on a metric's rows (N, K), and which of those rows it was asked (N)."""

    statistics: Array
    asked: NDArray[np.bool_]


def figure(metric: Metric, answers: Mapping[str, Answers], how: Measuring) -> dict[str, Any]:
    """Everything about a metric: signature, systems with intervals, paired comparisons, detectable difference."""
    scored = {name: _score(metric, answers[name]) for name in SYSTEMS if name in answers}
    scored = {name: system for name, system in scored.items() if system.asked.any()}
    rivals = [name for name in scored if name != "tuned"]
    compared = {rival: _compare(metric, scored["tuned"], scored[rival], how) for rival in rivals}
    adjusted = holm([compared[rival]["p_value"] for rival in rivals])
    for rival, p_value in zip(rivals, adjusted, strict=True):
        compared[rival]["p_adjusted"] = _p(p_value)
        compared[rival]["outcome"] = outcome(compared[rival]["difference"], p_value, how.confidence)
    return {
        "metric": metric.name,
        "language": metric.language,
        "signature": f"{metric.signature}|n:{len(metric.rows)}",
        "n": len(metric.rows),
        "systems": {name: _system(metric, system, how) for name, system in scored.items()},
        "against": compared,
        "detectable": _detectable(metric, compared, how),
    }


def outcome(difference: float, p_value: float, confidence: float) -> str:
    """`better`, `worse`, or `tie` when the difference may be chance."""
    if p_value > 1 - confidence + 1e-12 or difference == 0:
        return "tie"
    return "better" if difference > 0 else "worse"


def rounded(value: float) -> float:
    """A figure as artifacts hold it."""
    return round(float(value), DIGITS) + 0.0


def _score(metric: Metric, answers: Answers) -> Scored:
    given = [answers[row] for row in metric.rows]
    statistics = metric.statistics(["" if text is None else text for text in given])
    return Scored(statistics, np.array([text is not None for text in given]))


def _system(metric: Metric, system: Scored, how: Measuring) -> dict[str, Any]:
    statistics = system.statistics[system.asked]
    value = _value(metric, statistics)
    if metric.hits:
        interval = proportion(int(statistics[:, 0].sum()), len(statistics), how.confidence)
    else:
        draws = draw(statistics, metric.value, seed=how.seed, name=how.name(metric))
        interval = spread(draws, len(statistics), how.confidence)
    return {"n": len(statistics), "value": rounded(value), **_plain(interval)}


def _compare(metric: Metric, tuned: Scored, rival: Scored, how: Measuring) -> dict[str, Any]:
    """Tuned minus rival on the rows that both were asked."""
    both = tuned.asked & rival.asked
    one, two = tuned.statistics[both], rival.statistics[both]
    found = (_compare_hits if metric.hits else _compare_sums)(metric, one, two, how)
    values = {"tuned": rounded(_value(metric, one)), "other": rounded(_value(metric, two))}
    return {"n": len(one), **values, "difference": rounded(_value(metric, one) - _value(metric, two)), **found}


def _compare_hits(_metric: Metric, one: Array, two: Array, how: Measuring) -> dict[str, Any]:
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


def _compare_sums(metric: Metric, one: Array, two: Array, how: Measuring) -> dict[str, Any]:
    name = how.name(metric)
    gaps = draw(one, metric.value, seed=how.seed, name=name) - draw(two, metric.value, seed=how.seed, name=name)
    p_value = randomisation(one, two, metric.value, seed=how.seed, name=name)
    return {
        **_plain(spread(gaps, len(one), how.confidence, least=-1.0)),
        "p_value": _p(p_value),
        "test": "approximate-randomisation",
        "standard_error": rounded(gaps.std()),
    }


def _detectable(metric: Metric, compared: Mapping[str, Mapping[str, Any]], how: Measuring) -> dict[str, Any] | None:
    """The smallest gain that a set like this can show against the strongest opponent, with power 0.8."""
    if not compared:
        return None
    rival = max(compared, key=lambda name: compared[name]["other"])
    found = compared[rival]
    if metric.hits:
        differing = (found["only_tuned_right"] + found["only_other_right"]) / found["n"]
        least = detectable_share(found["n"], differing, how.confidence)
    else:
        least = detectable_mean(found["standard_error"], how.confidence)
    return {"difference": rounded(least), "against": rival, "n": found["n"], "power": POWER}


def _value(metric: Metric, statistics: Array) -> float:
    return float(metric.value(statistics.sum(0, keepdims=True))[0])


def _p(value: float) -> float:
    """A p-value to six significant digits: small ones are not to become zero."""
    return float(f"{value:.6g}")


def _plain(interval: Interval) -> dict[str, Any]:
    values = asdict(interval)
    return {"low": rounded(values["low"]), "high": rounded(values["high"]), "method": values["method"]}
