"""Paired tests: right p-values, few false alarms, and an honest word about what a set can show."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from kitae.evaluate.metrics import ratio
from kitae.evaluate.paired import detectable_mean, detectable_share, holm, mcnemar, randomisation


def means(scores: np.ndarray) -> np.ndarray:
    return np.stack([scores, np.ones(len(scores))], axis=1)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_exact_binomial_test(first: int, second: int) -> None:
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-9)
    assert mcnemar(first, second) == mcnemar(second, first)


def test_mcnemar_published_value() -> None:
    # Fagerland, Lydersen and Laake 2013, airway hyper-responsiveness: 1 against 7, exact conditional p = 0.070.
    assert mcnemar(1, 7) == pytest.approx(0.0703, abs=5e-5)


def test_randomisation_agrees_with_mcnemar_on_hits() -> None:
    one = np.array([1.0] * 30 + [1.0] * 12 + [0.0] * 3 + [0.0] * 15)
    two = np.array([1.0] * 30 + [0.0] * 12 + [1.0] * 3 + [0.0] * 15)
    assert randomisation(means(one), means(two), ratio, seed=1, name="x") == pytest.approx(mcnemar(12, 3), abs=0.008)


def test_randomisation_of_equal_systems_is_certain_of_nothing() -> None:
    same = means(np.random.default_rng(1).random(40))
    assert randomisation(same, same, ratio, seed=1, name="x") == 1.0


def test_randomisation_raises_few_false_alarms() -> None:
    random = np.random.default_rng(8)
    alarms = []
    for trial in range(120):
        one, two = random.beta(2, 1, (2, 60))
        alarms.append(randomisation(means(one), means(two), ratio, seed=trial, name="null") <= 0.05)
    assert 0.01 <= np.mean(alarms) <= 0.09


def test_randomisation_sees_a_clear_difference() -> None:
    random = np.random.default_rng(8)
    one = random.random(80)
    assert randomisation(means(one), means(one * 0.8), ratio, seed=1, name="x") == pytest.approx(2e-4)


def test_holm_published_example() -> None:
    # Four p-values, as in Holm's procedure: 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1 (not falling).
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_mcnemar_and_holm_equal_statsmodels() -> None:
    # statsmodels 0.15.0: mcnemar(exact=True), multipletests(method="holm").
    assert [mcnemar(12, 3), mcnemar(1, 7), mcnemar(20, 20)] == pytest.approx([0.03515625, 0.0703125, 1.0])
    assert holm([0.012, 0.03, 0.2, 0.001]) == pytest.approx([0.036, 0.06, 0.2, 0.004])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_never_lowers_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= q <= 1.0 for p, q in zip(p_values, adjusted, strict=True))
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    assert all(adjusted[i] <= adjusted[j] for i, j in pairwise(order))


def test_holm_of_one_is_itself() -> None:
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


@pytest.mark.parametrize(("rows", "differing"), [(200, 0.1), (200, 0.3), (479, 0.2), (60, 0.0)])
def test_the_detectable_gain_is_seen_four_times_in_five(rows: int, differing: float) -> None:
    gain = detectable_share(rows, differing, 0.95)
    random = np.random.default_rng(4)
    differing = max(differing, gain)
    won, lost = (differing + gain) / 2, (differing - gain) / 2
    tables = random.multinomial(rows, [won, lost, 1 - won - lost], size=1500)
    assert np.mean([mcnemar(int(a), int(b)) <= 0.05 for a, b, _ in tables]) == pytest.approx(0.8, abs=0.035)


def test_two_hundred_rows_show_about_six_points() -> None:
    assert detectable_share(200, 0.1, 0.95) == pytest.approx(0.064, abs=0.002)


def test_more_rows_show_less_and_five_rows_show_nothing() -> None:
    assert detectable_share(800, 0.1, 0.95) < detectable_share(200, 0.1, 0.95) / 1.8
    assert detectable_share(5, 0.1, 0.95) == 1.0


def test_the_detectable_mean_follows_the_standard_error() -> None:
    assert detectable_mean(0.01, 0.95) == pytest.approx(0.0280, abs=1e-4)
