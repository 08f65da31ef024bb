"""Packed micro-batches: the rows of a step as tensors.

Shapes: T tokens of a packed row, N labels, R rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from kitae.models.attention_layout import Documents
from kitae.train.packing import pack
from kitae.train.rows import Row
from kitae.train.sharing import Tree, alone, segments, trees


class Example(Protocol):
    """What is trained as a whole: a row, or the two rows of a preference pair."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """Its rows, which go through the model together."""
        ...

    def __len__(self) -> int:
        """Tokens of all its rows."""
        ...


@dataclass(frozen=True)
class MicroBatch:
    """One packed row: ids (1, T), its documents, where labels are predicted (N), the labels (N) and their `owners` (N).

    An owner is a row of `examples`, counted over all of them in order.
    """

    ids: Tensor
    documents: Documents
    places: Tensor
    labels: Tensor
    owners: Tensor
    examples: tuple[Any, ...]


def micro_batches(
    examples: Sequence[Example], *, budget: int, device: torch.device, packed: bool, shared: bool
) -> Iterator[MicroBatch]:
    """The examples packed to `budget` tokens: beginnings shared or not, or every example by itself."""
    rows = [row for example in examples for row in example.rows]
    groups = _groups(examples)
    ids = [row.tokens.ids for row in rows]
    laid = trees(ids, budget=budget, groups=groups) if shared else alone(ids, groups)
    example_of = {row: number for number, group in enumerate(groups) for row in group}
    sizes = [tree.tokens for tree in laid]
    bins = pack(range(len(laid)), sizes, budget=budget) if packed else [(i,) for i in range(len(laid))]
    for members in bins:
        chosen = [laid[i] for i in members]
        held = list(dict.fromkeys(example_of[row] for tree in chosen for row in tree.rows))
        owners = {row: owner for owner, row in enumerate(row for number in held for row in groups[number])}
        yield _micro_batch(rows, chosen, owners, tuple(examples[i] for i in held), device)


def computed(steps: Sequence[Sequence[Example]], *, budget: int) -> float:
    """The share of the tokens of some steps that goes through the model when beginnings are shared."""
    held = through = 0
    for examples in steps:
        ids = [row.tokens.ids for example in examples for row in example.rows]
        through += sum(tree.tokens for tree in trees(ids, budget=budget, groups=_groups(examples)))
        held += sum(map(len, ids))
    return through / max(1, held)


def _groups(examples: Sequence[Example]) -> list[list[int]]:
    """For each example the numbers of its rows, counted over all."""
    ends = list(accumulate(len(example.rows) for example in examples))
    return [list(range(end - len(example.rows), end)) for example, end in zip(examples, ends, strict=True)]


def _micro_batch(
    rows: Sequence[Row],
    laid: Sequence[Tree],
    owners: Mapping[int, int],
    examples: tuple[Any, ...],
    device: torch.device,
) -> MicroBatch:
    """Trees side by side; a token is predicted at the place before it, within its own row.

    A place that several rows share can have a label for each of them.
    """
    lengths: list[int] = []
    parents: list[int] = []
    ids: list[int] = []
    places: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    owned: list[np.ndarray] = []
    for tree in laid:
        cut = segments(tree, {number: rows[number].tokens.ids for number in tree.rows})
        for number, of_row in zip(tree.rows, cut.places, strict=True):
            tokens = rows[number].tokens
            before = np.flatnonzero(tokens.trained[1:])
            places.append(of_row[before] + len(ids))
            labels.append(np.asarray(tokens.ids)[before + 1])
            owned.append(np.full(len(before), owners[number]))
        parents += [parent if parent < 0 else parent + len(lengths) for parent in cut.parents]
        lengths += cut.lengths
        ids += cut.ids
    return MicroBatch(
        torch.tensor([ids], device=device),
        Documents(lengths, parents),
        _joined(places, device),
        _joined(labels, device),
        _joined(owned, device),
        examples,
    )


def _joined(parts: Sequence[np.ndarray], device: torch.device) -> Tensor:
    return torch.from_numpy(np.concatenate(parts)).to(device)
