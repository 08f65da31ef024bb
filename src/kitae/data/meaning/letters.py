"""Vectors from letters: TF-IDF of character n-grams, reduced by a truncated SVD (latent semantic analysis).

Source: Deerwester et al. 1990, "Indexing by latent semantic analysis"; the SVD is that of Halko, Martinsson and Tropp
2011 (arXiv:0909.4061) with a fixed seed. It is learnt from a sample of the records at hand. Two texts are near when
they are made of the same pieces of words: other orders, particles, spellings; it knows no synonym that the sample does
not show, and hardly sees a "not". Since what tells two short sentences apart is often one word (和食, 洋食), they must
have nearly all words of their own meaning in common as well (`same_words`).
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from kitae.core.text import normalise
from kitae.data.alike.ragged import Array

DIMENSIONS = 128
GRAMS = (1, 3)
TERMS = 50_000
"""The most frequent n-grams are counted."""
LEARNT_CHARACTERS = 4_000_000
"""The sample it is learnt from holds no more, so that memory does not grow with the data."""
LONGEST = 2_000
"""Of a text only so many characters are looked at, its last ones."""
TEXTS_AT_ONCE = 512
SAME_WORDS = 0.8
"""Share of the words of both texts that must stand in both."""
WORD = re.compile(r"[一-鿿々]|[ァ-ヺー]{2,}|[0-9]+|[^\W\d_ぁ-ヿ一-鿿々]{4,}")
"""Kanji, words in katakana, numbers, longer words of other writings: hiragana and short words carry grammar."""
NUMERALS = frozenset("一二三四五六七八九十百千万")
STEM = 5
"""Of a longer word so many letters count, so that endings do not."""


def learn_letters(texts: Sequence[str], path: Path) -> None:
    """Learn terms, weights and directions from some texts, and write them as an `.npz` file. Ends early at the bound.

    `terms` [terms], `idf` [terms], `directions` float32 [terms, dimensions].
    """
    from sklearn.decomposition import TruncatedSVD
    from threadpoolctl import threadpool_limits

    counter = _counter()
    with threadpool_limits(1):  # sums in another order would be another model
        weights = counter.fit_transform(_bounded(texts) or ["-"])
        most = min(weights.shape) - 1
        if most < 1:
            directions = np.eye(weights.shape[1], dtype=np.float32)
        else:
            svd = TruncatedSVD(min(DIMENSIONS, most), n_iter=4, random_state=0).fit(weights)
            directions = svd.components_.T.astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".partial.npz")
    np.savez(aside, terms=counter.get_feature_names_out().astype(str), idf=counter.idf_, directions=directions)
    aside.replace(path)


def letter_vectors(texts: Sequence[str], model: Path) -> Array:
    """A vector for each text, float32 [texts, dimensions]; the same for a text whatever stands beside it."""
    counter, directions = _opened(model)
    pieces = [np.zeros((0, directions.shape[1]), dtype=np.float32)]
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        weights = counter.transform([_form(text) for text in texts[start : start + TEXTS_AT_ONCE]])
        pieces.append((weights.astype(np.float32) @ directions).astype(np.float32))
    return np.concatenate(pieces)


def same_words(one: str, other: str) -> bool:
    """Whether two texts have nearly all words in common that have a meaning of their own, and all numbers in kanji."""
    a, b = _words(one), _words(other)
    return a & NUMERALS == b & NUMERALS and len(a & b) >= SAME_WORDS * len(a | b)


@lru_cache(maxsize=1 << 12)
def _words(text: str) -> frozenset[str]:
    return frozenset(word if word[0] >= "ァ" else word[:STEM] for word in WORD.findall(_form(text)))


@lru_cache(maxsize=1)
def _opened(model: Path) -> tuple[Any, Array]:
    with np.load(model) as file:
        counter = _counter(vocabulary=file["terms"].tolist())
        counter.idf_ = file["idf"]
        return counter, file["directions"]


def _counter(**fixed: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    limits = fixed or {"max_features": TERMS}
    return TfidfVectorizer(
        analyzer="char", ngram_range=GRAMS, sublinear_tf=True, lowercase=False, dtype=np.float32, **limits
    )


def _bounded(texts: Sequence[str]) -> list[str]:
    """The first texts, as many as the bound allows."""
    taken, characters = [], 0
    for text in filter(str.strip, texts):
        taken.append(_form(text))
        characters += len(taken[-1])
        if characters >= LEARNT_CHARACTERS:
            break
    return taken


def _form(text: str) -> str:
    return normalise(text[-LONGEST:])
