"""How likely texts are: each of a set of choices, or one given answer to each prompt.

The prompt is computed once, and all choices as one tree on its cache.

Choices share their beginnings, so they are a trie. Its inner nodes go through the model in one pass, each seeing the
prompt and its own ancestors (the tree attention of Miao et al. 2024, SpecInfer, arXiv:2305.09781, section 4.2); leaves
are only looked up. The score of a text is the sum of the log-probabilities of its tokens, end token included.

Shapes: R rows, C columns of the prompts, N inner nodes, V vocabulary.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kitae.errors import InputError
from kitae.models.cache import Forward
from kitae.models.decoding import PREFILL_TOKENS, Prefilled, blocks, check_prompts, prefill
from kitae.models.loading import Loaded

LOGIT_NUMBERS = 1 << 26
"""Logits held at once: 256 MiB in fp32."""
TRIE_NODES = 128
"""Most inner nodes of a trie. Attention compares each with each though a node sees only its ancestors, so that one tree
of 1,000 nodes takes half as long again as eight of 128."""


@dataclass(frozen=True)
class Trie:
    """Some of the choices as a tree. Nodes are numbered parents first; parent -1 is the end of the prompt.

    `inner` are the nodes that have children, in order; `paths` give the nodes of each choice.
    """

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    depths: tuple[int, ...]
    inner: tuple[int, ...]
    paths: tuple[tuple[int, ...], ...]


def build_trie(choices: Sequence[Sequence[int]]) -> Trie:
    """The tree of the choices' tokens."""
    numbers: dict[tuple[int, int], int] = {}
    depths: list[int] = []
    paths = []
    for choice in choices:
        path: list[int] = []
        parent = -1
        for token in choice:
            if (parent, token) not in numbers:
                numbers[parent, token] = len(numbers)
                depths.append(len(path))
            parent = numbers[parent, token]
            path.append(parent)
        paths.append(tuple(path))
    parents = tuple(parent for parent, _ in numbers)
    tokens = tuple(token for _, token in numbers)
    return Trie(tokens, parents, tuple(depths), tuple(sorted(set(parents) - {-1})), tuple(paths))


