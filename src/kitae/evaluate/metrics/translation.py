"""BLEU, chrF and TER as sacrebleu computes them (Post 2018, arXiv:1804.08771), as sums that can be drawn again.

One figure for each language that has a tokeniser, where there is one: figures of different tokenisers must not be
mixed. chrF needs none.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from kitae.errors import InputError
from kitae.evaluate.metrics.base import Array, Given, Metric, Questions, ratio
from kitae.evaluate.metrics.words import INSTALL

TOKENISERS = {"ja": "ja-mecab", "en": "13a"}
"""sacrebleu's tokenisers by language. Where there is none, BLEU and TER are not given and the verdict says so."""
BLEU_ORDER = 4
CHRF_ORDER = 6
CHRF_BETA = 2


def bleu(questions: Questions) -> list[Metric]:
    """One corpus BLEU a language."""
    return [_bleu_of(language, questions) for language in TOKENISERS if language in questions.languages]


def _bleu_of(language: str, questions: Questions) -> Metric:
    """Exponential smoothing, order 4. A row contributes both lengths, and matching and all n-grams for n = 1 to 4."""
    metric = _sacrebleu(TOKENISERS[language])
    rows = questions.rows_in(language)
    references = [questions.references[row] for row in rows]
    # sacrebleu knows its whole signature only after a first score.
    metric.corpus_score(references[:1], [references[:1]])

    def statistics(given: Given) -> Array:
        table = []
        for answer, reference in zip(given.texts, references, strict=True):
            score = metric.sentence_score(answer, [reference])
            table.append([score.sys_len, score.ref_len, *score.counts, *score.totals])
        return np.array(table, dtype=float).reshape(len(references), 2 + 2 * BLEU_ORDER)

    signature = f"bleu|{str(metric.get_signature()).replace('eff:yes', 'eff:no')}"
    return Metric("bleu", signature, rows, statistics, bleu_value, language=language)


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


def chrf(questions: Questions) -> list[Metric]:
    """One chrF over all rows: character n-grams, n = 1 to 6, without spaces (Popović 2015)."""
    references = [_letters(text) for text in questions.references]

    def statistics(given: Given) -> Array:
        table = np.zeros((len(references), 3, CHRF_ORDER))
        for row, (answer, wanted) in enumerate(zip(map(_letters, given.texts), references, strict=True)):
            for order in range(CHRF_ORDER):
                said, there = _grams(answer, order + 1), _grams(wanted, order + 1)
                # sacrebleu counts no n-grams of the answer where the reference has none.
                table[row, :, order] = said.total() if there else 0, there.total(), (said & there).total()
        return table.reshape(len(references), 3 * CHRF_ORDER)

    signature = f"chrf|case:mixed|eff:yes|nc:{CHRF_ORDER}|nw:0|space:no|as:sacrebleu-{version('sacrebleu')}"
    return [Metric("chrf", signature, questions.everything, statistics, chrf_value)]


def chrf_value(sums: Array) -> Array:
    """chrF2 (0 to 1) from summed statistics (S, 18): the means of precision and recall over the orders there are."""
    said, there, both = np.moveaxis(sums.reshape(len(sums), 3, CHRF_ORDER), 1, 0)
    used = (said > 0) & (there > 0)
    orders = np.maximum(used.sum(1), 1)
    precision = np.where(used, both / np.maximum(said, 1.0), 0.0).sum(1) / orders
    recall = np.where(used, both / np.maximum(there, 1.0), 0.0).sum(1) / orders
    below = CHRF_BETA**2 * precision + recall
    values: Array = np.where(below > 0, (1 + CHRF_BETA**2) * precision * recall / np.maximum(below, 1e-300), 0.0)
    return values


def ter(questions: Questions) -> list[Metric]:
    """One TER a language: edits and shifts over the words of the references (Snover et al. 2006)."""
    return [_ter_of(language, questions) for language in TOKENISERS if language in questions.languages]


def _ter_of(language: str, questions: Questions) -> Metric:
    from sacrebleu.metrics import TER

    cut, words = _cutter(language)
    metric = TER()
    rows = questions.rows_in(language)
    references = [cut(questions.references[row]) for row in rows]
    metric.corpus_score(references[:1], [references[:1]])

    def statistics(given: Given) -> Array:
        scores = [metric.sentence_score(cut(text), [one]) for text, one in zip(given.texts, references, strict=True)]
        return np.array([[score.num_edits, score.ref_length] for score in scores], dtype=float).reshape(-1, 2)

    return Metric("ter", f"ter|{words}{metric.get_signature()}", rows, statistics, ratio, language=language)


def _cutter(language: str) -> tuple[Callable[[str], str], str]:
    """What parts the words by spaces before TER counts them, and its name; English words are parted already."""
    if language == "en":
        return str, ""
    tokeniser = _sacrebleu(TOKENISERS[language]).tokenizer
    return tokeniser, f"words:{tokeniser.signature()}|"


def _letters(text: str) -> str:
    return "".join(text.split())


def _grams(text: str, size: int) -> "Counter[str]":
    return Counter(text[start : start + size] for start in range(len(text) - size + 1))


def _sacrebleu(tokeniser: str) -> Any:
    """BLEU of sacrebleu with this tokeniser, for counting. Raises `InputError` when the tokeniser cannot be used."""
    from sacrebleu.metrics import BLEU

    try:
        # Effective order changes only sentence scores, which nobody reads here, and keeps sacrebleu from warning.
        return BLEU(tokenize=tokeniser, effective_order=True)
    except (RuntimeError, ImportError, AssertionError) as error:
        raise InputError(
            f"the metric cannot be computed: sacrebleu's tokeniser {tokeniser} does not work here",
            got=" ".join(str(error).split()) or type(error).__name__,
            hint=INSTALL,
        ) from error


TRANSLATION_METRICS: Mapping[str, Callable[[Questions], list[Metric]]] = {"bleu": bleu, "chrf": chrf, "ter": ter}
