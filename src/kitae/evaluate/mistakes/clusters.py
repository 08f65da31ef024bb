"""Failures that are alike, under names that people can read: the words that tell them from the other rows.

k-means on TF-IDF of words and characters (latent semantic space), seeded; names are the words with the highest mean
TF-IDF in the cluster over that in all rows.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kitae.core.text import KANA
from kitae.evaluate.mistakes.items import Item
from kitae.evaluate.mistakes.slices import words_in

MOST_CLUSTERS = 12
LEAST_ROWS = 3
"""Smaller clusters are no pattern, and are left out."""
DIMENSIONS = 40
NAME_WORDS = 3
CHARACTERS = (2, 3)


def clusters(items: Sequence[Item], *, seed: int = 0) -> list[dict[str, Any]]:
    """Clusters of the failures, most failures first.

    Each has a `name`, the positions of its failures (`wrong`, the most typical first), how many `rows` of the set are
    nearest to it, right ones included, and the `rate` of failures among those.
    """
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    wrong = [place for place, item in enumerate(items) if not item.right]
    if len(wrong) < 2 * LEAST_ROWS:
        return []
    count = min(MOST_CLUSTERS, max(2, round((len(wrong) / 2) ** 0.5)))
    words, names = _word_table(items)
    letters = _letters(items)
    from scipy.sparse import hstack

    table = hstack([words, letters]).tocsr()
    size = min(DIMENSIONS, min(table.shape) - 1)
    space = normalize(TruncatedSVD(size, random_state=seed).fit_transform(table)) if size >= 1 else table.toarray()
    model = KMeans(count, n_init=4, random_state=seed).fit(space[wrong])
    nearest = model.predict(space)
    far = model.transform(space)
    found = []
    for number in range(count):
        members = sorted((place for place in wrong if nearest[place] == number), key=lambda p: (far[p, number], p))
        if len(members) < LEAST_ROWS:
            continue
        rows = int((nearest == number).sum())
        found.append(
            {
                "name": _name(words, names, members, items),
                "wrong": members,
                "rows": rows,
                "rate": round(len(members) / rows, 6),
            }
        )
    return sorted(found, key=lambda one: (-len(one["wrong"]), one["name"]))


def telling_words(items: Sequence[Item], groups: Sequence[Sequence[int]]) -> list[str]:
    """A name for each group of rows: the words that tell it from all rows."""
    words, names = _word_table(items)
    return [_name(words, names, group, items) for group in groups]


def _word_table(items: Sequence[Item]) -> tuple[Any, list[str]]:
    """TF-IDF of words, and the words."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    cut = [" ".join(w for w in words_in(item.question, item.language) if _tells(w)) or "-" for item in items]
    vectors = TfidfVectorizer(tokenizer=str.split, token_pattern=None, lowercase=False, sublinear_tf=True)
    table = vectors.fit_transform(cut)
    return table, list(vectors.get_feature_names_out())


def _letters(items: Sequence[Item]) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(analyzer="char", ngram_range=CHARACTERS, sublinear_tf=True, max_features=20_000)
    return vectors.fit_transform([item.question or "-" for item in items])


def _tells(word: str) -> bool:
    """Whether a word says something: no English function word, no sign, no particle or ending in hiragana."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    hiragana = all("\N{HIRAGANA LETTER SMALL A}" <= c <= "\N{HIRAGANA LETTER SMALL KE}" for c in word)
    short = len(word) < 2 and (word.isascii() or bool(KANA.match(word)))
    return word.casefold() not in ENGLISH_STOP_WORDS and not hiragana and not short and any(map(str.isalnum, word))


def _name(words: Any, names: Sequence[str], members: Sequence[int], items: Sequence[Item]) -> str:
    """The most telling words; where there are none, the most typical question."""
    gain = np.asarray(words[members].mean(axis=0) - words.mean(axis=0)).ravel()
    order = sorted(range(len(names)), key=lambda place: (-round(float(gain[place]), 9), names[place]))
    told = [names[place] for place in order[:NAME_WORDS] if gain[place] > 0 and names[place] != "-"]
    return ", ".join(told) or items[members[0]].question[:40]
