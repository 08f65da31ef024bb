"""Metrics as sums: what each row contributes, and how the sums become the figure.

A metric gives every row a few numbers (its sufficient statistics) and turns their sums into its value. Intervals and
tests then draw rows again and only add up numbers; nothing is tokenised twice. Every metric has a signature that says
how it was computed. All values are from 0 to 1.

Shapes: N rows, K statistics of a row, S sums computed together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kitae.errors import InputError, UnknownName
from kitae.evaluate.rouge import exact_form, rouge_l, rouge_l_words

Array = NDArray[np.float64]
GRAIN = 2.0**30
"""Scores are kept as whole multiples of 1/GRAIN: their sums are exact, and so the same in any order on any machine."""
BLEU_TOKENISERS = {"ja": "ja-mecab", "en": "13a"}
"""sacrebleu's tokenisers by language. Where there is none, BLEU is not given and the verdict says so."""
BLEU_ORDER = 4
FORM = "norm:nfkc+spaces+trim|case:mixed"


@dataclass(frozen=True)
class Metric:
    """One figure over some rows of a set.

    `rows` are positions in the set. `statistics(answers)` gives (N, K) for answers to exactly these rows; `value(sums)`
    turns (S, K) into (S). `hits` says that a row is simply right or wrong: statistics are then (right, 1).
    """

    name: str
    language: str
    signature: str
    rows: tuple[int, ...]
    statistics: Callable[[Sequence[str]], Array]
    value: Callable[[Array], Array]
    hits: bool = False

    def over(self, answers: Sequence[str]) -> float:
        """The figure for answers to `rows`."""
        return float(self.value(self.statistics(answers).sum(0, keepdims=True))[0])


@dataclass(frozen=True)
class Questions:
    """What metrics need of a held-out set: the right answer to each row and its language."""

    references: tuple[str, ...]
    languages: tuple[str, ...]

    def rows_in(self, language: str) -> tuple[int, ...]:
        """Positions of the rows in a language."""
        return tuple(row for row, found in enumerate(self.languages) if found == language)


def metric_family(name: str) -> Callable[[Questions], list[Metric]]:
    """What makes the metrics of a name for a set. Raises `UnknownName`."""
    if name not in METRICS:
        raise UnknownName("metric", got=name, known=METRICS)
    return METRICS[name]


def metrics_for(names: Sequence[str], questions: Questions) -> list[Metric]:
    """Every metric of these names that the rows allow, in order; a name may give one figure a language."""
    return [metric for name in names for metric in metric_family(name)(questions)]


def hit_metric(name: str, references: Sequence[str], rows: Sequence[int], language: str = "") -> Metric:
    """The share of answers that equal the reference in their exact form."""
    forms = [exact_form(text) for text in references]

    def statistics(answers: Sequence[str]) -> Array:
        right = [exact_form(answer) == form for answer, form in zip(answers, forms, strict=True)]
        return np.stack([np.array(right, dtype=float), np.ones(len(forms))], axis=1)

    return Metric(name, language, f"{name}|{FORM}|{_ours()}", tuple(rows), statistics, ratio, hits=True)


def ratio(sums: Array) -> Array:
    """First sum over second, (S, 2) to (S)."""
    shares: Array = sums[:, 0] / np.maximum(sums[:, 1], 1.0)
    return shares


def _exact_match(questions: Questions) -> list[Metric]:
    return [hit_metric("exact_match", questions.references, range(len(questions.references)))]


def _accuracy(questions: Questions) -> list[Metric]:
    return [hit_metric("accuracy", questions.references, range(len(questions.references)))]


def _macro_f1(questions: Questions) -> list[Metric]:
    """Mean F1 over the labels that occur among the references; an answer that is no label is a miss of its label.

    Rows contribute one-hot vectors: right, answered, wanted (3 L numbers for L labels). F1 is 2 TP / (2 TP + FP + FN)
    (Opitz and Burst 2019, arXiv:1911.03347, definition of the mean of F1s).
    """
    wanted = [exact_form(text) for text in questions.references]
    labels = {label: index for index, label in enumerate(sorted(set(wanted)))}

    def statistics(answers: Sequence[str]) -> Array:
        table = np.zeros((len(wanted), 3, len(labels)))
        for row, (answer, label) in enumerate(zip(map(exact_form, answers), wanted, strict=True)):
            table[row, 0, labels[label]] = answer == label
            table[row, 2, labels[label]] = 1.0
            if answer in labels:
                table[row, 1, labels[answer]] = 1.0
        return table.reshape(len(wanted), 3 * len(labels))

    def value(sums: Array) -> Array:
        right, answered, there = np.moveaxis(sums.reshape(len(sums), 3, len(labels)), 1, 0)
        # A label that a draw left out is left out of its mean; one that nobody answered has F1 = 0.
        scores = 2.0 * right / np.maximum(answered + there, 1.0)
        means: Array = (scores * (there > 0)).sum(1) / np.maximum((there > 0).sum(1), 1)
        return means

    signature = f"macro_f1|labels:{len(labels)} of the references|{FORM}|{_ours()}"
    return [Metric("macro_f1", "", signature, tuple(range(len(wanted))), statistics, value)]


