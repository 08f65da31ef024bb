"""Metrics of labels, all from three counts a label: right, answered, wanted.

An answer that is none of the references' labels is a miss of its label, and answered as nothing. Averages over labels
are over those that occur among the references.
"""

from collections.abc import Callable, Mapping

import numpy as np

from kitae.evaluate.metrics.base import FORM, Array, Given, Metric, Questions, exact, hit_metric, ours, same_form
from kitae.evaluate.rouge import exact_form

BINS = 15
"""Bins of the calibration error, equally wide, as torchmetrics and Guo et al. 2017 (arXiv:1706.04599) have them."""


def accuracy(questions: Questions) -> list[Metric]:
    """The share of right labels."""
    return [hit_metric("accuracy", same_form, questions, FORM)]


def of_counts(family: str, score: Callable[[Array, Array, Array, Array], Array]) -> Callable[[Questions], list[Metric]]:
    """A metric from counts by label (right, answered, wanted: S, L) and the number of rows (S)."""

    def metrics(questions: Questions) -> list[Metric]:
        wanted = [exact_form(text) for text in questions.references]
        labels = {label: index for index, label in enumerate(sorted(set(wanted)))}

        def statistics(given: Given) -> Array:
            table = np.zeros((len(wanted), 3 * len(labels) + 1))
            table[:, -1] = 1.0
            for row, (answer, label) in enumerate(zip(map(exact_form, given.texts), wanted, strict=True)):
                table[row, labels[label]] = answer == label
                table[row, 2 * len(labels) + labels[label]] = 1.0
                if answer in labels:
                    table[row, len(labels) + labels[answer]] = 1.0
            return table

        def value(sums: Array) -> Array:
            right, answered, there = np.moveaxis(sums[:, :-1].reshape(len(sums), 3, len(labels)), 1, 0)
            return score(right, answered, there, sums[:, -1])

        signature = f"{family}|labels:{len(labels)} of the references|{FORM}|{ours()}"
        return [Metric(family, signature, questions.everything, statistics, value)]

    return metrics


def _mean_over_labels(scores: Array, there: Array) -> Array:
    """A label that a draw left out is left out of its mean."""
    means: Array = (scores * (there > 0)).sum(1) / np.maximum((there > 0).sum(1), 1)
    return means


def _macro_precision(right: Array, answered: Array, there: Array, _rows: Array) -> Array:
    return _mean_over_labels(right / np.maximum(answered, 1.0), there)


def _macro_recall(right: Array, _answered: Array, there: Array, _rows: Array) -> Array:
    return _mean_over_labels(right / np.maximum(there, 1.0), there)


def _macro_f1(right: Array, answered: Array, there: Array, _rows: Array) -> Array:
    """The mean of the labels' F1s (Opitz and Burst 2019, arXiv:1911.03347)."""
    return _mean_over_labels(2.0 * right / np.maximum(answered + there, 1.0), there)


def _micro_precision(right: Array, answered: Array, _there: Array, _rows: Array) -> Array:
    share: Array = right.sum(1) / np.maximum(answered.sum(1), 1.0)
    return share


def _micro_recall(right: Array, _answered: Array, _there: Array, rows: Array) -> Array:
    share: Array = right.sum(1) / np.maximum(rows, 1.0)
    return share


def _micro_f1(right: Array, answered: Array, _there: Array, rows: Array) -> Array:
    share: Array = 2.0 * right.sum(1) / np.maximum(answered.sum(1) + rows, 1.0)
    return share


def _mcc(right: Array, answered: Array, there: Array, rows: Array) -> Array:
    """The multi-class correlation R_K (Gorodkin 2004); no label is one more class, which is never wanted.

    0 where every answer, or every reference, is the same.
    """
    none = rows - answered.sum(1)
    covariance = right.sum(1) * rows - (answered * there).sum(1)
    given = rows**2 - (answered**2).sum(1) - none**2
    wanted = rows**2 - (there**2).sum(1)
    product = given * wanted
    values: Array = np.where(product > 0, covariance / np.sqrt(np.maximum(product, 1e-300)), 0.0)
    return values


def ece(_questions: Questions) -> list[Metric]:
    """Expected calibration error of the probability of the label that was found likeliest."""

    def statistics(given: Given) -> Array:
        top, hit = given.measures["top"], given.measures["top_right"]
        place = np.clip(np.ceil(top * BINS).astype(int) - 1, 0, BINS - 1)
        table = np.zeros((len(top), 3, BINS))
        rows = np.arange(len(top))
        table[rows, 0, place], table[rows, 1, place], table[rows, 2, place] = exact(top), hit, 1.0
        return table.reshape(len(top), 3 * BINS)

    def value(sums: Array) -> Array:
        sure, right, rows = np.moveaxis(sums.reshape(len(sums), 3, BINS), 1, 0)
        error: Array = np.abs(sure - right).sum(1) / np.maximum(rows.sum(1), 1.0)
        return error

    signature = f"ece|l1|bins:{BINS} equally wide|top label|{ours()}"
    return [Metric("ece", signature, _questions.everything, statistics, value, measures=("top", "top_right"))]


def brier(questions: Questions) -> list[Metric]:
    """The squared distance of the probabilities from what was right, over all labels (Brier 1950): 0 to 2."""

    def statistics(given: Given) -> Array:
        squares = 1.0 - 2.0 * given.measures["right"] + given.measures["squares"]
        return np.stack([exact(squares), np.ones(len(squares))], axis=1)

    def value(sums: Array) -> Array:
        mean: Array = sums[:, 0] / np.maximum(sums[:, 1], 1.0)
        return mean

    signature = f"brier|sum over labels|{ours()}"
    return [Metric("brier", signature, questions.everything, statistics, value, measures=("right", "squares"))]


LABEL_METRICS: Mapping[str, Callable[[Questions], list[Metric]]] = {
    "accuracy": accuracy,
    "ece": ece,
    "brier": brier,
    **{
        family: of_counts(family, score)
        for family, score in {
            "balanced_accuracy": _macro_recall,
            "macro_precision": _macro_precision,
            "macro_recall": _macro_recall,
            "macro_f1": _macro_f1,
            "micro_precision": _micro_precision,
            "micro_recall": _micro_recall,
            "micro_f1": _micro_f1,
            "mcc": _mcc,
        }.items()
    },
}
