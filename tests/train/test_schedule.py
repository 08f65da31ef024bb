"""The step plan: every row once an epoch, steps of nearly equal size, packing that loses nothing, all from the seed."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitae.errors import NothingToLearn
from kitae.train.packing import UNITS, drawn, pack, schedule

LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=120)


@given(LENGTHS, st.integers(50, 2000), st.integers(1, 3), st.integers(0, 5))
def test_every_row_once_an_epoch(lengths: list[int], tokens: int, epochs: int, seed: int) -> None:
    plan = schedule(lengths, tokens_per_step=tokens, epochs=epochs, seed=seed)
    assert len(plan) == plan.steps_per_epoch * epochs
    assert all(plan.steps)
    for epoch in range(epochs):
        steps = plan.steps[epoch * plan.steps_per_epoch : (epoch + 1) * plan.steps_per_epoch]
        assert sorted(row for step in steps for row in step) == list(range(len(lengths)))


@given(LENGTHS, st.integers(300, 2000))
def test_steps_are_near_the_wanted_size(lengths: list[int], tokens: int) -> None:
    plan = schedule(lengths, tokens_per_step=tokens, epochs=1, seed=0)
    share = sum(lengths) / plan.steps_per_epoch
    if plan.steps_per_epoch < len(lengths) / 4:
        assert all(sum(lengths[i] for i in step) <= share + 2 * max(lengths) for step in plan.steps)


def test_the_order_follows_the_seed_and_changes_with_the_epoch() -> None:
    lengths = list(range(1, 60))
    plans = [schedule(lengths, tokens_per_step=200, epochs=2, seed=seed) for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]
    half = plans[0].steps_per_epoch
    assert plans[0].steps[:half] != plans[0].steps[half:]


def test_a_part_of_an_epoch_is_that_share_of_its_steps() -> None:
    whole = schedule([10] * 100, tokens_per_step=100, epochs=1, seed=3)
    part = schedule([10] * 100, tokens_per_step=100, epochs=0.3, seed=3)
    assert part.steps == whole.steps[:3]
    assert len(schedule([10] * 100, tokens_per_step=100, epochs=0.001, seed=3)) == 1


@given(LENGTHS, st.integers(10, 600))
def test_packing_keeps_every_row_within_the_budget(lengths: list[int], budget: int) -> None:
    bins = pack(range(len(lengths)), lengths, budget=budget)
    assert sorted(row for members in bins for row in members) == list(range(len(lengths)))
    for members in bins:
        size = sum(lengths[i] for i in members)
        assert size <= budget or len(members) == 1
    nearly_empty = [b for b in bins if 2 * sum(lengths[i] for i in b) <= budget]
    assert len(nearly_empty) <= 1, "two bins that are half empty would fit into one"


def test_best_fit_finds_the_tight_packing() -> None:
    lengths = [60, 40, 70, 30, 50, 50]
    assert len(pack(range(6), lengths, budget=100)) == 3


WEIGHTS = st.lists(st.floats(0, 5), min_size=1, max_size=60).filter(lambda weights: sum(weights) > 0.01)


@given(WEIGHTS, st.integers(0, 5))
def test_each_epoch_rounds_every_weight_up_or_down(weights: list[float], seed: int) -> None:
    scale = max(1.0, 1.0 / sum(weights))
    epochs = 3
    plan = schedule([7] * len(weights), tokens_per_step=40, epochs=epochs, seed=seed, weights=weights)
    assert all(plan.steps)
    for epoch in range(epochs):
        steps = plan.steps[epoch * plan.steps_per_epoch : (epoch + 1) * plan.steps_per_epoch]
        times = Counter(row for step in steps for row in step)
        assert all(abs(times[row] - weight * scale) <= 1.0 + 1e-4 for row, weight in enumerate(weights))
        assert abs(times.total() - sum(weights) * scale) <= 1.0 + 1e-3


def test_a_row_is_drawn_as_often_as_its_weight_says_on_average() -> None:
    weights = [0.0, 0.1, 0.5, 1.0, 1.7, 2.0, 3.25]
    times: Counter[int] = Counter()
    epochs = 4000
    for epoch in range(epochs):
        times.update(drawn([round(weight * UNITS) for weight in weights], random.Random(epoch)))
    assert all(abs(times[row] / epochs - weight) < 0.03 for row, weight in enumerate(weights))


@given(LENGTHS, st.integers(50, 2000), st.integers(0, 5))
def test_equal_weights_change_nothing(lengths: list[int], tokens: int, seed: int) -> None:
    plan = schedule(lengths, tokens_per_step=tokens, epochs=2, seed=seed)
    assert schedule(lengths, tokens_per_step=tokens, epochs=2, seed=seed, weights=[1.0] * len(lengths)) == plan


def test_copies_of_a_row_are_spread_over_the_epoch() -> None:
    plan = schedule([10] * 50, tokens_per_step=10, epochs=1, seed=3, weights=[25.0, *[25.0 / 49] * 49])
    places = [place for place, step in enumerate(plan.steps) if 0 in step]
    assert places[0] < len(plan) / 4
    assert places[-1] > len(plan) * 3 / 4


def test_nothing_to_learn_when_every_weight_is_zero() -> None:
    with pytest.raises(NothingToLearn, match="weight 0"):
        schedule([5, 5], tokens_per_step=10, epochs=1, seed=0, weights=[0.0, 0.0])