def _rouge_l(questions: Questions) -> list[Metric]:
    """By characters over all rows, and by words over the English ones."""
    lcs = f"lcs:rapidfuzz-{version('rapidfuzz')}"
    everything = tuple(range(len(questions.references)))
    found = [
        _mean("rouge_l", rouge_l, questions, everything, signature=f"rouge_l|F1|tok:char|{FORM}|{lcs}|{_ours()}"),
    ]
    english = questions.rows_in("en")
    if english:
        signature = f"rouge_l_words|F1|tok:rouge-score-0.1.2|case:lower|stem:no|{lcs}|{_ours()}"
        found.append(_mean("rouge_l_words", rouge_l_words, questions, english, signature=signature, language="en"))
    return found


def _mean(
    name: str,
    score: Callable[[str, str], float],
    questions: Questions,
    rows: tuple[int, ...],
    *,
    signature: str,
    language: str = "",
) -> Metric:
    references = [questions.references[row] for row in rows]

    def statistics(answers: Sequence[str]) -> Array:
        scores = [score(reference, answer) for reference, answer in zip(references, answers, strict=True)]
        return np.stack([np.round(np.array(scores) * GRAIN) / GRAIN, np.ones(len(scores))], axis=1)

    return Metric(name, language, signature, rows, statistics, ratio)


def _bleu(questions: Questions) -> list[Metric]:
    """One BLEU for each language that has a tokeniser: figures of different tokenisers must not be mixed."""
    present = [language for language in BLEU_TOKENISERS if language in questions.languages]
    return [_bleu_of(language, questions) for language in present]


def _bleu_of(language: str, questions: Questions) -> Metric:
    """Corpus BLEU as sacrebleu computes it (Post 2018, arXiv:1804.08771): exponential smoothing, order 4.

    A row contributes its length, its reference's length, and matching and all n-grams for n = 1 to 4.
    """
    bleu = _sacrebleu(BLEU_TOKENISERS[language])
    rows = questions.rows_in(language)
    references = [questions.references[row] for row in rows]
    # sacrebleu knows its whole signature only after a first score.
    bleu.corpus_score(references[:1], [references[:1]])

    def statistics(answers: Sequence[str]) -> Array:
        table = []
        for answer, reference in zip(answers, references, strict=True):
            score = bleu.sentence_score(answer, [reference])
            table.append([score.sys_len, score.ref_len, *score.counts, *score.totals])
        return np.array(table, dtype=float).reshape(len(references), 2 + 2 * BLEU_ORDER)

    signature = f"bleu|{str(bleu.get_signature()).replace('eff:yes', 'eff:no')}"
    return Metric("bleu", language, signature, rows, statistics, bleu_value)


def bleu_value(sums: Array) -> Array:
    """BLEU (0 to 1) from summed statistics (S, 10), equal to sacrebleu's `smooth:exp` with `eff:no`.

    An order without any match counts as half a match the first time, a quarter the second, and so on
    (Chen and Cherry 2014, smoothing method 3).
    """
    length, wanted = sums[:, 0], sums[:, 1]
    right, total = sums[:, 2 : 2 + BLEU_ORDER], sums[:, 2 + BLEU_ORDER :]
    misses = np.cumsum((right == 0) & (total > 0), axis=1)
    logs = np.log(np.where(right > 0, right, 0.5**misses) / np.maximum(total, 1.0)).mean(axis=1)
    shortness = np.minimum(0.0, 1.0 - wanted / np.maximum(length, 1.0))
    possible = (total > 0).all(axis=1) & (right > 0).any(axis=1)
    values: Array = np.where(possible, np.exp(logs + shortness), 0.0)
    return values


def _sacrebleu(tokeniser: str) -> Any:
    """BLEU of sacrebleu with this tokeniser, for counting. Raises `InputError` when the tokeniser cannot be used."""
    from sacrebleu.metrics import BLEU

    try:
        # Effective order changes only sentence scores, which nobody reads here, and keeps sacrebleu from warning.
        return BLEU(tokenize=tokeniser, effective_order=True)
    except (RuntimeError, ImportError, AssertionError) as error:
        raise InputError(
            f"BLEU cannot be computed: sacrebleu's tokeniser {tokeniser} does not work here",
            got=" ".join(str(error).split()) or type(error).__name__,
            hint="Install it (pip install mecab-python3 ipadic), or leave bleu out of evaluate.metrics",
        ) from error


def _ours() -> str:
    return f"kitae:{version('kitae')}"


METRICS: Mapping[str, Callable[[Questions], list[Metric]]] = {
    "exact_match": _exact_match,
    "accuracy": _accuracy,
    "macro_f1": _macro_f1,
    "rouge_l": _rouge_l,
    "bleu": _bleu,
}
