"""The classical baseline: what a few seconds of counting letters and words can do on the same training split.

Nobody should be sold a fine-tuning that this beats. Two methods, the better one on the validation split answers:
the answer of the nearest training question, and a logistic regression over the distinct answers.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kitae.core.records import Record
from kitae.core.text import normalise
from kitae.evaluate.rouge import exact_form, rouge_l

CHARACTERS = (1, 4)
"""Lengths of the character n-grams; they need no word boundaries, which Japanese does not write."""
WORDS = (1, 2)
WORD = re.compile(r"\w+|[^\w\s]")
MOST_ANSWERS = 1000
"""With more distinct answers than this a classifier over them is neither quick nor sensible."""
LEAST_REPEATS = 2.0
"""Training rows an answer must have on average before a classifier can learn it."""
MANY_ROWS = 2000
"""From this many training rows on, n-grams that occur in one row only are left out: nine tenths of the time for none
of the accuracy (banking77, asdc_ja)."""
INVERSE_PENALTY = 5.0

Answering = Callable[[Sequence[str]], list[str]]
Sureness = Callable[[Sequence[str], Sequence[str]], dict[str, list[float]]]
"""Questions and right answers to what the probabilities say of each row: `top`, `top_right`, `right`, `squares`."""


@dataclass(frozen=True)
class Baseline:
    """The method that won on the validation split: its name, its answers to questions, and every method's score.

    `sure` says how sure it is of its answers, where it has probabilities.
    """

    name: str
    answer: Answering
    validation: dict[str, float]
    sure: Sureness | None = None


def fit(train: Sequence[Record], validation: Sequence[Record]) -> Baseline:
    """The better of the methods that this training split allows; without a validation split, the first one.

    Better is more exact answers, then more like the right answers (character ROUGE-L).
    """
    questions = [record.question for record in train]
    answers = [record.answer for record in train]
    methods = {"nearest question": nearest(questions, answers)}
    sure: dict[str, Sureness] = {}
    if _repeats(answers):
        name = "TF-IDF + logistic regression"
        answer, sure[name] = _regression(questions, answers)
        methods = {name: answer, **methods}
    if len(methods) == 1 or not validation:
        name = next(iter(methods))
        return Baseline(name, methods[name], {}, sure.get(name))
    asked = [record.question for record in validation]
    right = [record.answer for record in validation]
    scores = {name: _score(answer(asked), right) for name, answer in methods.items()}
    best = max(scores, key=lambda name: scores[name])
    return Baseline(best, methods[best], {name: round(exact, 6) for name, (exact, _) in scores.items()}, sure.get(best))


def nearest(questions: Sequence[str], answers: Sequence[str]) -> Answering:
    """Answers with the answer of the training question that is nearest in TF-IDF of character n-grams (cosine)."""
    find = nearest_question(questions)
    return lambda asked: [answers[index] for index in find(asked)]


def nearest_question(questions: Sequence[str]) -> Callable[[Sequence[str]], list[int]]:
    """Finds for each text the index of the nearest training question; the first of equally near ones."""
    vectors = question_vectors()
    known = vectors.fit_transform(questions).T.tocsr()

    def find(asked: Sequence[str]) -> list[int]:
        found: list[int] = []
        for start in range(0, len(asked), 256):
            similar = vectors.transform(asked[start : start + 256]) @ known
            found += [int(index) for index in similar.toarray().round(6).argmax(axis=1)]
        return found

    return find


def question_vectors() -> Any:
    """What makes vectors of questions by which near ones are found: TF-IDF of character n-grams, of length 1."""
    return tfidf(analyzer="char", ngram_range=CHARACTERS)


def _regression(questions: Sequence[str], answers: Sequence[str]) -> tuple[Answering, Sureness]:
    """Multinomial logistic regression on TF-IDF of words and characters; the classes are the distinct answers."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    least = 2 if len(questions) >= MANY_ROWS else 1
    words = tfidf(tokenizer=WORD.findall, token_pattern=None, ngram_range=WORDS, min_df=least)
    characters = tfidf(analyzer="char", ngram_range=CHARACTERS, min_df=least)
    classifier = LogisticRegression(C=INVERSE_PENALTY, tol=1e-3, max_iter=200)
    model = make_pipeline(make_union(words, characters), classifier)
    # Spellings that differ only in width or spaces are one class; the commonest one is what is answered.
    spelling = _commonest(answers)
    model.fit(questions, [exact_form(answer) for answer in answers])

    def sure(asked: Sequence[str], right: Sequence[str]) -> dict[str, list[float]]:
        return _sureness(model.predict_proba(list(asked)), list(model.classes_), right) if asked else {}

    return lambda asked: [spelling[form] for form in model.predict(list(asked))] if asked else [], sure


def _sureness(shares: Any, classes: Sequence[str], right: Sequence[str]) -> dict[str, list[float]]:
    """What probabilities (N, classes) say of rows whose right answers are these; a right one of no class has 0."""
    place = {form: index for index, form in enumerate(classes)}
    wanted = [place.get(exact_form(text), -1) for text in right]
    best = shares.argmax(axis=1)
    return {
        "top": [round(float(row[index]), 6) for row, index in zip(shares, best, strict=True)],
        "top_right": [float(index == there) for index, there in zip(best, wanted, strict=True)],
        "right": [
            round(float(row[there]), 6) if there >= 0 else 0.0 for row, there in zip(shares, wanted, strict=True)
        ],
        "squares": [round(float(row @ row), 6) for row in shares],
    }


def tfidf(**settings: Any) -> Any:
    """What makes sparse TF-IDF vectors of length 1 of texts in their normal form."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(preprocessor=_form, sublinear_tf=True, dtype=np.float32, **settings)


def _form(text: str) -> str:
    """The normal form; a question of nothing is a dash, because a vocabulary may not be empty."""
    return normalise(text) or "-"


def _repeats(answers: Sequence[str]) -> bool:
    distinct = len({exact_form(answer) for answer in answers})
    return 2 <= distinct <= MOST_ANSWERS and len(answers) >= LEAST_REPEATS * distinct


def _commonest(answers: Sequence[str]) -> dict[str, str]:
    spellings: dict[str, Counter[str]] = {}
    for answer in answers:
        spellings.setdefault(exact_form(answer), Counter())[answer] += 1
    return {form: min(counts, key=lambda text: (-counts[text], text)) for form, counts in spellings.items()}


def _score(given: Sequence[str], right: Sequence[str]) -> tuple[float, float]:
    pairs = list(zip(given, right, strict=True))
    exact = sum(exact_form(answer) == exact_form(wanted) for answer, wanted in pairs) / len(pairs)
    return exact, sum(rouge_l(wanted, answer) for answer, wanted in pairs) / len(pairs)
