"""The step plan: every row once an epoch, steps of nearly equal size, packing that loses nothing, all from the seed."""

from hypothesis import given
from hypothesis import strategies as st

from kitae.train.packing import pack, schedule

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
