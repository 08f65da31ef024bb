"""Methods that train something before the prompt: virtual tokens, or the keys and values of a prefix.

Either way the trained part is the same for every row. In training, virtual tokens are put before each document of a
packed row and taken off its hidden states again, so packing stays exact; a prefix of keys and values goes before one
row at a time. In answering both are the first columns of the cache, computed once and shared by all rows.

Shapes: P virtual tokens, T tokens, D width, H key-value heads, E head width.
"""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from kitae.models.attention_layout import Documents

Columns = list[tuple[Tensor, Tensor]]
"""Keys and values (1, H, P, E) of each layer."""


def virtual_tokens(model: Any) -> int:
    """Positions that the trained part takes; 0 for every other method, and for a plain model."""
    config = getattr(model, "peft_config", {}).get("default")
    return int(config.num_virtual_tokens) if config is not None and config.is_prompt_learning else 0


def holds_keys(model: Any) -> bool:
    """Whether the trained part is keys and values rather than embeddings."""
    return model.peft_config["default"].peft_type in {"PREFIX_TUNING", "CARTRIDGE"}


@torch.no_grad()
def first_columns(model: Any) -> Columns | None:
    """What the cache of every row begins with, or None where nothing stands before the prompt."""
    count = virtual_tokens(model)
    if not count:
        return None
    if holds_keys(model):
        cache = model.get_prompt(batch_size=1)
    else:
        prompt = model.get_prompt(batch_size=1)
        body = model.get_base_model().base_model
        cache = body(inputs_embeds=prompt.to(body.dtype), use_cache=True).past_key_values
    return [(layer.keys[:, :, :count].clone(), layer.values[:, :, :count].clone()) for layer in cache.layers]


class Prompted:
    """The layers of a model with the trained part before each document, used as the layers alone are."""

    def __init__(self, model: Any) -> None:
        """Take a `peft.PeftModel` of a prompt method."""
        self.model = model
        self.body = model.get_base_model().base_model

    def __getattr__(self, name: str) -> Any:
        """Everything else is as in the layers."""
        return getattr(self.body, name)

    def __call__(
        self, inputs_embeds: Tensor, *, use_cache: bool, packed_documents: Documents | None = None, **more: Any
    ) -> Any:
        """Hidden states of the row's own tokens (1, T, D). Raises `TypeError` for a packed row before a prefix."""
        if holds_keys(self.model):
            if packed_documents is not None:
                raise TypeError("a prefix of keys and values goes before one row at a time")
            return self.body(inputs_embeds=inputs_embeds, past_key_values=self.model.get_prompt(batch_size=1), **more)
        prompt = self.model.get_prompt(batch_size=1).to(inputs_embeds.dtype)
        count = prompt.shape[1]
        ends = [0, inputs_embeds.shape[1]] if packed_documents is None else [*packed_documents.roots, None]
        parts = [part for start, end in pairwise(ends) for part in (prompt, inputs_embeds[:, start:end])]
        if packed_documents is not None:
            documents = packed_documents.with_more_at_the_roots(count)
            more |= {"packed_documents": documents, "position_ids": documents.position_ids.to(prompt.device)}
        out = self.body(inputs_embeds=torch.cat(parts, dim=1), use_cache=use_cache, **more)
        hidden = out.last_hidden_state.split([part.shape[1] for part in parts], dim=1)
        out.last_hidden_state = torch.cat(hidden[1::2], dim=1)
        return out
