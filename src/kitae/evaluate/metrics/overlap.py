"""How much of the reference is in the answer: exact match, F1 of characters and words, and the ROUGE family.

ROUGE (Lin 2004) is given by characters over all rows, and by words for the languages whose words are known. English
words are those of the package rouge-score, and the figures equal its own.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version

from kitae.evaluate.metrics.base import FORM, Metric, Questions, hit_metric, mean_metric, same_form
from kitae.evaluate.metrics.words import japanese_words, words_of
from kitae.evaluate.rouge import exact_form, rouge_l_of, rouge_lsum_of, rouge_n_of

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = frozenset(string.punctuation)
WORD_LANGUAGES = ("en", "ja")
Tokens = Sequence[str]


def exact_match(questions: Questions) -> list[Metric]:
    """The share of answers that equal the reference in their exact form."""
    return [hit_metric("exact_match", same_form, questions, FORM)]


def bag_f1(reference: Tokens, answer: Tokens) -> float:
    """F1 of two bags of tokens, as SQuAD scores answers; two empty ones agree."""
    if not reference or not answer:
        return float(not reference and not answer)
    return 2.0 * sum((Counter(reference) & Counter(answer)).values()) / (len(reference) + len(answer))


def squad_words(text: str) -> list[str]:
    """Words as SQuAD 1.1 normalises answers: lower case, without ASCII punctuation and articles."""
    plain = "".join(letter for letter in text.lower() if letter not in PUNCTUATION)
    return ARTICLES.sub(" ", plain).split()


def char_f1(questions: Questions) -> list[Metric]:
    """F1 of the bags of characters, spaces left out."""

    def score(reference: str, answer: str) -> float:
        return bag_f1(*("".join(unicodedata.normalize("NFKC", text).split()) for text in (reference, answer)))

    return [mean_metric("char_f1", score, questions, "tok:char|norm:nfkc|spaces:no|case:mixed|articles:kept")]


def token_f1(questions: Questions) -> list[Metric]:
    """F1 of the bags of words: of English as SQuAD 1.1, of Japanese by MeCab."""
    found = []
    ways: dict[str, tuple[Callable[[str], list[str]], str]] = {
        "en": (squad_words, "tok:space|norm:squad-1.1 (lower, no punctuation, no articles)"),
        "ja": (japanese_words, ""),
    }
    for language, (words, signature) in ways.items():
        if rows := questions.rows_in(language):
            known = words_of(language)
            assert known is not None
            found.append(
                mean_metric(
                    "token_f1",
                    partial(_of_words, bag_f1, words),
                    questions,
                    signature or f"tok:{known.name}",
                    rows=rows,
                    language=language,
                )
            )
    return found


def rouge(family: str, score: Callable[[Tokens, Tokens], float]) -> Callable[[Questions], list[Metric]]:
    """By characters over all rows, and by words over the rows of each language whose words are known."""

    def metrics(questions: Questions) -> list[Metric]:
        lcs = f"|lcs:rapidfuzz-{version('rapidfuzz')}" if family == "rouge_l" else ""
        letters = partial(_of_letters, score)
        found = [mean_metric(family, letters, questions, f"F1|tok:char|{FORM}{lcs}")]
        for language in WORD_LANGUAGES:
            rows, words = questions.rows_in(language), words_of(language) if language in questions.languages else None
            if words is not None:
                by_words = partial(_of_words, score, words.tokens, none=0.0)
                signature = f"F1|tok:{words.name}{lcs}"
                name = f"{family}_words"
                found.append(
                    mean_metric(family, by_words, questions, signature, rows=rows, name=name, language=language)
                )
        return found

    return metrics


def rouge_lsum(questions: Questions) -> list[Metric]:
    """ROUGE-Lsum: the union of longest common subsequences over the lines of a summary."""
    found = [mean_metric("rouge_lsum", partial(_by_lines, exact_form), questions, f"F1|tok:char|split:newline|{FORM}")]
    for language in WORD_LANGUAGES:
        rows = questions.rows_in(language)
        words = words_of(language) if rows else None
        if words is not None:
            score = partial(_by_lines, words.tokens)
            signature = f"F1|tok:{words.name}|split:newline"
            name = "rouge_lsum_words"
            found.append(
                mean_metric("rouge_lsum", score, questions, signature, rows=rows, name=name, language=language)
            )
    return found


def _of_words(
    score: Callable[[Tokens, Tokens], float],
    words: Callable[[str], Tokens],
    reference: str,
    answer: str,
    none: float | None = None,
) -> float:
    """A score of two texts by their tokens; `none` where one of them has no tokens."""
    first, second = words(reference), words(answer)
    if none is not None and not (first and second):
        return none
    return score(first, second)


def _of_letters(score: Callable[[Tokens, Tokens], float], reference: str, answer: str) -> float:
    """A score of two texts by their characters; equal ones agree, however short they are."""
    first, second = exact_form(reference), exact_form(answer)
    return 1.0 if first == second else score(first, second)


def _by_lines(words: Callable[[str], Tokens], reference: str, answer: str) -> float:
    return rouge_lsum_of(*([words(line) for line in text.split("\n") if line] for text in (reference, answer)))


OVERLAP_METRICS: Mapping[str, Callable[[Questions], list[Metric]]] = {
    "exact_match": exact_match,
    "char_f1": char_f1,
    "token_f1": token_f1,
    "rouge_1": rouge("rouge_1", partial(rouge_n_of, 1)),
    "rouge_2": rouge("rouge_2", partial(rouge_n_of, 2)),
    "rouge_l": rouge("rouge_l", rouge_l_of),
    "rouge_lsum": rouge_lsum,
}
