"""Learning curves by answer: what it brings to know so many records of an answer, everything else being known.

A language model cannot be trained anew for every question of this kind; naive Bayes on letters can, in a moment. For
some of the answers in turn it is fitted on the whole training split but for this answer's records, of which it gets
none, then 5, 10, 20 and so on, and each time the right answers to all held-out rows are counted: what an answer gains
and what others lose to it. Answers are learnt at different speeds, so each has its own curve, and the spread of the
curves is what a prediction for another answer is unsure of.

Shapes: G curves, K knots, N held-out rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kitae.core.records import Record
from kitae.evaluate.baseline import tfidf
from kitae.evaluate.mistakes.items import Item
from kitae.evaluate.rouge import exact_form

Array = NDArray[np.float64]
NAME = "naive Bayes on letters"
KNOTS = (0, 5, 10, 20, 40, 80, 160)
"""Records of an answer at which its curve is read; between them it is straight over log(1 + n), beyond them flat."""
LEAST_ROWS, LEAST_RECORDS = 8, 20
"""Held-out rows and training records that an answer needs for a curve of its own."""
LEAST_CURVES, MOST_CURVES = 5, 16
NEAR_QUANTILE = 0.1
"""Near is as near as the nearest training record is to nine in ten rows."""
MOST_TRAIN, MOST_ROWS = 20_000, 3_000
"""Of more, a sample is looked at."""
CHARACTERS = (1, 3)
LEAST_OCCURRENCES = 2
BLOCK = 256


@dataclass(frozen=True)
class Curves:
    """What was learnt.

    `net` (G, K) are right answers gained over all held-out rows, for each row of the answer; `recall` (G, K) is the
    share of the answer's own rows that are right; `known` (N) says how many training records each row has, as a count
    of its answer: its near ones, over the share of an answer's records that is near to a row.
    """

    net: Array
    recall: Array
    known: Array

    def fixed(self, before: Array, more: float) -> Array:
        """Failures that go away, net, by each curve (G, rows), when rows with so many records get so many more.

        As a share of one failure; negative where others lose more than is gained.
        """
        gained = self._read(self.net, before + more) - self._read(self.net, before)
        left = 1.0 - self._read(self.recall, before)
        return np.clip(gained / np.maximum(left, 0.1), -1.0, 1.0)

    def _read(self, curves: Array, counts: Array) -> Array:
        return np.stack([np.interp(np.log1p(counts), np.log1p(KNOTS), curve) for curve in curves])


def learn(items: Sequence[Item], train: Sequence[Record], *, seed: int) -> Curves | None:
    """The curves of answers that have enough records and held-out rows; None where fewer than `LEAST_CURVES` have."""
    random = np.random.default_rng(seed)
    train = [train[place] for place in _sample(len(train), MOST_TRAIN, random)]
    answers = np.array([exact_form(record.answer) for record in train], dtype=object)
    wanted = np.array([exact_form(item.reference) for item in items], dtype=object)
    rows = _sample(len(items), MOST_ROWS, random)
    usable = [
        name
        for name in sorted(set(wanted[rows]))
        if (wanted[rows] == name).sum() >= LEAST_ROWS and (answers == name).sum() >= LEAST_RECORDS
    ]
    if len(usable) < LEAST_CURVES:
        return None
    vectors = tfidf(analyzer="char", ngram_range=CHARACTERS, min_df=LEAST_OCCURRENCES)
    known = vectors.fit_transform([record.question for record in train]).tocsr()
    asked = vectors.transform([item.question for item in items]).tocsr()
    chosen = [usable[place] for place in _sample(len(usable), MOST_CURVES, random)]
    learner = _Learner(known, answers, asked[rows], wanted[rows])
    curves = [learner.curve(name, random) for name in chosen]
    net, recall = (np.stack(part) for part in zip(*curves, strict=True))
    return Curves(net, recall, _known(asked, known, wanted, answers))


def _sample(size: int, most: int, random: np.random.Generator) -> list[int]:
    """Places in order: all, or so many drawn from them."""
    return [int(place) for place in np.sort(random.permutation(size)[:most])]


@dataclass(frozen=True)
class _Learner:
    """Training vectors with their answers, and held-out vectors with the right ones."""

    known: Any
    answers: Any
    asked: Any
    wanted: Any

    def curve(self, name: str, random: np.random.Generator) -> tuple[Array, Array]:
        """Net gain and recall (K) of an answer."""
        own = random.permutation(np.flatnonzero(self.answers == name))
        others = np.flatnonzero(self.answers != name)
        mine = self.wanted == name
        right, recall = [], []
        for count in KNOTS:
            hits = self._predict(np.concatenate([others, own[:count]])) == self.wanted
            right.append(float(hits.sum()))
            recall.append(float(hits[mine].mean()))
        return (np.array(right) - right[0]) / mine.sum(), np.maximum.accumulate(recall)

    def _predict(self, taught: Any) -> Any:
        from sklearn.naive_bayes import ComplementNB

        model = ComplementNB().fit(self.known[taught], self.answers[taught].astype(str))
        return model.predict(self.asked).astype(object)


def _known(asked: Any, known: Any, wanted: Any, answers: Any) -> Array:
    """How many training records each row has (see `Curves.known`)."""
    table = known.T.tocsr()
    blocks = [(asked[start : start + BLOCK] @ table).toarray() for start in range(0, asked.shape[0], BLOCK)]
    bound = float(np.quantile(np.concatenate([block.max(axis=1) for block in blocks]), NEAR_QUANTILE))
    rows = (row for block in blocks for row in block)
    near = np.array([float(((row >= bound) & (answers == name)).sum()) for row, name in zip(rows, wanted, strict=True)])
    of = np.array([float((answers == name).sum()) for name in wanted])
    share = near.sum() / max(of.sum(), 1.0)
    found: Array = np.minimum(near / max(share, 1e-9), of)
    return found
