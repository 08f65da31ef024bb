"""Answers to many prompts at once, greedy or drawn: equal to one-by-one generation, many times faster.

Rows are taken longest first. A row leaves the batch as soon as it ends and the next prompt takes its place, so the
batch stays full; at the end it shrinks. Prompts are worked off in blocks that depend on nothing but the prompts and
the batch size: when a run is cut off and resumed, the block that was cut is computed again in the same company and
gives the same bits (floating-point sums depend on what else is in the batch).
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kitae.errors import InputError
from kitae.models.cache import Forward, RowCache, rows_tensor
from kitae.models.drawing import Dice, draw
from kitae.models.limits import Limits
from kitae.models.loading import Loaded

BLOCK_BATCHES = 4
"""A block is this many batches: long enough to keep the batch full, short enough to lose little when killed."""
PREFILL_TOKENS = 8192
"""Prompt tokens, padding included, that go through the model at once."""
ADMIT_SHARE = 8
"""Free places are filled again when an eighth of the batch is free."""
SHRINK_SHARE = 0.75
"""With nothing left to take in, the batch shrinks when this share of it or less is still at work."""
STOP_TOKENS = 8
"""Tokens looked at for a stop text, beside one for each of its bytes."""


def generate(
    loaded: Loaded,
    prompts: Sequence[Sequence[int]],
    limits: Limits,
    *,
    on_done: Callable[[int, list[int]], None] | None = None,
    known: Mapping[int, Sequence[int]] | None = None,
) -> list[list[int]]:
    """The answer to each prompt, without the stop token that ended it, in the order of the prompts.

    An answer ends as `limits` say, or where the base has no more positions. `on_done(index, answer)` is called as soon
    as a row is finished. `known` holds answers of an earlier call with the same prompts and limits; a block all of
    whose answers are known is not computed again. Raises `InputError` for a prompt that is empty or longer than the
    base's positions.
    """
    check_prompts(prompts, loaded.facts.max_positions)
    known = known or {}
    answers = {index: list(known[index]) for index in known}
    forward = Forward(loaded.model)
    run = _run_block if forward.takes_rows else _one_by_one
    for block in blocks(prompts, limits.batch_rows * BLOCK_BATCHES):
        if all(index in known for index in block):
            continue
        for index, answer in run(loaded, forward, prompts, block, limits):
            if index in known:
                continue
            answers[index] = answer
            if on_done:
                on_done(index, answer)
    return [answers[index] for index in range(len(prompts))]


def blocks(prompts: Sequence[Sequence[int]], rows: int) -> Iterator[list[int]]:
    """Indices of the prompts, longest first, in blocks of `rows`."""
    order = sorted(range(len(prompts)), key=lambda index: (-len(prompts[index]), index))
    for start in range(0, len(order), rows):
        yield order[start : start + rows]


def check_prompts(prompts: Sequence[Sequence[int]], max_positions: int) -> None:
    """Raise `InputError` when a prompt is empty or leaves no position for an answer."""
    for index, prompt in enumerate(prompts):
        if not prompt:
            raise InputError("a prompt is empty", got=f"prompt {index}")
        if len(prompt) >= max_positions:
            raise InputError(
                f"a prompt leaves no room for an answer: this base reads at most {max_positions} tokens",
                got=f"prompt {index} with {len(prompt)} tokens",
                hint="Shorten the prompt or take a base with more positions",
            )


@dataclass
class Batch:
    """Rows at work: R rows, C columns of cache in use.

    `choosing` chooses tokens; `owner` is the prompt's index by row, -1 for a free row; `ids` (R) the token just chosen,
    which the cache does not hold yet; `positions` (R) where it goes; `visible` (R, C) which columns belong to the row.
    """

    choosing: "Choosing"
    cache: RowCache
    owner: list[int]
    ids: Tensor
    positions: Tensor
    visible: Tensor

    @property
    def busy(self) -> list[int]:
        """Rows at work."""
        return [row for row, index in enumerate(self.owner) if index >= 0]

    @property
    def free(self) -> list[int]:
        """Rows that nothing occupies."""
        return [row for row, index in enumerate(self.owner) if index < 0]

    def keep_rows(self, kept: list[int]) -> None:
        """Keep these rows only (a row named twice becomes two)."""
        rows = rows_tensor(kept, self.ids.device)
        self.cache.keep_rows(rows)
        self.owner = [self.owner[row] for row in kept]
        self.ids, self.positions, self.visible = self.ids[rows], self.positions[rows], self.visible[rows]

    def widen(self, rows: int) -> None:
        """Add free rows until there are so many."""
        taken = len(self.owner)
        self.keep_rows([*range(taken), *[0] * (rows - taken)])
        self.owner[taken:] = [-1] * (rows - taken)

    def put(self, rows: list[int], other: "Batch") -> None:
        """Put another batch's rows into these places, right-aligned. The other has no more columns than this one."""
        where = rows_tensor(rows, self.ids.device)
        self.cache.put(where, other.cache)
        self.ids[where], self.positions[where] = other.ids, other.positions
        self.visible[where] = False
        self.visible[where, self.visible.shape[1] - other.visible.shape[1] :] = other.visible
        for row, index in zip(rows, other.owner, strict=True):
            self.owner[row] = index

    def drop_hidden_columns(self, at_least: int) -> None:
        """Forget leading columns that no row at work sees, but keep `at_least` columns for prompts to come."""
        columns = self.visible.shape[1]
        rows = rows_tensor(self.busy, self.ids.device)
        hidden = int(self.visible[rows].any(0).int().argmax()) if len(rows) else columns
        count = min(hidden, columns - at_least)
        if count > 0:
            self.cache.drop_columns(count)
            self.visible = self.visible[:, count:]

    def step(self, forward: Forward, max_positions: int) -> None:
        """One token further: the chosen tokens go into the cache and the next ones are chosen."""
        self.visible = torch.cat([self.visible, self.visible.new_ones(len(self.owner), 1)], dim=1)
        # Free rows are computed along and thrown away; their positions must only stay valid.
        positions = self.positions.clamp(max=max_positions - 1)[:, None]
        logits = forward(self.ids[:, None], positions, self.visible[:, None], self.cache, last=1)
        self.ids = self.choosing.tokens(logits[:, -1], self.owner)
        self.positions = self.positions + 1

    def settle(self, rows: list[int], answers: dict[int, list[int]], room: Mapping[int, int]) -> list[int]:
        """Write the chosen tokens of these rows into the answers; frees the rows that end and returns their prompts."""
        ended = []
        tokens = self.ids.tolist()
        for row in rows:
            index = self.owner[row]
            answer = answers.setdefault(index, [])
            if self.choosing.ends(answer, tokens[row]) or len(answer) == room[index]:
                self.choosing.dice.forget(index)
                self.owner[row] = -1
                ended.append(index)
        return ended


