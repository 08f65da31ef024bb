"""The loop: resume, step, watch, save, stop. The policies stand beside it."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kitae.core.resolved import ResolvedTrain
from kitae.core.sizes import micro_batch_tokens
from kitae.errors import Interrupted
from kitae.train import checkpoint
from kitae.train.batches import Example
from kitae.train.checkpoint import Checkpoint, under, within
from kitae.train.learner import Learner
from kitae.train.optimizer import AdapterOptimizer, groups
from kitae.train.packing import Schedule
from kitae.train.policies import Guard, Stopper, rate_of
from kitae.train.signals import StopSignals
from kitae.train.watch import Watch


@dataclass(frozen=True)
class Work:
    """What is to be done: examples to train and to validate on, the step plan, settings, the place for checkpoints."""

    examples: Sequence[Example]
    validation: Sequence[Example]
    schedule: Schedule
    settings: ResolvedTrain
    scratch: Path
    plus_ratio: float = 1.0
    """LoRA+: how much faster the second matrix of each update learns."""

    @property
    def budget(self) -> int:
        """Tokens of a micro-batch."""
        asked = self.settings
        return micro_batch_tokens(max_row_tokens=asked.max_row_tokens, tokens_per_step=asked.tokens_per_step)

    @property
    def validates_after(self) -> frozenset[int]:
        """Steps (counted from 1) after which the validation loss is measured: evenly spread, the last among them."""
        if not self.validation:
            return frozenset()
        times = min(max(1, self.settings.validations), len(self.schedule))
        return frozenset(round((i + 1) * len(self.schedule) / times) for i in range(times))


@dataclass
class Progress:
    """How far the training is, as plain values; the history has a row for each step."""

    step: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    threads: int = field(default_factory=torch.get_num_threads)


class Loop:
    """One training, from where it stands to its end."""

    def __init__(self, learner: Learner, work: Work, watch: Watch) -> None:
        """Set the policies up; nothing runs yet."""
        self.learner, self.work, self.watch = learner, work, watch
        settings = work.settings
        self.optimizer = AdapterOptimizer(
            groups(learner.model, learner.parameters, decay=settings.weight_decay, plus_ratio=work.plus_ratio),
            max_gradient_norm=settings.max_gradient_norm,
        )
        self.guard = Guard()
        self.stopper = Stopper(settings.early_stopping)
        self.progress = Progress()
        self.best: dict[str, Tensor] = {}
        self._random = _random_states()

    def run(self) -> Progress:
        """Train to the end, or until nothing more is gained; the learner then holds the best weights.

        Raises `Interrupted` after SIGTERM or SIGINT with everything saved, `TrainingDiverged` when the guard gives up.
        """
        self.resume()
        saved = time.monotonic()
        with StopSignals() as signals:
            while self.progress.step < len(self.work.schedule) and not self.stopper.stop:
                if self.step(signals):
                    self._random = _random_states()
                    self.validate()
                if signals.caught:
                    self.save()
                    raise Interrupted(
                        f"training was stopped by {signals.caught} after step {self.progress.step}",
                        hint="Everything is saved; the same command goes on from there",
                    )
                if time.monotonic() - saved >= self.work.settings.checkpoint_seconds:
                    self.save()
                    saved = time.monotonic()
        self.take_best()
        return self.progress

    def step(self, signals: StopSignals) -> bool:
        """One optimizer update over the examples of this step; False when a signal cut it off, to be done again."""
        began = self.progress.step
        examples = [self.work.examples[i] for i in self.work.schedule.steps[began]]
        divisor = self.learner.count(examples)
        loss = 0.0
        self.learner.clear()
        for batch in self.learner.micro_batches(examples, budget=self.work.budget):
            loss += self.learner.backward(batch, divisor=divisor)
            if signals.caught:
                return False
        norm = self.optimizer.norm()
        rate = rate_of(began, len(self.work.schedule), self.work.settings)
        fault = self.guard.judge(loss, norm)
        if fault is None:
            self.optimizer.step(rate, norm)
        self.progress.step = began + 1
        row = {"step": began + 1, "loss": loss, "rate": rate, "gradient_norm": norm, "tokens": sum(map(len, examples))}
        finite = {key: value for key, value in row.items() if math.isfinite(value)}
        self.progress.history.append({**finite, **({"skipped": fault} if fault else {})})
        self.watch.step(row, fault)
        return True

    def validate(self) -> None:
        """The validation loss when it is due; the best weights so far are kept."""
        if self.progress.step not in self.work.validates_after:
            return
        examples = self.work.validation
        divisor = self.learner.count(examples)
        loss = 0.0
        with self.learner.measuring():
            for batch in self.learner.micro_batches(examples, budget=self.work.budget):
                loss += float(self.learner.loss(batch, divisor=divisor))
        best = self.stopper.look(loss, self.progress.step)
        if best and self.stopper.settings is not None:
            self.best = {name: p.detach().clone() for name, p in self.learner.parameters.items()}
        if math.isfinite(loss):
            self.progress.history[-1]["validation_loss"] = loss
        self.watch.validation(self.progress.step, loss, best=best)

    def take_best(self) -> None:
        """Put the best weights back, when early stopping kept them."""
        with torch.no_grad():
            for name, tensor in self.best.items():
                self.learner.parameters[name].copy_(tensor)

    def save(self) -> None:
        """Write a checkpoint of the last finished step; a step that was cut off has changed no weight."""
        tensors = {
            **under("adapter", self.learner.parameters),
            **under("optimizer", self.optimizer.state()),
            **under("best", self.best),
            **under("random", self._random),
        }
        values = {**vars(self.progress), "guard": self.guard.state(), "stopper": self.stopper.state()}
        checkpoint.write(self.work.scratch, Checkpoint(tensors, values))

    def resume(self) -> None:
        """Go on from the checkpoint, when there is one."""
        found = checkpoint.read(self.work.scratch, self.watch.warning)
        if found is None:
            return
        with torch.no_grad():
            for name, tensor in within("adapter", found).items():
                self.learner.parameters[name].copy_(tensor)
        self.optimizer.restore(within("optimizer", found))
        self.best = {name: t.to(self.learner.device) for name, t in within("best", found).items()}
        self.guard.restore(found.values["guard"])
        self.stopper.restore(found.values["stopper"])
        self.progress = Progress(found.values["step"], found.values["history"], found.values["threads"])
        # Sums are added up in another order by another number of threads, so the old number is kept.
        torch.set_num_threads(self.progress.threads)
        # Also what a stop before the end of the next step saves: that step is then done again from here.
        self._random = dict(within("random", found))
        _set_random_states(self._random)
        self.watch.resumed(self.progress.step)


def _random_states() -> dict[str, Tensor]:
    """The states that dropout draws from, by device."""
    states = {"cpu": torch.get_rng_state()}
    return states | {"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else states


def _set_random_states(states: dict[str, Tensor]) -> None:
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
