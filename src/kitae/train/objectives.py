"""What is minimised: cross-entropy on answers, or a preference between two.

Shapes: N labels of a micro-batch, R rows, P pairs; a row's log-probability is the sum over its labels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from kitae.core.train_settings import PreferenceSettings
from kitae.train.batches import MicroBatch


class Scorer(Protocol):
    """What an objective asks of the model."""

    def label_loss(self, batch: MicroBatch, *, divisor: float, smoothing: float) -> Tensor:
        """Cross-entropy summed over the labels, divided by `divisor`."""
        ...

    def label_log_probs(self, batch: MicroBatch) -> Tensor:
        """Log-probability of each label (N), in fp32."""
        ...


class Objective(Protocol):
    """A loss that adds up over micro-batches."""

    def count(self, example: Any) -> float:
        """What the example adds to the divisor of a step's mean."""
        ...

    def loss(self, scorer: Scorer, batch: MicroBatch, *, divisor: float) -> Tensor:
        """The micro-batch's share of the step's loss: a scalar in fp32."""
        ...

    def measured(self) -> "Objective":
        """The same for the validation loss: without what only helps training."""
        ...


@dataclass(frozen=True)
class Answers:
    """Cross-entropy, the mean over the labelled tokens of a step."""

    smoothing: float = 0.0

    def count(self, example: Any) -> float:
        """Labelled tokens."""
        return float(sum(row.labels for row in example.rows))

    def loss(self, scorer: Scorer, batch: MicroBatch, *, divisor: float) -> Tensor:
        """By the head's own fused loss."""
        return scorer.label_loss(batch, divisor=divisor, smoothing=self.smoothing)

    def measured(self) -> "Answers":
        """Without label smoothing."""
        return replace(self, smoothing=0.0)


@dataclass(frozen=True)
class Judged:
    """Log-probabilities (P) of the chosen and the rejected answers now, before training, and their tokens."""

    chosen: Tensor
    rejected: Tensor
    chosen_before: Tensor
    rejected_before: Tensor
    chosen_tokens: Tensor
    rejected_tokens: Tensor

    @property
    def lead(self) -> Tensor:
        """By how much training has moved the chosen answer above the rejected one, in nats."""
        return (self.chosen - self.chosen_before) - (self.rejected - self.rejected_before)


def _dpo(judged: Judged, asked: PreferenceSettings) -> Tensor:
    reward = asked.pull * judged.lead
    return -(1 - asked.mistaken) * logsigmoid(reward) - asked.mistaken * logsigmoid(-reward)


def _ipo(judged: Judged, asked: PreferenceSettings) -> Tensor:
    return (judged.lead - 1 / (2 * asked.pull)) ** 2


def _orpo(judged: Judged, asked: PreferenceSettings) -> Tensor:
    # A probability of exactly one has no odds.
    chosen = (judged.chosen / judged.chosen_tokens).clamp_max(-1e-6)
    rejected = (judged.rejected / judged.rejected_tokens).clamp_max(-1e-6)
    log_odds = (chosen - torch.log(-torch.expm1(chosen))) - (rejected - torch.log(-torch.expm1(rejected)))
    return -asked.pull * logsigmoid(log_odds) - chosen


def _simpo(judged: Judged, asked: PreferenceSettings) -> Tensor:
    lead = judged.chosen / judged.chosen_tokens - judged.rejected / judged.rejected_tokens
    return -logsigmoid(asked.pull * lead - asked.margin)


PREFERENCE_LOSSES: Mapping[str, Callable[[Judged, PreferenceSettings], Tensor]] = {
    "dpo": _dpo,
    "ipo": _ipo,
    "orpo": _orpo,
    "simpo": _simpo,
}
WITH_REFERENCE = ("dpo", "ipo")
"""Losses that compare with the model before training."""


@dataclass(frozen=True)
class Preferences:
    """A preference loss, the mean over the pairs of a step."""

    asked: PreferenceSettings

    @property
    def needs_reference(self) -> bool:
        """Whether pairs must know their log-probabilities before training."""
        return self.asked.loss in WITH_REFERENCE

    def count(self, example: Any) -> float:
        """A pair is one."""
        del example
        return 1.0

    def loss(self, scorer: Scorer, batch: MicroBatch, *, divisor: float) -> Tensor:
        """From the log-probabilities of both answers of each pair."""
        assert not self.needs_reference or all(pair.reference for pair in batch.examples)
        judged = judge(scorer, batch)
        losses = PREFERENCE_LOSSES[self.asked.loss](judged, self.asked)
        if self.asked.answer_weight:
            losses = losses - self.asked.answer_weight * judged.chosen / judged.chosen_tokens
        return losses.sum() / divisor

    def measured(self) -> "Preferences":
        """The same."""
        return self


def judge(scorer: Scorer, batch: MicroBatch) -> Judged:
    """The log-probabilities of a micro-batch of pairs."""
    now, tokens = row_log_probs(scorer, batch)
    pairs = [pair.reference or (0.0, 0.0) for pair in batch.examples]
    before = torch.tensor(pairs, device=now.device, dtype=now.dtype)
    return Judged(now[0::2], now[1::2], before[:, 0], before[:, 1], tokens[0::2], tokens[1::2])


def row_log_probs(scorer: Scorer, batch: MicroBatch) -> tuple[Tensor, Tensor]:
    """For each row of the micro-batch the sum of its labels' log-probabilities (R), and how many these are (R)."""
    log_probs = scorer.label_log_probs(batch)
    rows = sum(len(example.rows) for example in batch.examples)
    sums = log_probs.new_zeros(rows).index_add(0, batch.owners, log_probs)
    return sums, torch.bincount(batch.owners, minlength=rows).to(log_probs.dtype)
