"""Building the index: hash every text of the benchmarks once, and leave out what is template rather than content.

What more than ten rows of a benchmark share ("Answer the question below with one of ...") is its template. Brown et al.
(2020, arXiv:2005.14165, appendix C) ignore 13-grams of more than ten training documents for the same reason; rows of
the benchmark are counted here, so that a record can be judged without the others.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from kitae.core.text import is_japanese
from kitae.data.contamination.index import NGRAM, WINDOW, Index, Item, Limits, Near, Table
from kitae.data.contamination.words import TURN, Hashed, grams

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TEMPLATE_ROWS = 10
"""What more rows than these share is template."""


def build_index(items: Sequence[Item], limits: Limits) -> Index:
    """The index of these rows."""
    import numpy as np

    said = [text for item in items for text in (item.question, item.answer)]
    written = tuple(" ".join(text) for text in said)
    japanese = np.array([is_japanese(text) for text in written], dtype=np.bool_)
    hashed = [Hashed.of_words(text) for text in said]
    windows, template, near = {}, {}, {}
    for is_ja in (False, True):
        of_language = np.flatnonzero(japanese == is_ja).tolist()
        windows[is_ja], template[is_ja] = _windows(hashed, of_language, WINDOW[is_ja])
        questions = [text for text in of_language if text % 2 == 0]
        if limits.near is not None:
            near[is_ja] = _near(said, questions, NGRAM[is_ja], limits.near)
    return Index(
        items=tuple((item.benchmark, item.row) for item in items),
        texts=written,
        japanese=japanese,
        limits=limits,
        whole=_whole(hashed, [WINDOW[is_ja] for is_ja in japanese.tolist()]),
        windows=windows,
        template=template,
        near=near,
    )


def _table(hashed: Sequence[Hashed], texts: Sequence[int], of_text: Callable[[Hashed], "NDArray[np.uint64]"]) -> Table:
    """A table of the hashes that `of_text` gives for each text."""
    import numpy as np

    found = [of_text(hashed[text]) for text in texts]
    owners = np.repeat(np.asarray(texts, dtype=np.int64), [len(hashes) for hashes in found])
    return Table.of(np.concatenate([np.empty(0, np.uint64), *found]), owners)


def _windows(hashed: Sequence[Hashed], texts: Sequence[int], size: int) -> "tuple[Table, NDArray[np.uint64]]":
    """All windows of `size` words but those of the template, and the hashes of these."""
    return _without_template(_table(hashed, texts, lambda text: text.windows(size)))


def _whole(hashed: Sequence[Hashed], least: Sequence[int]) -> Table:
    """Whole questions, and whole answers of at least so many words that are not those of many rows."""
    import numpy as np

    def whole(text: Hashed) -> "NDArray[np.uint64]":
        return text.pieces(np.array([0]), np.array([len(text.sums) - 1]))

    questions = [text for text in range(0, len(hashed), 2) if len(hashed[text].sums) > 1]
    answers = [text for text in range(1, len(hashed), 2) if len(hashed[text].sums) > least[text]]
    asked, answered = _table(hashed, questions, whole), _without_template(_table(hashed, answers, whole))[0]
    return Table.of(
        np.concatenate([asked.hashes[asked.spread()], answered.hashes[answered.spread()]]),
        np.concatenate([asked.texts, answered.texts]),
    )


def _without_template(table: Table) -> "tuple[Table, NDArray[np.uint64]]":
    """The table without the hashes that more than `TEMPLATE_ROWS` rows have, and those hashes."""
    import numpy as np

    number = table.spread()
    rows = np.unique(np.stack([number, table.texts // 2]), axis=1)[0]
    often = np.bincount(rows, minlength=len(table.hashes)) > TEMPLATE_ROWS
    stays = ~often[number]
    return Table.of(table.hashes[number][stays], table.texts[stays]), table.hashes[often]


def _near(said: Sequence[Sequence[str]], questions: Sequence[int], size: int, threshold: float) -> Near:
    """The n-grams of each question, and a table of the rarest of each."""
    import numpy as np

    empty = np.empty(0, np.uint64)
    sets = {text: grams(compacted(said[text]), size) for text in questions if said[text]}
    known, often = np.unique(np.concatenate([empty, *sets.values()]), return_counts=True)
    near = Near(known, often, Table.of(empty, np.empty(0, np.int64)), sets)
    rarest = [near.rarest(hashes, threshold) for hashes in sets.values()]
    owners = np.repeat(np.array(list(sets), dtype=np.int64), [len(hashes) for hashes in rarest])
    return replace(near, rare=Table.of(np.concatenate([empty, *rarest]), owners))


def compacted(said: Sequence[str]) -> str:
    """Words without anything between them."""
    return "".join(word for word in said if word != TURN)
