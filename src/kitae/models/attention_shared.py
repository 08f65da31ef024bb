"""Attention where documents share their beginnings: each shared token is computed once, and the result is the same.

A token's keys lie in several places: its own segment, and each segment above it. Its own segment goes by buckets, as
for separate documents. Each segment above is one dense product with all tokens below it. The parts are put together
by their log-sum-exp, as in Dao et al. 2022, FlashAttention, arXiv:2205.14135, section 3.1; the gradient follows from
P = exp(S - lse) and dS = P (dP - rowsum(dO O)), section B.2 there, part by part.

Nothing is approximated: a document's outputs are those of the document alone, and the gradients of a shared token are
the sum over the documents that hold it, as they would be with the token computed once in each.

Shapes: T tokens of the row, n tokens that look at a segment of m tokens, H query heads, K key-value heads, G = H / K,
E head width.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from kitae.models.attention_layout import Shared
from kitae.models.attention_plain import (
    Plan,
    Rules,
    batches,
    causal_scores,
    scale_of_queries,
    scores_of,
    through_scores,
)


class SharedAttention(torch.autograd.Function):
    """Attention over the paths of a tree of segments, with its gradient written out."""

    @staticmethod
    def forward(  # noqa: PLR0917  # torch passes by position
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, sinks: Tensor | None, plan: Plan
    ) -> Tensor:
        """Take query (T x H, E), key and value (T x K, E), a row per token and head; give (T x H, E)."""
        documents, rules, heads = plan
        groups = query.shape[0] // key.shape[0]
        outer, rules = scale_of_queries(rules, query.dtype)
        query = query * outer
        own = _Own(documents, heads, groups, query.device)
        outs, sums, kept = [], [], []
        for bucket, (q, k, v) in own.batches([own.of_queries(query), own.of_keys(key), own.of_keys(value)]):
            weights, logsum = _softmax(causal_scores(q, k, bucket, rules))
            kept.append(weights)
            sums.append(logsum.view(-1))
            outs.append(torch.bmm(weights, v).view(-1, v.shape[-1]))
        own_logsum = torch.cat(sums).index_select(0, own.queries.scatter)
        heads_TKG = (documents.tokens, heads, groups)
        logsum_TKG = own_logsum.view(heads_TKG).clone()
        out_TKGE = torch.cat(outs).index_select(0, own.queries.scatter).view(*heads_TKG, -1).float()
        views = _Views(query, key, value, heads_TKG)
        for piece in documents.shared:
            q, k, v = views.of(piece)
            weights, logsum = _softmax(_seen_scores(q, k, documents.unseen(piece, rules.window), rules))
            part_nKGE = _by_token(torch.bmm(weights, v), groups)
            part_nKG = _by_token(logsum[..., None], groups)[..., 0]
            here = slice(piece.begin, piece.end)
            _add(out_TKGE[here], logsum_TKG[here], part_nKGE, part_nKG)
        if sinks is not None:
            # A sink is one more key per head that takes weight and gives nothing (gpt-oss).
            _add(out_TKGE, logsum_TKG, None, sinks.view(heads, groups).float().expand(heads_TKG))
        out = out_TKGE.view(query.shape[0], -1).to(query.dtype)
        ctx.save_for_backward(query, key, value, sinks, out, own_logsum, logsum_TKG.view(-1), *kept)
        ctx.plan = (documents, rules, own, outer)
        return out

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of query, key, value and sinks."""
        query, key, value, sinks, out, own_logsum, logsum, *kept = ctx.saved_tensors
        documents, rules, own, outer = ctx.plan
        grad_out = grad_out.contiguous()
        dots = (grad_out.float() * out.float()).sum(-1)
        # The part's share of the weight of each row, on the rows instead of on the scores: there are fewer.
        share = (own_logsum - logsum).exp_()
        grad_own = own.of_queries(grad_out * share.to(grad_out.dtype)[:, None])
        grad_own.index_fill_(0, own.queries.padding, 0)  # a padding row repeats a real one, which must count once
        dots_own = own.of_queries((dots * share)[:, None]).index_fill_(0, own.queries.padding, 0)
        grads: tuple[list[Tensor], ...] = ([], [], [])
        padded = [own.of_queries(query), own.of_keys(key), own.of_keys(value), grad_own, dots_own.to(grad_own.dtype)]
        for (_, (q, k, v, g, d)), weights in zip(own.batches(padded), kept, strict=True):
            for store, grad in zip(grads, _grads(q, k, v, g, d, weights, rules), strict=True):
                store.append(grad.reshape(-1, grad.shape[-1]))
        back = (own.queries.scatter, own.keys.scatter, own.keys.scatter)
        joined = [torch.cat(g).index_select(0, rows) for g, rows in zip(grads, back, strict=True)]
        heads_TKG = (documents.tokens, own.heads, own.groups)
        views = _Views(query, key, value, heads_TKG)
        of_grads = _Views(joined[0], joined[1], joined[2], heads_TKG)
        grad_TKGE, dots_TKG, logsum_TKG = grad_out.view(*heads_TKG, -1), dots.view(heads_TKG), logsum.view(heads_TKG)
        for piece in documents.shared:
            q, k, v = views.of(piece)
            here = slice(piece.begin, piece.end)
            scores = _seen_scores(q, k, documents.unseen(piece, rules.window), rules)
            weights = (scores.float() - _by_head(logsum_TKG[here, ..., None])).exp_().to(q.dtype)
            d = _by_head(dots_TKG[here, ..., None]).to(q.dtype)
            of_piece = _grads(q, k, v, _by_head(grad_TKGE[here]), d, weights, rules)
            of_grads.add(piece, *of_piece)
        grad_sinks = None
        if sinks is not None:
            of_sink = (sinks.view(own.heads, own.groups).float() - logsum_TKG).exp_()
            grad_sinks = -(of_sink * dots_TKG).sum(0).view(-1).to(sinks.dtype)
        return joined[0].mul_(outer), joined[1], joined[2], grad_sinks, None


