"""Rows that begin with the same tokens, laid out as trees, so that what they share goes through the model once.

A system prompt, a list of labels, a document with several questions, the turns of one conversation: in sorted order
such rows stand side by side. Every result is the same as with separate rows (`kitae.models.attention_shared`).

Shapes: R rows in sorted order; a boundary lies between a row and the one before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

LEAST_SAVED = 32
"""Tokens that a shared segment must save: looking at another segment costs about as much as computing so many again,
measured on models of 8M and 135M parameters on CPUs."""

Tokens = Sequence[int]


@dataclass(frozen=True)
class Tree:
    """Rows (by their number) in sorted order, and how many first tokens each shares with the one before it."""

    rows: tuple[int, ...]
    shared: tuple[int, ...]
    tokens: int
    """Tokens that are computed."""


@dataclass(frozen=True)
class Segments:
    """The runs of tokens of a tree in depth-first order: lengths, parents (-1 for a root), and where the rows lie."""

    lengths: list[int]
    parents: list[int]
    ids: list[int]
    places: list[np.ndarray]
    """For each row of the tree the place of each of its tokens (its length)."""


def alone(rows: Sequence[Tokens], groups: Sequence[Sequence[int]] | None = None) -> list[Tree]:
    """Nothing shared: each row by itself, or each group of rows that must go through the model together."""
    numbers = groups or [(i,) for i in range(len(rows))]
    return [Tree(tuple(group), (0,) * len(group), sum(len(rows[i]) for i in group)) for group in numbers]


def trees(rows: Sequence[Tokens], *, budget: int, groups: Sequence[Sequence[int]] | None = None) -> list[Tree]:
    """Every row in exactly one tree; a tree of several rows (or groups) has at most `budget` tokens.

    Rows of a group (numbers of rows; every row in exactly one) stay in one tree, side by side. Beginnings are shared
    where that saves at least `LEAST_SAVED` tokens.
    """
    inside = [sorted(group, key=lambda i: (tuple(rows[i]), i)) for group in groups or [[i] for i in range(len(rows))]]
    inside.sort(key=lambda group: (tuple(rows[group[0]]), group[0]))
    order = [row for group in inside for row in group]
    arrays = [np.asarray(rows[i]) for i in order]
    shared = _worthwhile([0, *(_common(a, b) for a, b in pairwise(arrays))])
    begun = [0]  # where in the order the trees begin
    tokens = at = 0
    for group in inside:
        end = at + len(group)
        added = sum(len(arrays[i]) - shared[i] for i in range(at, end))
        if at and (shared[at] == 0 or tokens + added > budget):
            begun.append(at)
            tokens, added = 0, added + shared[at]
        tokens += added
        at = end
    return [_tree(order, arrays, shared, first, end) for first, end in pairwise([*begun, len(order)]) if end > first]


def _tree(order: Sequence[int], arrays: Sequence[np.ndarray], shared: Sequence[int], first: int, end: int) -> Tree:
    inside = (0, *shared[first + 1 : end])
    return Tree(tuple(order[first:end]), inside, sum(map(len, arrays[first:end])) - sum(inside))


def _common(a: np.ndarray, b: np.ndarray) -> int:
    """The number of first tokens that are the same."""
    length = min(len(a), len(b))
    differ = np.flatnonzero(a[:length] != b[:length])
    return int(differ[0]) if len(differ) else length


def _worthwhile(common: Sequence[int]) -> list[int]:
    """What each row shares with the one before it, once the branchings that save too little are left out."""
    spans = _spans(common)
    spans.reverse()  # a stack: those that begin first, and of these the widest, on top
    kept: list[int] = []
    open_spans: list[tuple[int, int]] = []
    for boundary in range(len(common)):
        while open_spans and open_spans[-1][0] < boundary:
            open_spans.pop()
        kept.append(open_spans[-1][1] if open_spans else 0)
        while spans and spans[-1][0] == boundary:
            first, last, depth = spans.pop()
            above = open_spans[-1][1] if open_spans else 0
            if (depth - above) * (last - first) >= LEAST_SAVED:
                open_spans.append((last, depth))
    return kept


def _spans(common: Sequence[int]) -> list[tuple[int, int, int]]:
    """Every branching as (first row, last row, tokens they all share), the outer before the inner.

    The intervals of Abouelhoda et al. 2004, "Replacing suffix trees with enhanced suffix arrays", definition 4.1.
    """
    found: list[tuple[int, int, int]] = []
    open_spans: list[tuple[int, int]] = []
    for at in range(1, len(common) + 1):
        depth = common[at] if at < len(common) else 0
        first = at - 1
        while open_spans and open_spans[-1][1] > depth:
            first, inner = open_spans.pop()
            found.append((first, at - 1, inner))
        if depth and (not open_spans or open_spans[-1][1] < depth):
            open_spans.append((first, depth))
    return sorted(found, key=lambda span: (span[0], -span[1]))


def segments(tree: Tree, rows: Mapping[int, Tokens]) -> Segments:
    """Cut the rows of a tree where they branch; `rows` has them by their numbers."""
    made = Segments([], [], [], [])
    path: list[tuple[int, int, int]] = []  # segment, its first place, its end counted from the beginning of the row
    for row, common, later in zip(tree.rows, tree.shared, _branchings(tree.shared), strict=True):
        ids = rows[row]
        while path and path[-1][2] > common:
            path.pop()
        begin = common
        for end in (*later, len(ids)):
            if end == begin:
                continue  # the row ends where others go on
            made.parents.append(path[-1][0] if path else -1)
            made.lengths.append(end - begin)
            path.append((len(made.lengths) - 1, len(made.ids), end))
            made.ids.extend(ids[begin:end])
            begin = end
        made.places.append(np.concatenate([np.arange(p, p + made.lengths[s]) for s, p, _ in path]))
    return made


def _branchings(shared: Sequence[int]) -> list[list[int]]:
    """For each row the depths, ascending, at which later rows branch off from what it adds."""
    found: list[list[int]] = []
    ahead: list[int] = []  # the smaller and smaller depths met further on, the nearest last
    for depth in reversed([*shared[1:], 0]):
        while ahead and ahead[-1] >= depth:
            ahead.pop()
        ahead.append(depth)
        found.append(ahead.copy())
    found.reverse()
    return [[d for d in depths if d > own] for depths, own in zip(found, shared, strict=True)]
