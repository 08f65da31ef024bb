"""Intervals hold what they say: checked by simulation, and against published values."""

import numpy as np
import pytest
from scipy.stats import binom

from kitae.evaluate.intervals import (
    DRAWS,
    clopper_pearson,
    draw,
    paired_difference,
    proportion,
    spread,
    wilson,
)
from kitae.evaluate.metrics import ratio

# Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I: methods 3 and 5.
PUBLISHED = [
    (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
    (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
    (0, 20, (0.0000, 0.1611), (0.0000, 0.1684)),
    (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
]


@pytest.mark.parametrize(("right", "total", "score", "exact"), PUBLISHED)
def test_intervals_of_a_share_equal_the_published_ones(
    right: int, total: int, score: tuple[float, float], exact: tuple[float, float]
) -> None:
    found, sure = wilson(right, total, 0.95), clopper_pearson(right, total, 0.95)
    assert (found.low, found.high) == pytest.approx(score, abs=5e-5)
    assert (sure.low, sure.high) == pytest.approx(exact, abs=5e-5)


# statsmodels 0.15.0, proportion_confint: methods "wilson" and "beta".
STATSMODELS = [
    (8, 10, (0.4901625, 0.9433178), (0.4439045, 0.9747893)),
    (0, 12, (0.0, 0.242494), (0.0, 0.2646485)),
    (57, 200, (0.22695, 0.3511535), (0.2235544, 0.3529427)),
    (199, 200, (0.9722263, 0.9991168), (0.9724581, 0.9998734)),
]


@pytest.mark.parametrize(("right", "total", "score", "exact"), STATSMODELS)
def test_intervals_of_a_share_equal_those_of_statsmodels(
    right: int, total: int, score: tuple[float, float], exact: tuple[float, float]
) -> None:
    found, sure = wilson(right, total, 0.95), clopper_pearson(right, total, 0.95)
    assert (found.low, found.high) == pytest.approx(score, abs=1e-7)
    assert (sure.low, sure.high) == pytest.approx(exact, abs=1e-7)


def test_few_right_or_wrong_rows_take_the_exact_interval() -> None:
    methods = [proportion(right, 40, 0.95).method for right in (0, 4, 5, 35, 36, 40)]
    assert methods == ["clopper-pearson"] * 2 + ["wilson"] * 2 + ["clopper-pearson"] * 2


@pytest.mark.parametrize("rows", [50, 200])
def test_the_interval_of_a_share_covers_as_often_as_it_says(rows: int) -> None:
    counts = np.arange(rows + 1)
    ends = [proportion(int(right), rows, 0.95) for right in counts]
    covered = []
    for share in np.linspace(0.02, 0.98, 97):
        inside = np.array([one.low <= share <= one.high for one in ends])
        covered.append(float(binom.pmf(counts, rows, share)[inside].sum()))
    assert np.mean(covered) == pytest.approx(0.955, abs=0.012)
    assert min(covered) > 0.91


def test_the_paired_difference_equals_the_published_one() -> None:
    # Fagerland, Lydersen and Laake 2014, airway hyper-responsiveness (1, 1, 7, 12): Newcombe -0.507 to -0.026.
    found = paired_difference(1, 1, 7, 12, 0.95)
    assert (found.low, found.high) == pytest.approx((-0.507, -0.026), abs=5e-4)


@pytest.mark.parametrize(
    "shares", [(0.0, 0.9, 0.0, 0.1), (0.3, 0.2, 0.1, 0.4), (0.8, 0.08, 0.04, 0.08), (0.5, 0.1, 0.1, 0.3)]
)
def test_the_paired_difference_covers_as_often_as_it_says(shares: tuple[float, ...]) -> None:
    random = np.random.default_rng(11)
    truth = shares[1] - shares[2]
    tables = random.multinomial(200, shares, size=2000)
    hits = [one.low <= truth <= one.high for one in (paired_difference(*map(int, row), 0.95) for row in tables)]
    assert 0.93 <= np.mean(hits) <= 0.985


def test_swapping_the_systems_mirrors_the_difference() -> None:
    one, two = paired_difference(20, 12, 2, 16, 0.95), paired_difference(20, 2, 12, 16, 0.95)
    assert (one.low, one.high) == pytest.approx((-two.high, -two.low))


def test_the_bootstrap_covers_as_often_as_it_says() -> None:
    random = np.random.default_rng(5)
    hits = []
    for trial in range(300):
        scores = random.beta(0.8, 0.5, size=120)
        statistics = np.stack([scores, np.ones(120)], axis=1)
        found = spread(draw(statistics, ratio, seed=trial, name="mean"), 120, 0.95)
        hits.append(found.low <= 0.8 / 1.3 <= found.high)
    assert 0.91 <= np.mean(hits) <= 0.98


def test_the_spread_of_the_draws_is_the_standard_error_itself() -> None:
    scores = np.random.default_rng(2).random(400)
    draws = draw(np.stack([scores, np.ones(400)], axis=1), ratio, seed=1, name="x")
    assert len(draws) == DRAWS
    assert draws.std() == pytest.approx(scores.std() / 20, rel=0.05)


def test_rows_that_all_agree_give_no_certainty() -> None:
    statistics = np.ones((20, 2))
    found = spread(draw(statistics, ratio, seed=1, name="x"), 20, 0.95)
    assert (found.low, found.high) == pytest.approx((clopper_pearson(20, 20, 0.95).low, 1.0))
    difference = spread(np.zeros(DRAWS), 20, 0.95, least=-1.0)
    assert difference.low == pytest.approx(-difference.high)
    assert 0.1 < difference.high < 0.2


def test_draws_follow_from_seed_and_name_and_are_shared_by_systems() -> None:
    scores = np.random.default_rng(3).random((50, 2))
    statistics = np.stack([scores[:, 0], np.ones(50)], axis=1)
    same = draw(statistics, ratio, seed=4, name="a")
    assert np.array_equal(same, draw(statistics, ratio, seed=4, name="a"))
    assert not np.array_equal(same, draw(statistics, ratio, seed=5, name="a"))
    assert not np.array_equal(same, draw(statistics, ratio, seed=4, name="b"))
    shifted = statistics + np.array([0.25, 0.0])
    assert np.allclose(draw(shifted, ratio, seed=4, name="a") - same, 0.25)
