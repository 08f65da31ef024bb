"""What is shown of a model before it is trained packed: that packing changes nothing. No list of names is kept."""

from typing import Any

import torch
from torch import Tensor

from kitae.models.attention import NAME
from kitae.models.attention_layout import Documents
from kitae.models.head import head_of
from kitae.models.prompts import Prompted, virtual_tokens

TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 6e-2, torch.float16: 2e-2}
"""Relative distance allowed between packed and plain outputs: rounding, several layers deep."""
BEYOND_WINDOW = 8
PROBE_TOKENS = 24


def body_of(model: Any) -> Any:
    """The layers below the head of a causal model, with or without PEFT around it.

    What a prompt method puts before each document is put there.
    """
    if virtual_tokens(model):
        return Prompted(model)
    return _causal(model).base_model


def _causal(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def hidden_states(body: Any, input_ids: Tensor, documents: Documents | None) -> Tensor:
    """Last hidden states (1, T, D) of one row: packed when `documents` are given, else a single document.

    Embeddings trained in fp32 are brought to the format of the layers here.
    """
    embeddings = body.get_input_embeddings()(input_ids).to(body.dtype)
    packed: dict[str, Any] = {}
    if documents is not None:
        packed = {"packed_documents": documents, "position_ids": documents.position_ids.to(input_ids.device)}
    out: Tensor = body(inputs_embeds=embeddings, use_cache=False, **packed).last_hidden_state
    return out


def in_format_of(body: Any) -> torch.autocast:
    """A context in which weights trained in fp32 work beside layers in another format."""
    return torch.autocast(body.device.type, dtype=body.dtype, enabled=body.dtype != torch.float32)


def packing_fault(model: Any, *, longest_row: int) -> str | None:
    """Why this model cannot be trained packed, or None after switching its attention to the packed one.

    Three documents are run packed and alone. The packed outputs must be those of the model's own attention within
    rounding (this covers windows, soft-caps, sinks and scales), and another first document must not move a single bit
    of the others (this covers state that leaks, as in linear attention).
    """
    body = body_of(model)
    config = body.config
    own = config._attn_implementation  # noqa: SLF001  # transformers has no public reader
    if own == NAME:
        own = "eager"
        body.set_attn_implementation(own)
    lengths = _probe_lengths(config, longest_row)
    first = lengths[0]
    generator = torch.Generator().manual_seed(0)
    vocabulary = body.get_input_embeddings().weight.shape[0]
    ids = torch.randint(vocabulary, (1, sum(lengths)), generator=generator).to(body.device)
    other_ids = ids.clone()
    other_ids[:, :first] = ids[:, :first].flip(1) if first > 1 else (ids[:, :first] + 1) % vocabulary
    documents = Documents(lengths)
    with torch.no_grad():
        alone = torch.cat([hidden_states(body, part, None) for part in torch.split(ids, lengths, dim=1)], dim=1)
        try:
            body.set_attn_implementation(NAME)
            packed = hidden_states(body, ids, documents)
            moved = hidden_states(body, other_ids, documents)
        except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
            body.set_attn_implementation(own)
            return f"its code does not run packed ({str(error).strip().splitlines()[0][:160]})"
    fault = None
    distance = float((packed - alone).float().norm() / alone.float().norm())
    if not torch.equal(packed[:, first:], moved[:, first:]):
        fault = "a document is changed by the one before it"
    elif not distance <= TOLERANCE[body.dtype]:
        fault = f"packed outputs differ from plain ones by {distance:.2g}"
    if fault is not None:
        body.set_attn_implementation(own)
    return fault


def sharing_fault(model: Any, *, longest_row: int) -> str | None:
    """Why rows of a model that runs packed cannot share their beginnings, or None when that changes nothing.

    A beginning with two continuations is run as a tree and as two documents.
    """
    body = body_of(model)
    first, begin, last = _probe_lengths(body.config, longest_row)
    generator = torch.Generator().manual_seed(1)
    vocabulary = body.get_input_embeddings().weight.shape[0]
    tree_ids = torch.randint(vocabulary, (1, begin + first + last), generator=generator).to(body.device)
    shared, one, other = torch.split(tree_ids, [begin, first, last], dim=1)
    with torch.no_grad():
        apart_ids = torch.cat([shared, one, shared, other], dim=1)
        apart = hidden_states(body, apart_ids, Documents([begin + first, begin + last]))
        tree = hidden_states(body, tree_ids, Documents([begin, first, last], [-1, 0, 0]))
    expected = torch.cat([apart[:, : begin + first], apart[:, begin + first + begin :]], dim=1)
    distance = float((tree - expected).float().norm() / expected.float().norm())
    return None if distance <= TOLERANCE[body.dtype] else f"outputs with shared beginnings differ by {distance:.2g}"


def _probe_lengths(config: Any, longest_row: int) -> list[int]:
    """Lengths that matter for this model: one document goes beyond every length from which on it reads otherwise."""
    crossed = [length for length in _turns(config) if length < longest_row]
    long = max(crossed) + BEYOND_WINDOW if crossed else PROBE_TOKENS
    limit = max(2, longest_row)
    return [min(PROBE_TOKENS // 3, limit), min(max(long, PROBE_TOKENS), limit), min(PROBE_TOKENS // 2, limit)]


def _turns(config: Any) -> list[int]:
    """Lengths from which on a model reads otherwise: windows, chunks, and where longrope takes its other factors.

    Some code chooses those factors by the longest position of the whole row, so a short document beside a long one
    would get the long one's.
    """
    rope = getattr(config, "rope_parameters", None) or {}
    kinds = [rope, *(kind for kind in rope.values() if isinstance(kind, dict))]
    lengths = [getattr(config, "sliding_window", None), getattr(config, "attention_chunk_size", None)]
    lengths += [k.get("original_max_position_embeddings") for k in kinds if k.get("rope_type") == "longrope"]
    return [length for length in lengths if length]


def head_fault(model: Any) -> str | None:
    """Why the head of this model cannot be computed apart from it, or None when both give the same logits."""
    head = head_of(model)
    if head is None:
        return "its head is not a linear layer"
    causal = _causal(model)
    body = causal.base_model
    ids = torch.arange(PROBE_TOKENS, device=body.device)[None] % head.weight.shape[0]
    embeddings = body.get_input_embeddings()(ids).to(body.dtype)
    own = body.config._attn_implementation  # noqa: SLF001
    with torch.no_grad():
        body.set_attn_implementation("eager")
        with in_format_of(body):
            expected = causal(inputs_embeds=embeddings, use_cache=False).logits[0].float()
        hidden = hidden_states(body, ids, None)[0]
        body.set_attn_implementation(own)
        logits = (hidden @ head.weight.to(hidden.dtype).t()).float()
        logits = (logits if head.bias is None else logits + head.bias) * head.scale
        if head.softcap is not None:
            logits = torch.tanh(logits / head.softcap) * head.softcap
    distance = float((logits - expected).norm() / expected.norm())
    return (
        None if distance <= TOLERANCE[body.dtype] else f"its logits are more than a linear layer ({distance:.2g} off)"
    )
