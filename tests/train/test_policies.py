"""Rate, guard and early stopping, and that each goes on from its saved state."""

import json
import math
from itertools import pairwise
from typing import Any, get_args

import pytest

from kitae.core.resolved import ResolvedTrain
from kitae.core.train_settings import EarlyStopping, ScheduleSettings
from kitae.errors import TrainingDiverged
from kitae.train.policies import FALLS, Guard, Stopper, rate_of


def loop(**changes: Any) -> ResolvedTrain:
    values: dict[str, Any] = {
        "epochs": 1, "learning_rate": 1e-3, "tokens_per_step": 100, "max_row_tokens": 50, "precision": "fp32",
        "schedule": ScheduleSettings(warmup_share=0.1), "weight_decay": 0.0, "max_gradient_norm": 1.0, "validations": 1,
        "checkpoint_seconds": 1.0, "early_stopping": None,
    }  # fmt: skip
    return ResolvedTrain(**{**values, **changes})


def test_the_rate_rises_peaks_and_falls_to_its_share() -> None:
    rates = [rate_of(step, 100, loop()) for step in range(100)]
    assert rates[0] == pytest.approx(1e-4)
    assert rates[9] == rates[10] == max(rates) == pytest.approx(1e-3)
    assert rates[-1] == pytest.approx(4e-5)
    assert all(a < b for a, b in pairwise(rates[:10]))
    assert all(a > b for a, b in pairwise(rates[10:]))


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("warmup", [0.0, 0.06, 0.9])
@pytest.mark.parametrize("kind", sorted(FALLS))
def test_short_trainings_have_a_rate_in_every_step(steps: int, warmup: float, kind: Any) -> None:
    wanted = loop(schedule=ScheduleSettings(kind=kind, warmup_share=warmup))
    assert all(0 < rate_of(step, steps, wanted) <= 1e-3 for step in range(steps))


def rates_of(**schedule: Any) -> list[float]:
    return [1e3 * rate_of(step, 100, loop(schedule=ScheduleSettings(**schedule))) for step in range(100)]


def test_linear_falls_by_equal_amounts_to_its_share() -> None:
    rates = rates_of(kind="linear", warmup_share=0.0, final_rate_share=0.01)
    assert [a - b for a, b in pairwise(rates)] == pytest.approx([0.01] * 99)
    assert rates[-1] == pytest.approx(0.01)


def test_constant_stays_at_the_peak() -> None:
    assert rates_of(kind="constant", warmup_share=0.1)[9:] == pytest.approx([1.0] * 91)


def test_wsd_is_stable_until_its_decay() -> None:
    rates = rates_of(kind="wsd", warmup_share=0.1, decay_share=0.2, final_rate_share=0.0)
    assert rates[9:81] == pytest.approx([1.0] * 72)
    assert all(a > b for a, b in pairwise(rates[80:]))
    assert rates[-1] == pytest.approx(0.0)


def test_every_kind_of_the_recipe_has_its_fall() -> None:
    assert set(get_args(ScheduleSettings.model_fields["kind"].annotation)) == set(FALLS)


def test_the_guard_lets_usual_steps_through() -> None:
    guard = Guard()
    assert [guard.judge(2.0, 1.0 + 0.1 * (i % 7)) for i in range(100)] == [None] * 100
    assert guard.skipped == 0


@pytest.mark.parametrize(
    ("loss", "norm", "words"),
    [
        (math.nan, 1.0, "loss is nan"),
        (math.inf, 1.0, "loss is inf"),
        (1.0, math.nan, "norm is nan"),
        (1.0, 500.0, "times"),
    ],
)
def test_the_guard_names_a_bad_step(loss: float, norm: float, words: str) -> None:
    guard = Guard()
    for _ in range(30):
        guard.judge(2.0, 1.0)
    assert words in (guard.judge(loss, norm) or "")
    assert guard.skipped == 1
    assert guard.judge(2.0, 1.0) is None


def test_the_guard_gives_up_when_it_does_not_end() -> None:
    guard = Guard(patience=3)
    guard.judge(math.nan, 1.0)
    guard.judge(1.0, 1.0)
    guard.judge(math.nan, 1.0)
    guard.judge(math.nan, 1.0)
    with pytest.raises(TrainingDiverged, match="3 steps in a row") as caught:
        guard.judge(math.nan, 1.0)
    assert caught.value.exit_code == 1


def test_a_new_usual_is_learned() -> None:
    guard = Guard(patience=100)
    for _ in range(30):
        guard.judge(2.0, 1.0)
    verdicts = [guard.judge(2.0, 30.0) for _ in range(60)]
    assert verdicts[0]
    assert verdicts[-1] is None


def test_patience_counts_validations_without_gain() -> None:
    stopper = Stopper(EarlyStopping(patience=2, min_delta=0.1))
    assert [stopper.look(loss, step) for step, loss in enumerate((3.0, 2.0, 1.95, 1.5, 1.45))] == [
        True,
        True,
        False,
        True,
        False,
    ]
    assert not stopper.stop
    stopper.look(1.44, 5)
    assert stopper.stop
    assert (stopper.best, stopper.best_step) == (1.5, 3)


def test_without_settings_it_never_stops() -> None:
    stopper = Stopper(None)
    for step in range(50):
        stopper.look(float(step), step)
    assert not stopper.stop


def test_policies_go_on_from_their_saved_state() -> None:
    guard, stopper = Guard(), Stopper(EarlyStopping(patience=2))
    for step in range(25):
        guard.judge(1.0, 1.0 + step)
    guard.judge(math.nan, 1.0)
    for saved in (False, True):
        other_guard, other = Guard(), Stopper(EarlyStopping(patience=2))
        if saved:
            stopper.look(2.0, 1)
        other_guard.restore(json.loads(json.dumps(guard.state(), allow_nan=False)))
        other.restore(json.loads(json.dumps(stopper.state(), allow_nan=False)))
        assert other_guard == guard
        assert other == stopper
