"""The policies beside the loop: the rate of each step, the guard on bad steps, when to stop early.

Each is a small object whose state is plain values, so that a resumed training decides as the uninterrupted one.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from kitae.core.resolved import ResolvedTrain
from kitae.core.train_settings import EarlyStopping
from kitae.errors import TrainingDiverged


def rate_of(step: int, steps: int, settings: ResolvedTrain) -> float:
    """Learning rate of step `step` (from 0) of `steps`: a linear warm-up, then as the schedule's kind says."""
    plan = settings.schedule
    warmup = math.ceil(plan.warmup_share * steps)
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    begin = max(warmup, steps - math.ceil(plan.decay_share * steps)) if plan.kind == "wsd" else warmup
    done = min(1.0, max(0, step - begin) / max(1, steps - 1 - begin))
    height = FALLS[plan.kind](done)
    return settings.learning_rate * (plan.final_rate_share + (1 - plan.final_rate_share) * height)


def _cosine(done: float) -> float:
    """Source: Loshchilov and Hutter 2017 (arXiv:1608.03983), equation 5, without restarts."""
    return 0.5 * (1 + math.cos(math.pi * done))


FALLS: dict[str, Callable[[float], float]] = {
    "cosine": _cosine,
    "linear": lambda done: 1.0 - done,
    "constant": lambda _done: 1.0,
    # Hu et al. 2024 (arXiv:2404.06395, section 4.2): the stable stage is before, this is the decay.
    "wsd": lambda done: 1.0 - done,
}
"""How high the rate stands above its end, from 1 to 0, by the share of the fall that is done."""


@dataclass
class Guard:
    """Says whether a step may be applied.

    A step whose loss or gradient is not finite, or whose gradient is far above what was usual, is left out; the
    weights then stay at the last good state.
    """

    spike: float = 20.0
    """A gradient norm this many times the usual one is a spike."""
    memory: int = 50
    """Steps that "usual" looks back on."""
    learn: int = 20
    """Steps before spikes are judged: at first the norm falls fast."""
    patience: int = 5
    """Bad steps in a row that end the training."""
    norms: list[float] = field(default_factory=list)
    in_a_row: int = 0
    skipped: int = 0

    def judge(self, loss: float, norm: float) -> str | None:
        """None when the step is good, else what is wrong with it. Raises `TrainingDiverged` when it does not end."""
        fault = self._fault(loss, norm)
        if math.isfinite(norm):
            self.norms = [*self.norms, norm][-self.memory :]
        if fault is None:
            self.in_a_row = 0
            return None
        self.in_a_row += 1
        self.skipped += 1
        if self.in_a_row >= self.patience:
            raise TrainingDiverged(
                f"{self.in_a_row} steps in a row could not be used",
                got=fault,
                hint="Lower train.learning_rate (a third is a good next try), or set train.precision: fp32",
            )
        return fault

    def _fault(self, loss: float, norm: float) -> str | None:
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        if not math.isfinite(norm):
            return f"the gradient norm is {norm}"
        if len(self.norms) >= self.learn and norm > self.spike * median(self.norms):
            return f"the gradient norm {norm:.3g} is {norm / median(self.norms):.0f} times the usual one"
        return None

    def state(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return {"norms": self.norms, "in_a_row": self.in_a_row, "skipped": self.skipped}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint's values."""
        self.norms, self.in_a_row, self.skipped = list(state["norms"]), state["in_a_row"], state["skipped"]


@dataclass
class Stopper:
    """Looks at each validation loss: whether it is the best so far, and whether it is time to stop."""

    settings: EarlyStopping | None
    best: float = math.inf
    best_step: int = 0
    without_gain: int = 0

    def look(self, loss: float, step: int) -> bool:
        """Whether this loss is the best so far."""
        least_gain = self.settings.min_delta if self.settings else 0.0
        if loss < self.best - least_gain:
            self.best, self.best_step, self.without_gain = loss, step, 0
            return True
        self.without_gain += 1
        return False

    @property
    def stop(self) -> bool:
        """Whether patience is used up."""
        return self.settings is not None and self.without_gain >= self.settings.patience

    def state(self) -> dict[str, Any]:
        """Plain values for a checkpoint; a best of infinity has no place in JSON and is left out."""
        known = {"best": self.best} if math.isfinite(self.best) else {}
        return {**known, "best_step": self.best_step, "without_gain": self.without_gain}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint's values."""
        self.best = state.get("best", math.inf)
        self.best_step, self.without_gain = state["best_step"], state["without_gain"]
