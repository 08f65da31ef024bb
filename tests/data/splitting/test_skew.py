"""The test of skew: the chi-square distribution where it holds, random tables where it does not, and the size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, fisher_exact

from kitae.data.skew import Table, skew

SIDES = ("train", "validation", "test")


def found(*rows: list[int], what: str = "labels") -> dict[str, object]:
    counts = np.array(rows, dtype=np.int64)
    return skew(Table(SIDES[: len(rows)], tuple(f"l{n}" for n in range(counts.shape[1])), counts), what=what)


def test_large_tables_are_judged_by_the_distribution() -> None:
    rows = [800, 400, 210], [100, 60, 20], [95, 55, 25]
    got = found(*rows)
    want = chi2_contingency(np.array(rows))
    assert got["p_from"] == "chi-square distribution"
    assert got["p_value"] == pytest.approx(want.pvalue, abs=1e-6)
    assert got["statistic"] == pytest.approx(want.statistic, abs=1e-4)


@pytest.mark.parametrize("rows", [([8, 2], [1, 5]), ([40, 3], [3, 4]), ([12, 4], [3, 1])])
def test_small_tables_are_judged_as_the_exact_test_does(rows: tuple[list[int], list[int]]) -> None:
    got = found(*rows)
    assert got["p_from"] == "random tables"
    assert got["p_value"] == pytest.approx(fisher_exact(rows).pvalue, abs=0.03)


def test_the_size_of_a_skew_is_said() -> None:
    slight = found([100_000, 100_000], [10_000, 10_600])
    assert slight["p_value"] < 0.001
    assert "negligible" in str(slight["sentence"])
    whole = found([500, 0], [0, 500])
    assert whole["cramers_v"] == pytest.approx(1.0)
    assert "large" in str(whole["sentence"])
    assert whole["lacking"] == {"train": ["l1"], "validation": ["l0"]}


@given(st.lists(st.lists(st.integers(0, 6), min_size=3, max_size=3), min_size=3, max_size=3))
def test_any_table_has_an_answer(rows: list[list[int]]) -> None:
    got = found(*rows)
    if got:
        assert 0.0 < got["p_value"] <= 1.0  # type: ignore[operator]
        assert 0.0 <= got["cramers_v"] <= 1.0 + 1e-9  # type: ignore[operator]
        assert got == found(*rows)


@pytest.mark.parametrize("rows", [([5, 0], [3, 0]), ([5, 3],), ([0, 0], [0, 0]), ([5, 3], [0, 0])])
def test_nothing_to_compare(rows: tuple[list[int], ...]) -> None:
    assert found(*rows) == {}


def test_very_many_labels_are_no_trap() -> None:
    chance = np.random.default_rng(1)
    got = found(*(chance.integers(0, 3, size=20_000).tolist() for _ in range(3)))
    assert 0.0 < got["p_value"] <= 1.0  # type: ignore[operator]
