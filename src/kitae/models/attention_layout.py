"""How several documents lie in one packed row: as separate runs of tokens, or as trees that share their beginnings.

A segment is a run of tokens. A document is the path from a root to a segment: its tokens see the segments above them
and their own past, nothing else. Segments stand in depth-first order, so that all below a segment follow it in one
run. Without sharing every segment is a root, a whole document.

Shapes: T tokens of the row, N documents of one bucket, L tokens a document is padded to, H query heads,
K key-value heads, G = H / K.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import torch
from torch import Tensor

PLAIN_UP_TO = 768
"""Documents up to this many tokens go through plain matrix products, longer ones through the fused kernel. Where that
kernel cannot be used, the weights of longer ones are computed again in the backward pass instead of being kept."""
PIECE = 1024
"""At most this many tokens look at a shared segment at a time, which bounds the memory for the scores."""
STEPS = ((64, 16), (256, 32), (PLAIN_UP_TO, 64))
"""Up to the first number, lengths are rounded up to a multiple of the second, so that few batches hold them all."""


@dataclass(frozen=True)
class Bucket:
    """N documents, each padded to L tokens (`length`), by their first tokens and their lengths in the row."""

    length: int
    starts: tuple[int, ...]
    lengths: tuple[int, ...]


@dataclass(frozen=True)
class HeadIndex:
    """Which row of the (T x heads, E) matrix stands where in the padded order, and back."""

    gather: Tensor
    scatter: Tensor
    padding: Tensor


@dataclass(frozen=True)
class Shared:
    """Tokens `begin` to `end` see all of the segment `start` to `stop`, which stands above theirs."""

    start: int
    stop: int
    begin: int
    end: int


class Documents:
    """The documents of one packed row: segments in depth-first order, each with its parent's number, -1 for a root."""

    def __init__(self, lengths: Sequence[int], parents: Sequence[int] | None = None) -> None:
        """Plan the batches; `lengths` must all be positive, and no parent may come after its child."""
        if not lengths or min(lengths) < 1:
            raise ValueError(f"documents need at least one token each, got lengths {list(lengths)[:20]}")
        above = [-1] * len(lengths) if parents is None else list(parents)
        if len(above) != len(lengths) or not _depth_first(above):
            raise ValueError(f"segments must come in depth-first order, got parents {above[:20]}")
        # Beside shared beginnings no fused kernel is used: a long segment becomes a chain of short ones.
        self.lengths, self.parents = _chained(lengths, above) if max(above) >= 0 else (tuple(lengths), tuple(above))
        self.starts = (0, *accumulate(self.lengths))[:-1]
        self.tokens = sum(self.lengths)
        self._index: dict[tuple[int, int], HeadIndex] = {}
        self._unseen: dict[tuple[Shared, int], Tensor | None] = {}

    @cached_property
    def position_ids(self) -> Tensor:
        """Positions (1, T), counted from 0 at every root; a segment goes on where its parent ends."""
        begins: list[int] = []
        for parent in self.parents:
            begins.append(0 if parent < 0 else begins[parent] + self.lengths[parent])
        return torch.cat([torch.arange(b, b + n) for b, n in zip(begins, self.lengths, strict=True)])[None]

    @property
    def roots(self) -> list[int]:
        """The first token of each root."""
        return [start for start, parent in zip(self.starts, self.parents, strict=True) if parent < 0]

    def with_more_at_the_roots(self, count: int) -> "Documents":
        """The same with `count` tokens more before each root."""
        lengths = [n + count * (parent < 0) for n, parent in zip(self.lengths, self.parents, strict=True)]
        return Documents(lengths, self.parents)

    @cached_property
    def shared(self) -> tuple[Shared, ...]:
        """What is seen of other segments, in pieces of at most `PIECE` tokens; empty without sharing."""
        ends = [start + length for start, length in zip(self.starts, self.lengths, strict=True)]
        last = list(ends)
        for i in reversed(range(len(self.parents))):
            if self.parents[i] >= 0:
                last[self.parents[i]] = max(last[self.parents[i]], last[i])
        return tuple(
            Shared(start, stop, begin, min(begin + PIECE, end))
            for start, stop, end in zip(self.starts, ends, last, strict=True)
            for begin in range(stop, end, PIECE)
        )

    def unseen(self, shared: Shared, window: int | None) -> Tensor | None:
        """Which of the tokens (rows) a window keeps from seeing which of the segment (columns); None: none."""
        if window is None:
            return None
        if (shared, window) not in self._unseen:
            places = self.position_ids[0]
            distance = places[shared.begin : shared.end, None] - places[None, shared.start : shared.stop]
            hidden = distance >= window
            self._unseen[shared, window] = hidden if bool(hidden.any()) else None
        return self._unseen[shared, window]

    @property
    def on_path(self) -> Tensor:
        """Which tokens (columns) are of the segment of a token (rows) or of one above it: (T, T)."""
        count = len(self.parents)
        above = torch.eye(count, dtype=torch.bool)
        for i, parent in enumerate(self.parents):
            if parent >= 0:
                above[i] |= above[parent]
        number = torch.repeat_interleave(torch.arange(count), torch.tensor(self.lengths))
        return above[number][:, number]

    @cached_property
    def buckets(self) -> tuple[Bucket, ...]:
        """The segments grouped by padded length, shortest first."""
        groups: dict[int, list[int]] = {}
        for i, length in enumerate(self.lengths):
            groups.setdefault(padded_length(length), []).append(i)
        return tuple(
            Bucket(size, tuple(self.starts[i] for i in groups[size]), tuple(self.lengths[i] for i in groups[size]))
            for size in sorted(groups)
        )

    @cached_property
    def long(self) -> tuple[tuple[int, int], ...]:
        """Start and length of the documents above `PLAIN_UP_TO` tokens."""
        return tuple((s, n) for s, n in zip(self.starts, self.lengths, strict=True) if n > PLAIN_UP_TO)

    @cached_property
    def short(self) -> "tuple[Tensor, Documents] | None":
        """The tokens of the other documents (their places in the row) and those documents as a row of their own."""
        rest = [(s, n) for s, n in zip(self.starts, self.lengths, strict=True) if n <= PLAIN_UP_TO]
        if not rest:
            return None
        return torch.cat([torch.arange(s, s + n) for s, n in rest]), Documents([n for _, n in rest])

    def index(self, heads: int, groups: int, device: torch.device) -> HeadIndex:
        """The gather and scatter rows for `heads` key-value heads of `groups` query heads each; kept for later layers.

        Padded order: bucket, head, document, group, token. A padding row repeats the document's last token; under a
        causal mask no real query sees it.
        """
        if (heads, groups) not in self._index:
            made = _head_index(self.buckets, self.tokens, heads, groups)
            on_device = HeadIndex(made.gather.to(device), made.scatter.to(device), made.padding.to(device))
            self._index[heads, groups] = on_device
        return self._index[heads, groups]


