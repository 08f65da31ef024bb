"""Pairs are those of all cosines, whatever cuts them; cells lose few; sums of rounded vectors are exact."""

import numpy as np
import pytest

from kitae.data.meaning import pairs
from kitae.data.meaning.pairs import SCALE, alike, cosines_of, rounded


def always(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.ones(len(ones))


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    draw = np.random.default_rng(0)
    made = draw.normal(size=(3_000, 32))
    made[1_500:] = made[:1_500] + 0.1 * draw.normal(size=(1_500, 32))
    return rounded(made)


def test_all_pairs_of_few_records(vectors: np.ndarray) -> None:
    ones, others, values = alike(vectors, np.arange(len(vectors)), 0.9, always)
    units = vectors / np.linalg.norm(vectors.astype(float), axis=1, keepdims=True)
    assert np.array_equal(np.stack([ones, others], axis=1), np.argwhere(np.triu(units @ units.T >= 0.9, 1)))
    assert len(ones) >= 1_400
    assert values.min() >= 0.9
    assert np.allclose(values, cosines_of(vectors, ones, others))


def test_only_these_rows_and_only_what_else_is_the_same(vectors: np.ndarray) -> None:
    rows = np.arange(0, len(vectors), 2)
    ones, others, values = alike(vectors, rows, 0.9, lambda one, _: np.where(one % 4 == 0, 0.95, -1.0))
    assert len(ones) > 300
    assert not (ones % 4).any()
    assert not (others % 2).any()
    assert values.max() <= 0.95


def test_cells_find_nearly_all_and_nothing_else(vectors: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.arange(len(vectors))
    every = alike(vectors, rows, 0.9, always)
    monkeypatch.setattr(pairs, "EXACT_ROWS", 100)
    monkeypatch.setattr(pairs, "CELL_ROWS", 300)
    some = alike(vectors, rows, 0.9, always)
    found = set(zip(some[0].tolist(), some[1].tolist(), strict=True))
    assert found <= set(zip(every[0].tolist(), every[1].tolist(), strict=True))
    assert len(some[0]) == len(found) >= 0.98 * len(every[0])


def test_pairs_do_not_grow_with_the_square_of_what_is_equal() -> None:
    equal = rounded(np.ones((1_000, 8)))
    ones, others, _ = alike(equal, np.arange(1_000), 0.9, always)
    assert len(ones) <= pairs.PAIRS_OF_A_ROW * 1_000
    assert set(others.tolist()) == set(range(1, 1_000))


@pytest.mark.parametrize("width", [2, 128, 3_072])
def test_products_are_whole_numbers_that_float32_holds(width: int) -> None:
    made = rounded(np.random.default_rng(1).normal(size=(200, width))).astype(np.float32)
    exact = made.astype(np.int64) @ made.astype(np.int64).T
    assert np.abs(exact).max() < 2**24
    assert np.array_equal(made @ made.T, exact)
    assert np.allclose(np.sqrt(np.diag(exact)), SCALE, rtol=0.01)


def test_a_zero_vector_is_alike_nobody() -> None:
    made = rounded(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [2.0, 0.0]]))
    assert [part.tolist() for part in alike(made, np.arange(4), 0.5, always)] == [[1], [3], [1.0]]


def test_no_records_have_no_pairs() -> None:
    nothing = np.zeros((0, 1), np.int16)
    assert [len(part) for part in alike(nothing, np.arange(0), 0.9, always)] == [0, 0, 0]
