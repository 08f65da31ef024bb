"""One answer, token by token, as text that never shows half a character."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kitae.core.chat import end_token_ids
from kitae.models.cache import Forward
from kitae.models.decoding import check_prompts
from kitae.models.loading import Loaded

HALF = "\N{REPLACEMENT CHARACTER}"
"""What decoders write for bytes that are no whole character yet."""


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn.

    Temperature 0 takes the likeliest one; `top_p` keeps the smallest set of tokens whose probabilities reach it
    (nucleus sampling, Holtzman et al. 2020, arXiv:1904.09751, section 3.1).
    """

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

    Same seed, same answer. Raises `InputError` for a prompt that is empty or leaves no room for an answer.
    """
    check_prompts([prompt], loaded.facts.max_positions)
    stop = frozenset(end_token_ids(loaded.tokenizer))
    dice = torch.Generator().manual_seed(sampling.seed)
    logits_of = _Logits(loaded)
    fed = list(prompt)
    for _ in range(max_tokens(loaded, prompt, sampling)):
        token = draw(logits_of(fed), sampling, dice)
        if token in stop:
            return
        yield token
        fed = [token]


def max_tokens(loaded: Loaded, prompt: Sequence[int], sampling: Sampling) -> int:
    """How many tokens the answer may have: as asked for, and as the base has positions."""
    return min(sampling.max_new_tokens, loaded.facts.max_positions - len(prompt))


def draw(logits: Tensor, sampling: Sampling, dice: torch.Generator) -> int:
    """One token from logits (vocabulary)."""
    if sampling.temperature == 0.0:
        return int(logits.argmax())
    chances, order = (logits.float().cpu() / sampling.temperature).softmax(-1).sort(descending=True, stable=True)
    # A token stays when the ones before it do not reach top_p, so the likeliest always stays.
    chances[chances.cumsum(-1) - chances >= sampling.top_p] = 0.0
    chances[0] = chances[0].clamp(min=torch.finfo(chances.dtype).tiny)
    return int(order[torch.multinomial(chances, 1, generator=dice)])


class _Logits:
    """Logits after the tokens fed so far."""

    def __init__(self, loaded: Loaded) -> None:
        self.forward = Forward(loaded.model)
        self.cache = self.forward.new_cache()
        self.all: list[int] = []

    def __call__(self, fed: list[int]) -> Tensor:
        start = len(self.all)
        self.all += fed
        device = self.forward.device
        if not self.forward.takes_rows:
            whole: Tensor = self.forward.asked(input_ids=torch.tensor([self.all], device=device)).logits
            return whole[0, -1]
        positions = torch.arange(start, len(self.all), device=device)
        visible = torch.arange(len(self.all), device=device)[None] <= positions[:, None]
        ids = torch.tensor([fed], device=device)
        return self.forward(ids, positions[None], visible[None], self.cache, last_only=True)[0, -1]
