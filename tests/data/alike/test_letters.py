"""The forms of many texts at once are those of one text at a time, for any text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitae.core.text import compact, is_japanese, ngrams, normalise
from kitae.data.alike.grams import gram_sets, similarities
from kitae.data.alike.letters import compacted, japanese, normalised, text_of
from kitae.data.alike.ragged import Ragged, blocks

HOSTILE = [
    "",
    " ",
    "\u3000  か\u3099 \u200b ﾊﾟｿｺﾝ ",
    "ａＢＣ　１２３…㈱㎡½",
    "Straße İstanbul ﬁn",
    "각 ᄀ\u1161\u11a8 ﾡￂ",
    "👨‍👩‍👧 𠮷野家 𝟙𝟚 \U0002f800 丽",
    "\ud800 x \udfff",
    "e\u0301\u0327 ﷺ \x1c\x85\u2028end",
    "a\0b",
]
texts = st.lists(st.one_of(st.text(), st.sampled_from(HOSTILE), st.text("aB ぁア漢０1\u3099\u0301　\n")), max_size=8)


@given(texts)
def test_forms_equal_those_of_single_texts(rows: list[str]) -> None:
    forms = normalised(rows)
    assert [text_of(forms.row(i)) for i in range(len(rows))] == [normalise(row) for row in rows]
    short = compacted(forms)
    assert [text_of(short.row(i)) for i in range(len(rows))] == [compact(row) for row in rows]
    assert japanese(short).tolist() == [is_japanese(compact(row)) for row in rows]


@pytest.mark.parametrize("row", HOSTILE)
def test_hostile_texts_one_by_one(row: str) -> None:
    assert text_of(normalised([row]).row(0)) == normalise(row)
    assert text_of(compacted(normalised([row])).row(0)) == compact(row)


@given(texts)
def test_sets_are_as_alike_as_their_ngrams(rows: list[str]) -> None:
    sets = [ngrams(row, 3 if is_japanese(row) else 5) for row in map(compact, rows)]
    hashed = gram_sets(units(rows))
    assert hashed.lengths.tolist() == [len(one) for one in sets]
    ones, others = (side.ravel() for side in np.indices((len(rows), len(rows))))
    found = similarities(hashed, ones, others).reshape(len(rows), len(rows))
    for i, one in enumerate(sets):
        for j, other in enumerate(sets):
            assert found[i, j] == pytest.approx(len(one & other) / max(1, len(one | other)))


def units(rows: list[str]) -> Ragged:
    return compacted(normalised(rows))


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 20))
def test_blocks_are_all_of_it_and_heavy_only_when_one_item_is(weights: list[int], budget: int) -> None:
    slices = list(blocks(np.array(weights, dtype=np.int64), budget))
    assert [w for one in slices for w in weights[one]] == weights
    for one in slices:
        assert one.stop - one.start == 1 or sum(weights[one]) <= budget
