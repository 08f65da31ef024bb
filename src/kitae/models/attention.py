"""Attention over several documents packed in one row, exactly as if each stood alone.

Packing without a kernel for it usually means a dense T x T mask, or documents that see each other. Here the documents
of a row are cut apart before attention and joined after it: those of similar length are gathered into one batch and
go through plain matrix products, long ones go through the fused kernel of torch one by one. The crossing point comes
from measurements of forward and backward on CPUs: plain products win up to 700 to 1,200 tokens.

Used through transformers' AttentionInterface: the model's own code runs, and calls `packed_attention`. The documents
come as the keyword `packed_documents` of the model call, so nothing global is set. No mask function is registered
under the name, therefore no mask is built.

Shapes: T tokens of the row, N documents of one bucket, L tokens a document is padded to, H query heads,
K key-value heads, G = H / K, E head width.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

NAME = "kitae_packed"
PLAIN_UP_TO = 768
"""Documents up to this many tokens go through plain matrix products, longer ones through the fused kernel. Where that
kernel cannot be used, the weights of longer ones are computed again in the backward pass instead of being kept."""
STEPS = ((64, 16), (256, 32), (PLAIN_UP_TO, 64))
"""Up to the first number, lengths are rounded up to a multiple of the second, so that few batches hold them all."""


@dataclass(frozen=True)
class Bucket:
    """N documents, each padded to L tokens (`length`); `rows` are their places in the padded order."""

    length: int
    starts: tuple[int, ...]
    lengths: tuple[int, ...]


@dataclass(frozen=True)
class HeadIndex:
    """Which row of the (T x heads, E) matrix stands where in the padded order, and back."""

    gather: Tensor
    scatter: Tensor
    padding: Tensor


class Documents:
    """The documents of one packed row, in order, by their lengths in tokens."""

    def __init__(self, lengths: Sequence[int]) -> None:
        """Plan the batches; `lengths` must all be positive."""
        if not lengths or min(lengths) < 1:
            raise ValueError(f"documents need at least one token each, got lengths {list(lengths)[:20]}")
        self.lengths = tuple(lengths)
        self.starts = (0, *accumulate(lengths))[:-1]
        self.tokens = sum(lengths)
        self._index: dict[tuple[int, int], HeadIndex] = {}

    @property
    def position_ids(self) -> Tensor:
        """Positions (1, T), counted from 0 in every document."""
        return torch.cat([torch.arange(length) for length in self.lengths])[None]

    @cached_property
    def buckets(self) -> tuple[Bucket, ...]:
        """The documents grouped by padded length, shortest first."""
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


def mask_for(length: int, window: int | None, like: Tensor) -> Tensor:
    """`causal_mask` in the format of a tensor; short ones, which come again and again, are kept."""
    made = causal_mask if length <= PLAIN_UP_TO else causal_mask.__wrapped__
    return made(length, window, like.dtype).to(like.device)


@lru_cache(maxsize=64)
def causal_mask(length: int, window: int | None, dtype: torch.dtype) -> Tensor:
    """Additive mask (L, L): 0 where a query sees a key, else -inf; a window of w shows the w latest tokens."""
    distance_LL = torch.arange(length)[:, None] - torch.arange(length)[None, :]
    seen_LL = (distance_LL >= 0) & (distance_LL < (window or length))
    return torch.zeros(length, length, dtype=dtype).masked_fill_(~seen_LL, float("-inf"))


@dataclass(frozen=True)
class Rules:
    """What a layer asks of attention: scale of the scores, window in tokens, soft-cap on the scores."""

    scale: float
    window: int | None = None
    softcap: float | None = None


def packed_attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **asked: Any
) -> tuple[Tensor, None]:
    """Causal attention within each document of `packed_documents`, for transformers' AttentionInterface.

    query (1, H, T, E), key and value (1, K, T, E); gives (1, T, H, E). Respects `scaling`, `sliding_window`,
    `softcap` and attention sinks (`s_aux`). Raises `ValueError` for what it cannot honour (a mask, dropout,
    a position bias), rather than leaving it out.
    """
    documents: Documents | None = asked.get("packed_documents")
    if documents is None or query.shape[0] != 1 or query.shape[2] != documents.tokens or key.shape[2] != query.shape[2]:
        raise ValueError(f"'{NAME}' wants one packed row, with its documents in `packed_documents`")
    if attention_mask is not None or asked.get("dropout") or asked.get("position_bias") is not None:
        raise ValueError(f"'{NAME}' takes no mask, no dropout and no position bias")
    if not getattr(module, "is_causal", True):
        raise ValueError(f"'{NAME}' is causal, this layer is not")
    scaling = asked.get("scaling")
    rules = Rules(
        scale=query.shape[-1] ** -0.5 if scaling is None else float(scaling),
        window=asked.get("sliding_window"),
        softcap=asked.get("softcap"),
    )
    return attend(query[0], key[0], value[0], documents, rules, sinks=asked.get("s_aux"))[None], None


def attend(
    query_HTE: Tensor, key_KTE: Tensor, value_KTE: Tensor, documents: Documents, rules: Rules, *, sinks: Tensor | None
) -> Tensor:
    """Attention within each document; gives (T, H, E)."""
    # The fused kernel knows neither soft-caps nor sinks, so such layers take plain products at every length.
    if not documents.long or rules.softcap is not None or sinks is not None:
        return _plain((query_HTE, key_KTE, value_KTE), documents, rules, sinks)
    pieces = {place[0]: _fused(query_HTE, key_KTE, value_KTE, place, rules) for place in documents.long}
    if documents.short is not None:
        tokens, rest = documents.short[0].to(query_HTE.device), documents.short[1]
        joined = _plain([x.index_select(1, tokens) for x in (query_HTE, key_KTE, value_KTE)], rest, rules, sinks)
        starts = [start for start in documents.starts if start not in pieces]
        pieces |= dict(zip(starts, torch.split(joined, list(rest.lengths)), strict=True))
    return torch.cat([pieces[start] for start in documents.starts])


def _fused(query_HTE: Tensor, key_KTE: Tensor, value_KTE: Tensor, place: tuple[int, int], rules: Rules) -> Tensor:
    """One long document through torch's fused kernel; gives (T of the document, H, E)."""
    start, length = place
    query, key, value = (x.narrow(1, start, length) for x in (query_HTE, key_KTE, value_KTE))
    groups = query.shape[0] // key.shape[0]
    if groups > 1:
        key, value = (x.repeat_interleave(groups, dim=0) for x in (key, value))
    narrow = rules.window is not None and rules.window < length
    out = nn.functional.scaled_dot_product_attention(
        query[None],
        key[None],
        value[None],
        attn_mask=mask_for(length, rules.window, query) if narrow else None,
        is_causal=not narrow,
        scale=rules.scale,
    )
    return out[0].transpose(0, 1)