class _Own:
    """Each segment by itself: padded, in buckets of similar length."""

    def __init__(self, documents: Any, heads: int, groups: int, device: torch.device) -> None:
        self.documents, self.heads, self.groups = documents, heads, groups
        self.queries = documents.index(heads, groups, device)
        self.keys = documents.index(heads, 1, device)

    def of_queries(self, rows: Tensor) -> Tensor:
        return rows.index_select(0, self.queries.gather)

    def of_keys(self, rows: Tensor) -> Tensor:
        return rows.index_select(0, self.keys.gather)

    def batches(self, padded: Sequence[Tensor]) -> Any:
        return batches(self.documents, self.heads, self.groups, padded)


class _Views:
    """Query, key and value (or their gradients) by token and head."""

    def __init__(self, query: Tensor, key: Tensor, value: Tensor, heads_TKG: tuple[int, int, int]) -> None:
        self.query_TKGE = query.view(*heads_TKG, -1)
        self.key_TKE, self.value_TKE = (x.view(*heads_TKG[:2], -1) for x in (key, value))

    def of(self, piece: Shared) -> tuple[Tensor, Tensor, Tensor]:
        """The queries (K, G x n, E) of a piece, and the keys and values (K, m, E) they see."""
        seen = slice(piece.start, piece.stop)
        query = _by_head(self.query_TKGE[piece.begin : piece.end])
        return query, self.key_TKE[seen].transpose(0, 1), self.value_TKE[seen].transpose(0, 1)

    def add(self, piece: Shared, query: Tensor, key: Tensor, value: Tensor) -> None:
        """Add gradients in the shapes of `of`."""
        seen = slice(piece.start, piece.stop)
        self.query_TKGE[piece.begin : piece.end] += _by_token(query, self.query_TKGE.shape[2])
        self.key_TKE[seen] += key.transpose(0, 1)
        self.value_TKE[seen] += value.transpose(0, 1)


def _by_head(x_nKGE: Tensor) -> Tensor:
    """(K, G x n, E)."""
    n, heads, groups, width = x_nKGE.shape
    return x_nKGE.permute(1, 2, 0, 3).reshape(heads, groups * n, width)


def _by_token(x: Tensor, groups: int) -> Tensor:
    """(K, G x n, E) to (n, K, G, E)."""
    return x.view(x.shape[0], groups, -1, x.shape[-1]).permute(2, 0, 1, 3)


def _softmax(scores: Tensor) -> tuple[Tensor, Tensor]:
    """The weights in the format of the scores, and the log of the sum of the exponentials of each row in fp32.

    The sum comes from where the weight is largest: there weight = exp(score - logsum).
    """
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32)
    logsum = scores.amax(-1).float() - weights.amax(-1).log_()
    return weights.to(scores.dtype), logsum


def _seen_scores(query: Tensor, key: Tensor, unseen: Tensor | None, rules: Rules) -> Tensor:
    """Scores (K, G x n, m); what a window hides is as small as can be, so that a row of it alone stays finite."""
    scores = scores_of(query, key, rules)
    if unseen is not None:
        by_token = scores.view(scores.shape[0], -1, *unseen.shape)
        by_token.masked_fill_(unseen.to(scores.device), torch.finfo(scores.dtype).min)
    return scores


def _add(out_nKGE: Tensor, logsum_nKG: Tensor, part_nKGE: Tensor | None, part_logsum_nKG: Tensor) -> None:
    """Take another part's outputs and log-sum-exp into those so far, in place; a part of None gives nothing."""
    both_nKG = torch.logaddexp(logsum_nKG, part_logsum_nKG)
    out_nKGE *= (logsum_nKG - both_nKG).exp_()[..., None]
    if part_nKGE is not None:
        out_nKGE += part_nKGE * (part_logsum_nKG - both_nKG).exp_()[..., None]
    logsum_nKG.copy_(both_nKG)


def _grads(  # noqa: PLR0917  # the letters of the formula
    query: Tensor, key: Tensor, value: Tensor, grad: Tensor, dots: Tensor, weights: Tensor, rules: Rules
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of query, key and value of one part: dS = P (dO V' - dots), dQ = dS K, dK = dS' Q, dV = P' dO."""
    grad_scores = torch.bmm(grad, value.transpose(1, 2)).sub_(dots).mul_(weights)
    grad_scores = through_scores(grad_scores, query, key, rules)
    return torch.bmm(grad_scores, key), torch.bmm(grad_scores.mT, query), torch.bmm(weights.mT, grad)
