"""Slices that fail more often than the rest: every property of the rows is tried, and the trying is paid for.

A property is a yes or no of each row (a language, a label, a source, a value of the user's columns, a length among the
shortest or longest quarter, rare or unseen words). Its rows are tested against all others, and the p-values corrected
by Holm's method for the number of properties: where nothing is wrong, a false alarm comes in at most 1 - `confidence`
of all analyses.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kitae.evaluate.intervals import proportion
from kitae.evaluate.metrics.words import Words, words_of
from kitae.evaluate.mistakes.items import Item, recurring
from kitae.evaluate.paired import holm

Mask = NDArray[np.bool_]
LEAST_ROWS = 8
"""Rows that a slice and the rest must have."""
MOST_VALUES = 30
"""A column with more different values is no property of rows (an id, a text)."""
RARE = 3
"""A word in fewer training questions than this is rare."""
Names = dict[str, str]


@dataclass(frozen=True)
class Slice:
    """Rows with a property in common: its name in both languages, and which rows."""

    names: Names
    rows: Mask


def find_slices(items: Sequence[Item], train: Sequence[tuple[str, str]], confidence: float) -> dict[str, Any]:
    """The slices that fail more often than the rest, most surplus failures first, and how many were tried.

    `train` are questions of the training split with their languages.
    """
    wrong = np.array([not item.right for item in items], dtype=bool)
    tried = list(properties(items, train))
    found = []
    for one, p_value in zip(tried, corrected(wrong, [one.rows for one in tried]), strict=True):
        if p_value <= 1 - confidence + 1e-12:
            found.append(_described(one, wrong, p_value, confidence))
    found.sort(key=lambda row: (-row["surplus"], row["name"]["en"]))
    return {"tried": len(tried), "found": found}


def corrected(wrong: Mask, slices: Sequence[Mask]) -> list[float]:
    """Corrected p-values that each slice fails more often than the rest (Fisher's exact test, one-sided, Holm)."""
    from scipy.stats import hypergeom

    rows, failures = len(wrong), int(wrong.sum())
    raw = [float(hypergeom.sf(int((wrong & one).sum()) - 1, rows, failures, int(one.sum()))) for one in slices]
    return holm(raw)


def properties(items: Sequence[Item], train: Sequence[tuple[str, str]]) -> Iterator[Slice]:
    """Every property of the rows that enough have and enough lack, each set of rows once."""
    seen: set[bytes] = set()
    for names, rows in _candidates(items, train):
        least = min(int(rows.sum()), len(rows) - int(rows.sum()))
        if least >= LEAST_ROWS and rows.tobytes() not in seen:
            seen.add(rows.tobytes())
            yield Slice(names, rows)


def _described(one: Slice, wrong: Mask, p_value: float, confidence: float) -> dict[str, Any]:
    inside, outside = wrong[one.rows], wrong[~one.rows]
    ends = proportion(int(inside.sum()), len(inside), confidence)
    return {
        "name": one.names,
        "rows": len(inside),
        "wrong": int(inside.sum()),
        "rate": round(float(inside.mean()), 6),
        "interval": [round(ends.low, 6), round(ends.high, 6)],
        "rest_rate": round(float(outside.mean()), 6),
        "surplus": round(float(inside.sum() - len(inside) * outside.mean()), 3),
        "p_adjusted": float(f"{p_value:.6g}"),
    }


def _candidates(items: Sequence[Item], train: Sequence[tuple[str, str]]) -> Iterator[tuple[Names, Mask]]:
    for column, values in _columns(items).items():
        yield from _by_value(column, values)
    yield from _by_size({"en": "question", "ja": "質問"}, [len(item.question) for item in items])
    if not recurring(items):
        yield from _by_size({"en": "right answer", "ja": "正解"}, [len(item.reference) for item in items])
    for names, has in FORMS.items():
        yield {"en": names[0], "ja": names[1]}, np.array([has(item) for item in items], dtype=bool)
    yield from _by_words(items, train)


FORMS: Mapping[tuple[str, str], Callable[[Item], bool]] = {
    ("question was not seen in training", "学習データにない質問"): lambda item: not item.seen,
    ("question was seen in training", "学習データにある質問"): lambda item: item.seen,
    ("later turn of a conversation", "会話の2回目以降の質問"): lambda item: item.turns > 1,
    ("question has a digit", "数字を含む質問"): lambda item: any(c.isdigit() for c in item.question),
    ("question asks for several things", "複数の文からなる質問"): lambda item: _sentences(item.question) > 1,
}


def _sentences(text: str) -> int:
    return sum(bool(part.strip()) for part in text.replace("。", ".").replace("？", "?").replace("?", ".").split("."))


def _columns(items: Sequence[Item]) -> dict[tuple[str, str], list[str]]:
    """Values by column: what every row has, then the user's own columns."""
    columns = {
        ("language", "言語"): [item.language for item in items],
        ("label", "ラベル"): [item.reference for item in items],
        ("source", "出どころ"): [item.source for item in items],
    }
    for name in sorted({key for item in items for key in item.meta}):
        columns[name, name] = [str(item.meta.get(name, "")) for item in items]
    return columns


def _by_value(column: tuple[str, str], values: Sequence[str]) -> Iterator[tuple[Names, Mask]]:
    """One slice for each value that recurs; a column of numbers with many values gives its quarters instead."""
    counts = Counter(values)
    if len(counts) > MOST_VALUES and column[0] != "label":
        numbers = [_number(value) for value in values]
        if all(number is not None for number in numbers):
            yield from _by_size({"en": column[0], "ja": column[1]}, [float(number or 0) for number in numbers])
        return
    table = np.array(values, dtype=object)
    for value in sorted(counts):
        if counts[value] >= LEAST_ROWS and value:
            yield {"en": f"{column[0]}: {value}", "ja": f"{column[1]}：{value}"}, table == value


def _by_size(what: Names, sizes: Sequence[float]) -> Iterator[tuple[Names, Mask]]:
    """The lowest and the highest quarter."""
    table = np.array(sizes, dtype=float)
    if not len(table):
        return
    low, high = np.quantile(table, [0.25, 0.75])
    units = (
        {"en": "", "ja": ""} if what["en"] not in {"question", "right answer"} else {"en": " characters", "ja": "字"}
    )
    yield (
        {"en": f"{what['en']}: at most {low:g}{units['en']}", "ja": f"{what['ja']}：{low:g}{units['ja']}以下"},
        table <= low,
    )
    yield (
        {"en": f"{what['en']}: at least {high:g}{units['en']}", "ja": f"{what['ja']}：{high:g}{units['ja']}以上"},
        table >= high,
    )


def _by_words(items: Sequence[Item], train: Sequence[tuple[str, str]]) -> Iterator[tuple[Names, Mask]]:
    known = Counter(word for question, language in train for word in set(words_in(question, language)))
    least = [min((known[word] for word in words_in(item.question, item.language)), default=RARE) for item in items]
    table = np.array(least, dtype=int)
    yield {"en": "a word that training never saw", "ja": "学習データにない単語を含む"}, table == 0
    yield {"en": f"a word in fewer than {RARE} training questions", "ja": "まれな単語を含む"}, table < RARE


def words_in(text: str, language: str) -> list[str]:
    """Words of a text: English and Japanese as the metrics cut them, other languages at what is no letter."""
    cut = _cutter(language)
    if cut is not None:
        return list(cut.tokens(text))
    return "".join(c if c.isalnum() else " " for c in text.casefold()).split()


@cache
def _cutter(language: str) -> Words | None:
    return words_of(language)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