def padded_length(length: int) -> int:
    """The length of the batch in which a document of this length is computed."""
    step = next((step for limit, step in STEPS if length <= limit), STEPS[-1][1])
    return -(-length // step) * step


def _depth_first(parents: Sequence[int]) -> bool:
    """Whether each parent is on the path to the segment before its child, or -1."""
    path: list[int] = []
    for i, parent in enumerate(parents):
        while path and path[-1] != parent:
            path.pop()
        if parent >= 0 and not path:
            return False
        path.append(i)
    return True


def _chained(lengths: Sequence[int], parents: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The same tree with every segment of more than `PLAIN_UP_TO` tokens cut into a chain of nearly equal ones."""
    cut_lengths: list[int] = []
    cut_parents: list[int] = []
    last_of: list[int] = []
    for length, parent in zip(lengths, parents, strict=True):
        pieces = -(-length // PLAIN_UP_TO)
        above = -1 if parent < 0 else last_of[parent]
        for piece in range(pieces):
            cut_lengths.append(length * (piece + 1) // pieces - length * piece // pieces)
            cut_parents.append(above)
            above = len(cut_lengths) - 1
        last_of.append(above)
    return tuple(cut_lengths), tuple(cut_parents)


def _head_index(buckets: Sequence[Bucket], tokens: int, heads: int, groups: int) -> HeadIndex:
    gathers, reals = [], []
    head_KG = torch.arange(heads * groups).view(heads, 1, groups, 1)
    for bucket in buckets:
        offset_L = torch.arange(bucket.length)
        start_N1 = torch.tensor(bucket.starts)[:, None]
        length_N1 = torch.tensor(bucket.lengths)[:, None]
        token_NL = start_N1 + torch.minimum(offset_L, length_N1 - 1)
        rows_KNGL = token_NL[None, :, None, :] * (heads * groups) + head_KG
        real_KNGL = (offset_L < length_N1)[None, :, None, :].expand_as(rows_KNGL)
        gathers.append(rows_KNGL.flatten())
        reals.append(real_KNGL.flatten())
    gather, real = torch.cat(gathers), torch.cat(reals)
    scatter = torch.zeros(tokens * heads * groups, dtype=torch.long)
    scatter[gather[real]] = real.nonzero().flatten()
    return HeadIndex(gather, scatter, (~real).nonzero().flatten())