Plan = tuple[Documents, Rules, int]
"""The documents, what the layer asks, and its number of key-value heads."""


def _plain(tensors: Sequence[Tensor], documents: Documents, rules: Rules, sinks: Tensor | None) -> Tensor:
    rows = [x.transpose(0, 1).reshape(-1, x.shape[-1]) for x in tensors]
    out: Tensor = PlainAttention.apply(*rows, sinks, (documents, rules, tensors[1].shape[0]))  # type: ignore[no-untyped-call]
    return out.view(documents.tokens, -1, tensors[2].shape[-1])


class PlainAttention(torch.autograd.Function):
    """Attention by plain matrix products over batches of documents, with its gradient written out."""

    @staticmethod
    def forward(  # noqa: PLR0917  # torch passes by position
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, sinks: Tensor | None, plan: Plan
    ) -> Tensor:
        """Take query (T x H, E), key and value (T x K, E), a row per token and head; give (T x H, E)."""
        documents, rules, heads = plan
        groups = query.shape[0] // key.shape[0]
        of_queries = documents.index(heads, groups, query.device)
        of_keys = documents.index(heads, 1, query.device)
        padded = [query.index_select(0, of_queries.gather), *(x.index_select(0, of_keys.gather) for x in (key, value))]
        outer = 1.0
        if query.dtype == torch.float32 or math.frexp(rules.scale)[0] == 0.5:
            # Where it loses nothing (always in fp32, else for powers of two) queries are scaled: there are fewer.
            outer, rules = rules.scale, replace(rules, scale=1.0)
            padded[0].mul_(outer)
        kept: list[Tensor | None] = []
        outs = []
        for bucket, (q, k, v) in _batches(documents, heads, groups, padded):
            weights = _weights(q, k, bucket, rules, sinks)
            kept.append(weights if bucket.length <= PLAIN_UP_TO else None)
            outs.append(torch.bmm(weights, v).view(-1, v.shape[-1]))
        out = torch.cat(outs).index_select(0, of_queries.scatter)
        ctx.save_for_backward(*padded, sinks, *kept)
        ctx.plan = (documents, rules, heads, groups, outer)
        return out

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of query, key, value and sinks."""
        query, key, value, sinks, *kept = ctx.saved_tensors
        documents, rules, heads, groups, outer = ctx.plan
        of_queries = documents.index(heads, groups, query.device)
        of_keys = documents.index(heads, 1, query.device)
        # A padding row repeats a real one; its gradient must not count twice.
        grad = grad_out.contiguous().index_select(0, of_queries.gather).index_fill_(0, of_queries.padding, 0)
        grads: tuple[list[Tensor], ...] = ([], [], [])
        grad_sinks = None if sinks is None else torch.zeros_like(sinks)
        batches = _batches(documents, heads, groups, [query, key, value, grad])
        for (bucket, (q, k, v, g)), weights in zip(batches, kept, strict=True):
            again = _weights(q, k, bucket, rules, sinks) if weights is None else weights
            grad_weights = torch.bmm(g, v.transpose(1, 2))
            grad_scores = torch._softmax_backward_data(grad_weights, again, -1, again.dtype)  # noqa: SLF001
            if grad_sinks is not None:
                grad_sinks += _grad_of_sinks(grad_weights, again, bucket, grad_sinks.numel())
            if rules.softcap is not None:
                # d tanh(s / c) c / ds = 1 - tanh^2; the raw scores are cheap to compute once more.
                raw = torch.bmm(q, k.transpose(1, 2)).mul_(rules.scale / rules.softcap).tanh_()
                grad_scores = grad_scores * (1 - raw * raw)
            if rules.scale != 1.0:
                grad_scores = grad_scores.mul_(rules.scale)
            for store, value_grad in zip(
                grads,
                (torch.bmm(grad_scores, k), torch.bmm(grad_scores.transpose(1, 2), q), torch.bmm(again.mT, g)),
                strict=True,
            ):
                store.append(value_grad.view(-1, value_grad.shape[-1]))
        back = (of_queries.scatter, of_keys.scatter, of_keys.scatter)
        joined = [torch.cat(g).index_select(0, rows) for g, rows in zip(grads, back, strict=True)]
        return (joined[0].mul_(outer), *joined[1:], grad_sinks, None)


def _batches(documents: Documents, heads: int, groups: int, padded: Sequence[Tensor]) -> Any:
    """Each bucket with its query, key, value (and gradient) as (K x N, rows, E) views of the padded rows."""
    at_query = at_key = 0
    for bucket in documents.buckets:
        count = heads * len(bucket.starts) * bucket.length
        views = []
        for i, rows in enumerate(padded):
            of_query = i not in {1, 2}
            at, size = (at_query, count * groups) if of_query else (at_key, count)
            length = bucket.length * groups if of_query else bucket.length
            views.append(rows.narrow(0, at, size).view(heads * len(bucket.starts), length, rows.shape[-1]))
        yield bucket, views
        at_query += count * groups
        at_key += count


def _weights(query: Tensor, key: Tensor, bucket: Bucket, rules: Rules, sinks: Tensor | None) -> Tensor:
    """Attention weights (K x N, G x L, L)."""
    scores = torch.bmm(query, key.transpose(1, 2))
    if rules.scale != 1.0:
        scores = scores.mul_(rules.scale)
    if rules.softcap is not None:
        scores = scores.div_(rules.softcap).tanh_().mul_(rules.softcap)
    by_query = scores.view(scores.shape[0], -1, bucket.length, bucket.length)
    by_query.add_(mask_for(bucket.length, rules.window, scores))
    if sinks is None:
        return torch.softmax(scores, dim=-1)
    # A sink is one more key per head that takes weight and gives nothing (gpt-oss).
    count = len(bucket.starts)
    heads = scores.shape[0] // count
    sink = sinks.view(heads, 1, -1, 1).to(scores.dtype)
    sink = sink.expand(heads, count, -1, bucket.length).reshape(scores.shape[0], -1, 1)
    return torch.softmax(torch.cat([scores, sink], dim=-1), dim=-1)[..., :-1].contiguous()


def _grad_of_sinks(grad_weights: Tensor, weights: Tensor, bucket: Bucket, count: int) -> Tensor:
    """Gradient (H): the sink's weight is what the others leave, and it moves them all down."""
    of_sink = 1 - weights.sum(-1)
    grad = -(of_sink * (grad_weights * weights).sum(-1))
    documents = len(bucket.starts)
    heads = weights.shape[0] // documents
    return grad.view(heads, documents, count // heads, bucket.length).sum((1, 3)).view(-1)


def dense_attention(
    query_HTE: Tensor, key_KTE: Tensor, value_KTE: Tensor, documents: Documents, rules: Rules, *, sinks: Tensor | None
) -> Tensor:
    """The reference: one dense T x T block mask, plain autograd, nothing clever; gives (T, H, E)."""
    groups = query_HTE.shape[0] // key_KTE.shape[0]
    key, value = (x.repeat_interleave(groups, dim=0) for x in (key_KTE, value_KTE))
    scores = query_HTE @ key.transpose(1, 2) * rules.scale
    if rules.softcap is not None:
        scores = torch.tanh(scores / rules.softcap) * rules.softcap
    number = torch.repeat_interleave(torch.arange(len(documents.lengths)), torch.tensor(documents.lengths))
    distance = torch.arange(documents.tokens)[:, None] - torch.arange(documents.tokens)[None, :]
    seen = (number[:, None] == number[None, :]) & (distance >= 0) & (distance < (rules.window or documents.tokens))
    scores = scores.masked_fill(~seen, float("-inf"))
    if sinks is not None:
        scores = torch.cat([scores, sinks.view(-1, 1, 1).expand(-1, documents.tokens, 1)], dim=-1)
    weights = torch.softmax(scores, dim=-1)[..., : documents.tokens]
    return (weights @ value).transpose(0, 1)


AttentionInterface.register(NAME, packed_attention)
