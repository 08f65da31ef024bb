"""Choosing the next token from logits: the likeliest, or drawn by random numbers that each answer has of its own.

Shapes: R rows, V vocabulary.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class Dice:
    """Random numbers of many answers, each with a sequence of its own that depends on nothing but seed and number."""

    def __init__(self, seed: int) -> None:
        """Take the seed; sequences begin when they are first asked for."""
        self.seed = seed
        self._rolling: dict[int, np.random.Generator] = {}

    def roll(self, numbers: Sequence[int]) -> list[float]:
        """The next number, from 0 up to 1, of each of these answers; 0 for an answer below zero, which is none."""
        return [self._of(number).random() if number >= 0 else 0.0 for number in numbers]

    def forget(self, number: int) -> None:
        """An answer has ended; asked for again it begins anew."""
        self._rolling.pop(number, None)

    def _of(self, number: int) -> np.random.Generator:
        if number not in self._rolling:
            self._rolling[number] = np.random.default_rng([self.seed, number])
        return self._rolling[number]


def draw(logits: Tensor, temperature: float, top_p: float, chances: Sequence[float]) -> Tensor:
    """One token (R) from logits (R, V); `chances` are one number from 0 up to 1 for each row."""
    if temperature == 0.0:
        return logits.argmax(-1)
    shares, order = (logits.float().cpu().double() / temperature).softmax(-1).sort(descending=True, stable=True)
    reached = shares.cumsum(-1)
    # A token stays when the ones before it do not reach top_p, so the likeliest always stays.
    kept = torch.where(reached - shares < top_p, shares, 0.0)
    kept[:, 0] = shares[:, 0]
    wanted = torch.tensor(chances, dtype=torch.double)[:, None] * kept.sum(-1, keepdim=True)
    place = (kept.cumsum(-1) <= wanted).sum(-1, keepdim=True).clamp(max=shares.shape[-1] - 1)
    return order.gather(-1, place)[:, 0].to(logits.device)
