"""Metrics of answers that are numbers. An answer without a number is never left out.

It counts as the reference value that is farthest from the right one, so that saying nothing is no way out; how many
answers had a number is a metric of its own.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping

import numpy as np

from kitae.errors import InputError
from kitae.evaluate.metrics.base import Array, Given, Metric, Questions, exact, hit_metric, ours

NUMBER = re.compile(r"[-+−]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?|[-+−]?\.\d+")
HOW = "number:first|norm:nfkc|unreadable:farthest reference"


def number_in(text: str) -> float | None:
    """The first number of a text: `1,250`, `−3.5`, `１２`; None when there is none."""
    found = NUMBER.search(unicodedata.normalize("NFKC", text))
    return None if found is None else float(found.group().replace(",", "").replace("−", "-"))


def _pairs(questions: Questions) -> Callable[[Given], Array]:
    """What turns answers into (N, 2): right value, given value. Raises `InputError` for a reference without number."""
    wanted = np.array([_reference(text) for text in questions.references])

    def pairs(given: Given) -> Array:
        far = np.where(np.abs(wanted - wanted.min()) > np.abs(wanted - wanted.max()), wanted.min(), wanted.max())
        read = [number_in(text) for text in given.texts]
        found = [float(instead) if one is None else one for one, instead in zip(read, far, strict=True)]
        return np.stack([wanted, np.array(found)], axis=1)

    return pairs


def _reference(text: str) -> float:
    value = number_in(text)
    if value is None:
        raise InputError(
            "a reference answer has no number, which a metric of numbers needs",
            got=text[:80],
            hint="Leave mae, rmse, r2 and spearman out of evaluate.metrics, or correct the rows",
        )
    return value


def _of_sums(
    family: str, row: Callable[[Array], Array], value: Callable[[Array], Array]
) -> Callable[[Questions], list[Metric]]:
    def metrics(questions: Questions) -> list[Metric]:
        pairs = _pairs(questions)

        def statistics(given: Given) -> Array:
            return row(pairs(given))

        return [Metric(family, f"{family}|{HOW}|{ours()}", questions.everything, statistics, value)]

    return metrics


def _errors(pairs: Array) -> Array:
    error = pairs[:, 1] - pairs[:, 0]
    return np.stack([exact(np.abs(error)), exact(error**2), np.ones(len(error))], axis=1)


def _with_spread(pairs: Array) -> Array:
    # Taken from the mean first: squares of large numbers would lose what their differences say.
    wanted = pairs[:, 0] - pairs[:, 0].mean()
    error = pairs[:, 1] - pairs[:, 0]
    return np.stack([exact(error**2), exact(wanted), exact(wanted**2), np.ones(len(error))], axis=1)


def _mae(sums: Array) -> Array:
    mean: Array = sums[:, 0] / np.maximum(sums[:, 2], 1.0)
    return mean


def _rmse(sums: Array) -> Array:
    root: Array = np.sqrt(sums[:, 1] / np.maximum(sums[:, 2], 1.0))
    return root


def _r2(sums: Array) -> Array:
    """1 - error over spread; 1 for no error at all, 0 where the references do not differ but the answers do."""
    error, total, squares, rows = sums.T
    spread = squares - total**2 / np.maximum(rows, 1.0)
    flat = spread <= 1e-12 * np.maximum(squares, 1e-300)
    values: Array = np.where(flat, np.where(error <= 0, 1.0, 0.0), 1.0 - error / np.where(flat, 1.0, spread))
    return values


def spearman(questions: Questions) -> list[Metric]:
    """Correlation of ranks, ties at their middle rank; ranks are taken anew in every draw."""
    signature = f"spearman|{HOW}|ties:middle|{ours()}"
    return [Metric("spearman", signature, questions.everything, _pairs(questions), ranked=rank_correlation)]


def rank_correlation(counts: Array, pairs: Array) -> Array:
    """Spearman's correlation (S) of draws in which each pair (N, 2) occurs so often, (S, N); 0 without any spread."""
    first, second = (_middle_ranks(counts, pairs[:, side]) for side in (0, 1))
    rows = counts.sum(1, keepdims=True)
    one, two = (ranks - (counts * ranks).sum(1, keepdims=True) / rows for ranks in (first, second))
    both = (counts * one * two).sum(1)
    scale = np.sqrt((counts * one**2).sum(1) * (counts * two**2).sum(1))
    values: Array = np.where(scale > 1e-12, both / np.maximum(scale, 1e-300), 0.0)
    return values


def _middle_ranks(counts: Array, values: Array) -> Array:
    order = np.argsort(values, kind="stable")
    _, starts, place = np.unique(values, return_index=True, return_inverse=True)
    starts = np.searchsorted(values[order], values[starts])
    sizes = np.add.reduceat(counts[:, order], starts, axis=1)
    middle = np.cumsum(sizes, axis=1) - sizes / 2
    ranks: Array = middle[:, place]
    return ranks


def readable(questions: Questions) -> list[Metric]:
    """The share of answers that have a number at all."""
    return [
        hit_metric(
            "readable_numbers", lambda _one, text: number_in(text) is not None, questions, "number:any|norm:nfkc"
        )
    ]


NUMERIC_METRICS: Mapping[str, Callable[[Questions], list[Metric]]] = {
    "mae": _of_sums("mae", _errors, _mae),
    "rmse": _of_sums("rmse", _errors, _rmse),
    "r2": _of_sums("r2", _with_spread, _r2),
    "spearman": spearman,
    "readable_numbers": readable,
}
