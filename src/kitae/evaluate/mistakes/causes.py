"""Why an answer is wrong, as far as the training split tells: the nearest training records and what they answer.

- `gap`: training has nothing like it: its nearest question is farther than those of nine in ten rightly answered rows,
  or the right answer is hardly taught at all.
- `noise`: the nearest records all say what the model said, so the reference itself is suspected.
- `conflict`: the nearest records say different things, or mostly something else.
- `hard`: the nearest records say what is right, and the model still fails.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from kitae.core.records import Record
from kitae.evaluate.baseline import question_vectors
from kitae.evaluate.mistakes.items import Item
from kitae.evaluate.rouge import exact_form, rouge_l_of

CAUSES = ("gap", "conflict", "noise", "hard")
NEIGHBOURS = 5
LEAST_TAUGHT = 3
"""An answer with fewer training records is hardly taught."""
FAR_QUANTILE = 0.1
LEAST_RIGHT = 20
"""With fewer rightly answered rows, far is less than `FAR_SHARE` of how alike training questions are to each other."""
FAR_SHARE = 0.5
AGREED = 0.6
UNANIMOUS = 0.9
SAME_ANSWER = 0.8
"""Answers at least so alike (character ROUGE-L) say the same."""
SHORT = 24
"""Answers of fewer characters are labels, which must be equal."""
MOST_RIGHT = 300
"""Rightly answered rows whose distance to training is looked up."""
BLOCK = 256


def causes(items: Sequence[Item], train: Sequence[Record]) -> list[dict[str, Any]]:
    """For each failure: its `place` among the items, its `cause`, and its nearest training records with similarities.

    Neighbours are weighed by their similarity (TF-IDF of character n-grams, cosine).
    """
    wrong = [place for place, item in enumerate(items) if not item.right]
    if not wrong:
        return []
    right = [place for place, item in enumerate(items) if item.right]
    right = right[:: max(1, len(right) // MOST_RIGHT)]
    some = train[:: max(1, len(train) // MOST_RIGHT)]
    told = [items[place].question for place in [*wrong, *right]] + [record.question for record in some]
    near, alike = neighbours(told, train)
    by_right, by_train = alike[len(wrong) :][: len(right), 0], alike[len(wrong) + len(right) :, min(1, len(train) - 1)]
    enough = len(right) >= LEAST_RIGHT
    far = float(np.quantile(by_right, FAR_QUANTILE) if enough else FAR_SHARE * np.median(by_train))
    answers = [exact_form(record.answer) for record in train]
    taught = Counter(answers)
    return [
        {
            "place": place,
            **_cause(items[place], [answers[index] for index in near[row]], alike[row], far, taught),
            "nearest": [
                {**_shown(train[index]), "similarity": round(float(value), 6)}
                for index, value in zip(near[row], alike[row], strict=True)
            ],
        }
        for row, place in enumerate(wrong)
    ]


def neighbours(questions: Sequence[str], train: Sequence[Record], *, count: int = NEIGHBOURS) -> tuple[Any, Any]:
    """Indices (N, K) of the nearest training records of each question, nearest first, and their similarities (N, K)."""
    vectors = question_vectors()
    known = vectors.fit_transform([record.question for record in train]).T.tocsr()
    size = min(count, len(train))
    near, alike = [], []
    for start in range(0, len(questions), BLOCK):
        table = (vectors.transform(questions[start : start + BLOCK]) @ known).toarray().round(6)
        order = np.argsort(-table, axis=1, kind="stable")[:, :size]
        near.append(order)
        alike.append(np.take_along_axis(table, order, axis=1))
    return np.concatenate(near), np.concatenate(alike)


def _shown(record: Record) -> dict[str, str]:
    return {"id": record.id, "question": record.question, "answer": record.answer}


def _cause(item: Item, near: Sequence[str], alike: Any, far: float, taught: "Counter[str]") -> dict[str, Any]:
    """The cause of a failure from what its nearest records answer (K) and how alike their questions are (K)."""
    reference, given = exact_form(item.reference), exact_form(item.answer)
    for_reference, for_given = (_weight(answer, near, alike) for answer in (reference, given))
    others = [exact_form(text) for text in item.others.values()]
    if alike[0] < far or _taught(reference, taught) < LEAST_TAUGHT:
        cause = "gap"
    elif for_given >= UNANIMOUS or (for_given >= AGREED and given in others and reference not in others):
        cause = "noise"
    elif for_reference >= AGREED:
        cause = "hard"
    else:
        cause = "conflict"
    return {"cause": cause, "agree": round(for_reference, 6), "agree_with_answer": round(for_given, 6)}


def _weight(answer: str, near: Sequence[str], alike: Any) -> float:
    """The share of the neighbours, by similarity, that say the same as an answer."""
    weights = np.maximum(alike, 1e-9)
    same = [_same(answer, other) for other in near]
    return float(weights[same].sum() / weights.sum()) if answer else 0.0


def _same(one: str, two: str) -> bool:
    return one == two or (len(one) >= SHORT and rouge_l_of(one, two) >= SAME_ANSWER)


def _taught(answer: str, taught: "Counter[str]") -> int:
    """Training records that say the same; free text is hardly ever taught twice, so it is not asked how often."""
    if sum(taught.values()) < 2 * len(taught):
        return LEAST_TAUGHT
    return taught[answer] or sum(count for text, count in taught.items() if _same(answer, text))
