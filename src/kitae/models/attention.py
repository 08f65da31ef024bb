"""Attention over several documents packed in one row, exactly as if each stood alone.

Packing without a kernel for it usually means a dense T x T mask, or documents that see each other. Here the documents
of a row are cut apart before attention and joined after it: those of similar length are gathered into one batch and
go through plain matrix products, long ones go through the fused kernel of torch one by one. The crossing point comes
from measurements of forward and backward on CPUs: plain products win up to 700 to 1,200 tokens.

Documents that begin with the same tokens can share them (`attention_shared`).

Used through transformers' AttentionInterface: the model's own code runs, and calls `packed_attention`. The documents
come as the keyword `packed_documents` of the model call, so nothing global is set. No mask function is registered
under the name, therefore no mask is built.

Shapes: T tokens of the row, H query heads, K key-value heads, G = H / K, E head width.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from kitae.models.attention_layout import Documents
from kitae.models.attention_plain import PlainAttention, Rules, mask_for
from kitae.models.attention_shared import SharedAttention

NAME = "kitae_packed"


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
    if documents.shared:
        return _by_rows(SharedAttention, (query_HTE, key_KTE, value_KTE), documents, rules, sinks)
    # The fused kernel knows neither soft-caps nor sinks, so such layers take plain products at every length.
    if not documents.long or rules.softcap is not None or sinks is not None:
        return _by_rows(PlainAttention, (query_HTE, key_KTE, value_KTE), documents, rules, sinks)
    pieces = {place[0]: _fused(query_HTE, key_KTE, value_KTE, place, rules) for place in documents.long}
    if documents.short is not None:
        tokens, rest = documents.short[0].to(query_HTE.device), documents.short[1]
        of_rest = [x.index_select(1, tokens) for x in (query_HTE, key_KTE, value_KTE)]
        joined = _by_rows(PlainAttention, of_rest, rest, rules, sinks)
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


def _by_rows(
    function: type[torch.autograd.Function],
    tensors: Sequence[Tensor],
    documents: Documents,
    rules: Rules,
    sinks: Tensor | None,
) -> Tensor:
    """Call `function` with a row per token and head; gives (T, H, E)."""
    rows = [x.transpose(0, 1).reshape(-1, x.shape[-1]) for x in tensors]
    out: Tensor = function.apply(*rows, sinks, (documents, rules, tensors[1].shape[0]))  # type: ignore[no-untyped-call]
    return out.view(documents.tokens, -1, tensors[2].shape[-1])


def dense_attention(
    query_HTE: Tensor, key_KTE: Tensor, value_KTE: Tensor, documents: Documents, rules: Rules, *, sinks: Tensor | None
) -> Tensor:
    """The reference: one dense T x T block mask, plain autograd, nothing clever; gives (T, H, E)."""
    groups = query_HTE.shape[0] // key_KTE.shape[0]
    key, value = (x.repeat_interleave(groups, dim=0) for x in (key_KTE, value_KTE))
    scores = query_HTE @ key.transpose(1, 2) * rules.scale
    if rules.softcap is not None:
        scores = torch.tanh(scores / rules.softcap) * rules.softcap
    place = documents.position_ids[0]
    distance = place[:, None] - place[None, :]
    seen = documents.on_path & (distance >= 0) & (distance < (rules.window or documents.tokens))
    scores = scores.masked_fill(~seen, float("-inf"))
    if sinks is not None:
        scores = torch.cat([scores, sinks.view(-1, 1, 1).expand(-1, documents.tokens, 1)], dim=-1)
    weights = torch.softmax(scores, dim=-1)[..., : documents.tokens]
    return (weights @ value).transpose(0, 1)


AttentionInterface.register(NAME, packed_attention)