class Choosing:
    """Which token comes next, and whether it ends the answer."""

    def __init__(self, loaded: Loaded, limits: Limits) -> None:
        """Begin the random numbers."""
        self.limits = limits
        self.dice = Dice(limits.seed)
        self._tokenizer: Any = loaded.tokenizer
        self._stops = [text for text in limits.stop_texts if text]
        self._window = max((len(text.encode()) for text in self._stops), default=0) + STOP_TOKENS

    def tokens(self, logits: Tensor, owners: Sequence[int]) -> Tensor:
        """The next tokens (R) from logits (R, vocabulary) for the answers of these numbers."""
        drawn = self.limits.temperature > 0.0
        chances = self.dice.roll(owners) if drawn else ()
        return draw(logits, self.limits.temperature, self.limits.top_p, chances)

    def ends(self, answer: list[int], token: int) -> bool:
        """Put a token to an answer, unless it is a stop token; says whether the answer has come to its end."""
        if token in self.limits.stop_ids:
            return True
        answer.append(token)
        if not self._stops:
            return False
        text = self._tokenizer.decode(answer[-self._window :], skip_special_tokens=True)
        return any(stop in text for stop in self._stops)


@dataclass(frozen=True)
class Prefilled:
    """Prompts in a cache, padded on the left: R rows, C columns.

    `logits` (R, L, vocabulary) follow the last L tokens of each prompt, padding of short ones included; `lengths` (R)
    are the prompts' own; `visible` (R, C) marks what is no padding.
    """

    cache: RowCache
    logits: Tensor
    lengths: Tensor
    visible: Tensor


