"""One answer, token by token, as text that never shows half a character."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kitae.core.chat import end_token_ids
from kitae.models.cache import Forward
from kitae.models.decoding import check_prompts
from kitae.models.drawing import Dice, draw
from kitae.models.loading import Loaded

HALF = "\N{REPLACEMENT CHARACTER}"
"""What decoders write for bytes that are no whole character yet."""


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn; see `kitae.models.limits.Limits`."""

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


class Detokenizer:
    """Tokens in, text out: each piece as soon as its last character is whole."""

    def __init__(self, tokenizer: Any) -> None:
        """Start an empty text."""
        self.tokenizer = tokenizer
        self.ids: list[int] = []
        self.shown = 0
        """Tokens whose text has been given out."""
        self.context = 0
        """Tokens before this one are not needed to decode the next: some decoders look back a word."""

    def push(self, token: int) -> str:
        """The text that this token completes, "" when it ends within a character."""
        self.ids.append(token)
        return self._text(whole=True)

    def flush(self) -> str:
        """What is left when no more tokens come, broken characters included."""
        return self._text(whole=False)

    def _text(self, *, whole: bool) -> str:
        before = self._decode(self.ids[self.context : self.shown])
        text = self._decode(self.ids[self.context :])
        if whole and text.endswith(HALF):
            return ""
        self.context, self.shown = self.shown, len(self.ids)
        return text[len(before) :]

    def _decode(self, ids: list[int]) -> str:
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


@torch.inference_mode()
def tokens(loaded: Loaded, prompt: Sequence[int], sampling: Sampling) -> Iterator[int]:
    """The answer's tokens one by one, without the one that ends it: when it ends itself, fewer than `max_tokens`.

    Same seed, same answer, and the same as `generate` gives to one prompt. Raises `InputError` for a prompt that is
    empty or leaves no room for an answer.
    """
    check_prompts([prompt], loaded.facts.max_positions)
    stop = frozenset(end_token_ids(loaded.tokenizer))
    dice = Dice(sampling.seed)
    logits_of = _Logits(loaded)
    fed = list(prompt)
    for _ in range(max_tokens(loaded, prompt, sampling)):
        token = int(draw(logits_of(fed), sampling.temperature, sampling.top_p, dice.roll([0]))[0])
        if token in stop:
            return
        yield token
        fed = [token]


def max_tokens(loaded: Loaded, prompt: Sequence[int], sampling: Sampling) -> int:
    """How many tokens the answer may have: as asked for, and as the base has positions."""
    return min(sampling.max_new_tokens, loaded.facts.max_positions - len(prompt))


class _Logits:
    """Logits after the tokens fed so far."""

    def __init__(self, loaded: Loaded) -> None:
        self.forward = Forward(loaded.model)
        self.cache = self.forward.new_cache()
        self.all: list[int] = []

    def __call__(self, fed: list[int]) -> Tensor:
        """Logits (1, vocabulary)."""
        start = len(self.all)
        self.all += fed
        device = self.forward.device
        if not self.forward.takes_rows:
            whole: Tensor = self.forward.asked(input_ids=torch.tensor([self.all], device=device)).logits
            return whole[:, -1]
        positions = torch.arange(start, len(self.all), device=device)
        visible = torch.arange(len(self.all), device=device)[None] <= positions[:, None]
        ids = torch.tensor([fed], device=device)
        return self.forward(ids, positions[None], visible[None], self.cache, last=1)[:, -1]
