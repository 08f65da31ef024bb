"""What a metric is: what each row contributes (its sufficient statistics), and how the sums become the figure.

Intervals and tests draw rows again and only add up numbers; nothing is tokenised twice, and figures of a whole corpus
such as BLEU are drawn exactly. Every metric has a signature that says how it was computed.

Shapes: N rows, K statistics of a row, S sums computed together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kitae.core.metric_names import METRIC_NAMES, MetricName
from kitae.evaluate.rouge import exact_form

Array = NDArray[np.float64]
GRAIN = 2.0**30
"""Scores are kept as whole multiples of 1/GRAIN: their sums are exact, and so the same in any order on any machine."""
FORM = "norm:nfkc+spaces+trim|case:mixed"


@dataclass(frozen=True)
class Embed:
    """What turns texts into unit vectors, and the name of its model."""

    model: str
    vectors: Callable[[Sequence[str]], Sequence[Array]]


@dataclass(frozen=True)
class Questions:
    """What metrics need of a set: each row's right answer and language, and if any a JSON schema, and vectors."""

    references: tuple[str, ...]
    languages: tuple[str, ...]
    schema: Mapping[str, Any] | None = None
    embed: Embed | None = None

    def rows_in(self, language: str) -> tuple[int, ...]:
        """Positions of the rows in a language."""
        return tuple(row for row, found in enumerate(self.languages) if found == language)

    @property
    def everything(self) -> tuple[int, ...]:
        """Positions of all rows."""
        return tuple(range(len(self.references)))


@dataclass(frozen=True)
class Given:
    """One system's answers to some rows: texts, and by name the measures that came with them (NaN for none)."""

    texts: Sequence[str]
    measures: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Metric:
    """One figure over some rows of a set.

    `family` is a name of `METRIC_NAMES`; `name` differs from it where a family has several figures. `rows` are
    positions in the set. `statistics(given)` gives (N, K) for answers to exactly these rows; `value(sums)` turns (S, K)
    into (S). A figure that is no function of sums has `drawn(counts, statistics)` instead: (S, N) and (N, K) to (S),
    where counts say how often each row was drawn. `hits` says that a row is simply right or wrong: statistics are then
    (right, 1). Rows without one of the `measures` are left out of the figure.
    """

    family: str
    signature: str
    rows: tuple[int, ...]
    statistics: Callable[[Given], Array]
    value: Callable[[Array], Array] | None = None
    name: str = ""
    language: str = ""
    hits: bool = False
    measures: tuple[str, ...] = ()
    ranked: Callable[[Array, Array], Array] | None = None

    @property
    def facts(self) -> MetricName:
        """Direction, range and names."""
        return METRIC_NAMES[self.family]

    @property
    def label(self) -> str:
        """The figure's own name."""
        return self.name or self.family

    def drawn(self, counts: Array, statistics: Array) -> Array:
        """The figure (S) of draws in which each row occurs so often, (S, N)."""
        if self.ranked is not None:
            return self.ranked(counts, statistics)
        assert self.value is not None
        return self.value(weighted_sums(counts, statistics))

    def of(self, statistics: Array) -> float:
        """The figure of all rows once."""
        return float(self.drawn(np.ones((1, len(statistics))), statistics)[0])

    def over(self, answers: Sequence[str]) -> float:
        """The figure for texts that answer `rows`."""
        return self.of(self.statistics(Given(answers)))


def weighted_sums(weights: Array, statistics: Array) -> Array:
    """`weights` (S, N) times `statistics` (N, K); wide tables of few numbers, as labels make, go as sparse ones."""
    if statistics.shape[1] < WIDE:
        return weights @ statistics
    from scipy.sparse import csr_array

    sums: Array = (csr_array(statistics).T @ weights.T).T
    return sums


WIDE = 40


def ratio(sums: Array) -> Array:
    """First sum over second, (S, 2) to (S)."""
    shares: Array = sums[:, 0] / np.maximum(sums[:, 1], 1e-300)
    return shares


def exact(scores: Sequence[float] | Array) -> Array:
    """Scores as multiples of 1/GRAIN."""
    rounded: Array = np.round(np.asarray(scores, dtype=float) * GRAIN) / GRAIN
    return rounded


def with_ones(scores: Sequence[float] | Array) -> Array:
    """Statistics (N, 2) of a mean."""
    values = exact(scores)
    return np.stack([values, np.ones(len(values))], axis=1)


def mean_metric(
    family: str,
    score: Callable[[str, str], float],
    questions: Questions,
    signature: str,
    *,
    rows: tuple[int, ...] | None = None,
    name: str = "",
    language: str = "",
) -> Metric:
    """The mean of a score of answer and reference: `score(reference, answer)`."""
    rows = questions.everything if rows is None else rows
    references = [questions.references[row] for row in rows]

    def statistics(given: Given) -> Array:
        return with_ones([score(one, text) for one, text in zip(references, given.texts, strict=True)])

    return Metric(
        family, f"{name or family}|{signature}|{ours()}", rows, statistics, ratio, name=name, language=language
    )


def hit_metric(family: str, is_hit: Callable[[str, str], bool], questions: Questions, signature: str) -> Metric:
    """The share of answers that are right: `is_hit(reference, answer)`."""
    references = questions.references

    def statistics(given: Given) -> Array:
        right = [is_hit(one, text) for one, text in zip(references, given.texts, strict=True)]
        return np.stack([np.array(right, dtype=float), np.ones(len(right))], axis=1)

    return Metric(family, f"{family}|{signature}|{ours()}", questions.everything, statistics, ratio, hits=True)


def same_form(reference: str, answer: str) -> bool:
    """Whether an answer equals the reference in its exact form."""
    return exact_form(reference) == exact_form(answer)


def ours() -> str:
    """The end of the signature of what kitae computes itself."""
    return f"kitae:{version('kitae')}"