def weigh(
    loaded: Loaded,
    prompts: Sequence[Sequence[int]],
    choices: Sequence[Sequence[int]],
    *,
    batch_rows: int,
    on_done: Callable[[int, list[float]], None],
    known: Container[int] = (),
) -> None:
    """Tell `on_done(index, scores)` the summed log-probability (nats) of every choice after each prompt.

    `known` are the prompts whose scores an earlier call with the same prompts and choices has told; a block of rows
    that are all known is not computed again. Raises `InputError` for no or empty choices, and for a prompt that leaves
    no room for the longest choice.
    """
    if not choices or not all(choices):
        raise InputError("there must be at least one choice, and none may be empty", got=f"{len(choices)} choices")
    longest = max(map(len, choices))
    check_prompts(prompts, loaded.facts.max_positions - longest + 1)
    forward = Forward(loaded.model)
    tries = list(_tries(choices, max(1, min(TRIE_NODES, LOGIT_NUMBERS // loaded.facts.vocabulary))))
    rows = _rows(prompts, tries, loaded.facts.vocabulary, batch_rows)
    for block in blocks(prompts, rows):
        if all(index in known for index in block):
            continue
        members = [prompts[index] for index in block]
        scores = score(forward, members, tries) if forward.takes_rows else _score_plainly(forward, members, choices)
        for index, found in zip(block, scores.tolist(), strict=True):
            if index not in known:
                on_done(index, found)


def likelihood(
    loaded: Loaded,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    *,
    batch_rows: int,
    on_done: Callable[[int, float], None],
    known: Container[int] = (),
) -> None:
    """Tell `on_done(index, score)` the summed log-probability (nats) of the one answer to each prompt.

    `known` as for `weigh`. Raises `InputError` for an empty answer, and for one that does not fit behind its prompt.
    """
    if not all(answers):
        raise InputError("an answer is empty, so it has no likelihood", got=f"answer {answers.index([])}")
    texts = [[*prompt, *answer[:-1]] for prompt, answer in zip(prompts, answers, strict=True)]
    check_prompts(texts, loaded.facts.max_positions)
    forward = Forward(loaded.model)
    longest = max(map(len, answers), default=1)
    rows = max(1, min(batch_rows, LOGIT_NUMBERS // (longest * loaded.facts.vocabulary)))
    rows = min(rows, max(1, PREFILL_TOKENS // max(map(len, texts), default=1)))
    for block in blocks(texts, rows):
        if all(index in known for index in block):
            continue
        found = _likelihood(forward, [texts[index] for index in block], [answers[index] for index in block])
        for index, value in zip(block, found, strict=True):
            if index not in known:
                on_done(index, value)


@torch.inference_mode()
def _likelihood(forward: Forward, texts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> list[float]:
    """Summed log-probability of each answer, of which the text holds all but the last token."""
    if not forward.takes_rows:
        return [
            _of_answer(forward.asked(input_ids=torch.tensor([list(text)], device=forward.device)).logits[0], answer)
            for text, answer in zip(texts, answers, strict=True)
        ]
    logits = prefill(forward, texts, last=max(map(len, answers))).logits
    return [_of_answer(logits[row], answer) for row, answer in enumerate(answers)]


def _of_answer(logits: Tensor, answer: Sequence[int]) -> float:
    """Summed log-probability of an answer from logits (T, V), the last of which follow all of it but its last token."""
    tokens = torch.tensor(list(answer), device=logits.device)
    values = logits[-len(answer) :].float().log_softmax(-1)
    return float(values.gather(1, tokens[:, None]).double().sum())


@torch.inference_mode()
def score(forward: Forward, prompts: Sequence[Sequence[int]], tries: Sequence[Trie]) -> Tensor:
    """Summed log-probability (R, choices) of every choice of the tries after every prompt."""
    done = prefill(forward, prompts)
    first = done.logits[:, -1].float().log_softmax(-1)
    return torch.cat([_score_trie(forward, done, first, trie) for trie in tries], dim=1)


def _score_trie(forward: Forward, done: Prefilled, first: Tensor, trie: Trie) -> Tensor:
    rows, columns = done.visible.shape
    tokens = torch.tensor(trie.tokens, device=forward.device)
    parents = torch.tensor(trie.parents, device=forward.device)
    at_root = parents < 0
    values = first.new_zeros((rows, len(trie.tokens)))
    values[:, at_root] = first[:, tokens[at_root]]
    if trie.inner:
        logits = _inner_logits(forward, done, trie)
        done.cache.crop(columns)
        place = torch.zeros(len(trie.tokens), dtype=torch.long, device=forward.device)
        place[list(trie.inner)] = torch.arange(len(trie.inner), device=forward.device)
        above = place[parents[~at_root]]
        total = logits.logsumexp(-1)
        values[:, ~at_root] = logits[:, above, tokens[~at_root]] - total[:, above]
    return torch.stack([values[:, list(path)].sum(1) for path in trie.paths], dim=1)


def _inner_logits(forward: Forward, done: Prefilled, trie: Trie) -> Tensor:
    """Logits (R, N, V) in fp32 after each inner node."""
    rows, columns = done.visible.shape
    inner = list(trie.inner)
    ids = torch.tensor([trie.tokens[node] for node in inner], device=forward.device).expand(rows, -1)
    depths = torch.tensor([trie.depths[node] for node in inner], device=forward.device)
    ancestors = torch.tensor(_ancestors(trie), device=forward.device)
    visible = torch.cat([done.visible[:, None].expand(-1, len(inner), -1), ancestors[None].expand(rows, -1, -1)], dim=2)
    positions = done.lengths[:, None] + depths[None]
    prompt_positions = torch.arange(columns, device=forward.device)[None] - (columns - done.lengths)[:, None]
    distance = positions[:, :, None] - torch.cat([prompt_positions, positions], dim=1)[:, None]
    return forward.with_distance(ids, positions, visible, distance, done.cache, last=None).float()


def _ancestors(trie: Trie) -> list[list[bool]]:
    """Which inner nodes (columns) an inner node (rows) sees: itself and those above it."""
    place = {node: number for number, node in enumerate(trie.inner)}
    seen: list[list[bool]] = []
    for node in trie.inner:
        parent = trie.parents[node]
        row = list(seen[place[parent]]) if parent >= 0 else [False] * len(trie.inner)
        row[place[node]] = True
        seen.append(row)
    return seen


def _tries(choices: Sequence[Sequence[int]], most_inner: int) -> Iterator[Trie]:
    """The choices as one trie, or as several in order when one would have too many inner nodes."""
    group: list[Sequence[int]] = []
    nodes = 0
    for choice in choices:
        if group and nodes + len(choice) > most_inner:
            yield build_trie(group)
            group, nodes = [], 0
        group.append(choice)
        nodes += len(choice)
    yield build_trie(group)


def _rows(prompts: Sequence[Sequence[int]], tries: Sequence[Trie], vocabulary: int, most: int) -> int:
    """Rows computed together, so that neither prompts nor logits take too much memory."""
    widest = max(1, *(len(trie.inner) for trie in tries)) if tries else 1
    longest = max(map(len, prompts), default=1)
    return max(1, min(most, LOGIT_NUMBERS // (widest * vocabulary), PREFILL_TOKENS // longest))


@torch.inference_mode()
def _score_plainly(forward: Forward, prompts: Sequence[Sequence[int]], choices: Sequence[Sequence[int]]) -> Tensor:
    """The same scores one by one, for models whose running state cannot be shared by a tree."""
    scores = []
    for prompt in prompts:
        for choice in choices:
            ids = torch.tensor([[*prompt, *choice]], device=forward.device)
            logits = forward.asked(input_ids=ids).logits[0, -len(choice) - 1 : -1].float().log_softmax(-1)
            scores.append(logits[range(len(choice)), list(choice)].sum())
    return torch.stack(scores).view(len(prompts), len(choices))
