"""Attention of separate documents by plain matrix products over batches of similar length, its gradient written out.

Shapes: T tokens of the row, N documents of one bucket, L tokens a document is padded to, H query heads,
K key-value heads, G = H / K, E head width.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from kitae.models.attention_layout import PLAIN_UP_TO, Bucket, Documents


@dataclass(frozen=True)
class Rules:
    """What a layer asks of attention: scale of the scores, window in tokens, soft-cap on the scores."""

    scale: float
    window: int | None = None
    softcap: float | None = None


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


Plan = tuple[Documents, Rules, int]
"""The documents, what the layer asks, and its number of key-value heads."""


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
        outer, rules = scale_of_queries(rules, query.dtype)
        padded[0].mul_(outer)
        kept: list[Tensor | None] = []
        outs = []
        for bucket, (q, k, v) in batches(documents, heads, groups, padded):
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
        by_bucket = batches(documents, heads, groups, [query, key, value, grad])
        for (bucket, (q, k, v, g)), weights in zip(by_bucket, kept, strict=True):
            again = _weights(q, k, bucket, rules, sinks) if weights is None else weights
            grad_weights = torch.bmm(g, v.transpose(1, 2))
            grad_scores = torch._softmax_backward_data(grad_weights, again, -1, again.dtype)  # noqa: SLF001
            if grad_sinks is not None:
                grad_sinks += _grad_of_sinks(grad_weights, again, bucket, grad_sinks.numel())
            grad_scores = through_scores(grad_scores, q, k, rules)
            for store, value_grad in zip(
                grads,
                (torch.bmm(grad_scores, k), torch.bmm(grad_scores.transpose(1, 2), q), torch.bmm(again.mT, g)),
                strict=True,
            ):
                store.append(value_grad.view(-1, value_grad.shape[-1]))
        back = (of_queries.scatter, of_keys.scatter, of_keys.scatter)
        joined = [torch.cat(g).index_select(0, rows) for g, rows in zip(grads, back, strict=True)]
        return (joined[0].mul_(outer), *joined[1:], grad_sinks, None)


def scale_of_queries(rules: Rules, dtype: torch.dtype) -> tuple[float, Rules]:
    """What the queries are scaled by, and what is then left for the scores.

    Where it loses nothing (always in fp32, else for powers of two) queries are scaled: there are fewer of them.
    """
    if dtype == torch.float32 or math.frexp(rules.scale)[0] == 0.5:
        return rules.scale, replace(rules, scale=1.0)
    return 1.0, rules


def batches(
    documents: Documents, heads: int, groups: int, padded: Sequence[Tensor]
) -> Iterator[tuple[Bucket, list[Tensor]]]:
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


def scores_of(query: Tensor, key: Tensor, rules: Rules) -> Tensor:
    """Scaled and capped scores (B, rows, columns), before any mask."""
    scores = torch.bmm(query, key.transpose(1, 2))
    if rules.scale != 1.0:
        scores = scores.mul_(rules.scale)
    if rules.softcap is not None:
        scores = scores.div_(rules.softcap).tanh_().mul_(rules.softcap)
    return scores


def causal_scores(query: Tensor, key: Tensor, bucket: Bucket, rules: Rules) -> Tensor:
    """Scores (K x N, G x L, L) under the causal mask."""
    scores = scores_of(query, key, rules)
    by_query = scores.view(scores.shape[0], -1, bucket.length, bucket.length)
    by_query.add_(mask_for(bucket.length, rules.window, scores))
    return scores


def through_scores(grad_scores: Tensor, query: Tensor, key: Tensor, rules: Rules) -> Tensor:
    """The gradient at the plain products of query and key, from the one at their scores; may write into it."""
    if rules.softcap is not None:
        # d tanh(s / c) c / ds = 1 - tanh^2; the raw scores are cheap to compute once more.
        raw = torch.bmm(query, key.transpose(1, 2)).mul_(rules.scale / rules.softcap).tanh_()
        grad_scores = grad_scores * (1 - raw * raw)
    return grad_scores if rules.scale == 1.0 else grad_scores.mul_(rules.scale)


def _weights(query: Tensor, key: Tensor, bucket: Bucket, rules: Rules, sinks: Tensor | None) -> Tensor:
    """Attention weights (K x N, G x L, L)."""
    scores = causal_scores(query, key, bucket, rules)
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