@torch.inference_mode()
def prefill(forward: Forward, prompts: Sequence[Sequence[int]], *, last: int = 1) -> Prefilled:
    """Send prompts through the model together; logits follow the `last` tokens of each."""
    longest = max(map(len, prompts))
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=forward.device)
    # Any id will do for padding: nothing sees it.
    ids = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts], device=forward.device)
    columns = torch.arange(longest, device=forward.device)
    positions = columns[None] - (longest - lengths)[:, None]
    visible = positions >= 0
    causal = columns[None, :] <= columns[:, None]
    # Padding sees itself, because a row of scores with nothing to see would be NaN and spread.
    queries = (visible[:, None] & causal) | torch.eye(longest, dtype=torch.bool, device=forward.device)
    cache = forward.new_cache()
    logits = forward(ids, positions.clamp(min=0), queries, cache, last=last)
    return Prefilled(cache, logits, lengths, visible)


def _begin(forward: Forward, prompts: Sequence[Sequence[int]], indices: list[int], choosing: Choosing) -> Batch:
    """A batch with these prompts and the first token of each answer chosen."""
    done = prefill(forward, [prompts[index] for index in indices])
    return Batch(
        choosing, done.cache, indices, choosing.tokens(done.logits[:, -1], indices), done.lengths, done.visible
    )


@torch.inference_mode()
def _run_block(
    loaded: Loaded, forward: Forward, prompts: Sequence[Sequence[int]], block: Sequence[int], limits: Limits
) -> Iterator[tuple[int, list[int]]]:
    """Yield index and answer of each prompt of a block as it ends."""
    limit = loaded.facts.max_positions
    room = {index: min(limits.max_new_tokens, limit - len(prompts[index])) for index in block}
    answers: dict[int, list[int]] = {}
    pending = deque(block)
    choosing = Choosing(loaded, limits)
    rows = min(limits.batch_rows, len(block))
    batch = _begin(forward, prompts, _next(pending, prompts, rows), choosing)
    ended = batch.settle(batch.busy, answers, room)
    batch.widen(rows)
    while True:
        while pending and (len(batch.free) * ADMIT_SHARE >= rows or not batch.busy):
            batch.drop_hidden_columns(at_least=len(prompts[pending[0]]))
            fresh = _begin(forward, prompts, _next(pending, prompts, len(batch.free)), choosing)
            places = batch.free[: len(fresh.owner)]
            batch.put(places, fresh)
            ended += batch.settle(places, answers, room)
        yield from ((index, answers.pop(index)) for index in ended)
        busy = batch.busy
        if not busy:
            return
        if not pending and len(busy) <= SHRINK_SHARE * len(batch.owner):
            batch.keep_rows(busy)
            batch.drop_hidden_columns(at_least=0)
        batch.step(forward, limit)
        ended = batch.settle(batch.busy, answers, room)


def _next(pending: deque[int], prompts: Sequence[Sequence[int]], rows: int) -> list[int]:
    """Take the next prompts: at most `rows`, and at most `PREFILL_TOKENS` tokens of the longest one's length."""
    count = max(1, min(rows, PREFILL_TOKENS // len(prompts[pending[0]])))
    return [pending.popleft() for _ in range(min(count, len(pending)))]


@torch.inference_mode()
def _one_by_one(
    loaded: Loaded, forward: Forward, prompts: Sequence[Sequence[int]], block: Sequence[int], limits: Limits
) -> Iterator[tuple[int, list[int]]]:
    """The same answers for models whose running state cannot be shared out by rows (Mamba, linear attention)."""
    from transformers import GenerationConfig

    choosing = Choosing(loaded, limits)
    for index in block:
        ids = torch.tensor([list(prompts[index])], device=forward.device)
        answer: list[int] = []

        def choose(_ids: Tensor, logits: Tensor, index: int = index) -> Tensor:
            """Leave transformers no choice but ours."""
            token = choosing.tokens(logits, [index])
            return torch.full_like(logits, -torch.inf).scatter_(1, token[:, None], 0.0)

        def ends(ids: Tensor, _scores: object, answer: list[int] = answer, **_: object) -> Tensor:
            return torch.tensor([choosing.ends(answer, int(ids[0, -1]))], device=ids.device)

        settings = GenerationConfig(
            max_new_tokens=min(limits.max_new_tokens, loaded.facts.max_positions - ids.shape[1]),
            do_sample=False,
            pad_token_id=loaded.tokenizer.pad_token_id,
        )
        loaded.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            generation_config=settings,
            logits_processor=[choose],
            stopping_criteria=[ends],
        )
        yield index, answer
