"""The forward pass of ``LlamaForCausalLM`` written flat, for speed on a CPU.

It reads the parameters of the real model, so what is trained is what is saved;
``agree`` compares both before a run. Fewer and larger products (q, k, v together, gate
and up together), and one compiled function for all blocks instead of one per block.

Legend: B rows, T tokens, D width, H heads, V vocabulary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812

from nano import rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import LlamaForCausalLM

    from nano.rows import Row

EPSILON = 1e-6


def _norm(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPSILON) * weight).bfloat16()


def _rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1).bfloat16()


def _block(
    x: torch.Tensor,
    rope: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    attention: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    feed: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    heads: int,
) -> torch.Tensor:
    """x is (B·T, D) in float32; the products are in bfloat16."""
    cos_B1TH, sin_B1TH, mask = rope
    number, length = mask.shape[0], mask.shape[2]
    norm, qkv, out = attention
    mixed = _norm(x, norm) @ qkv.bfloat16().mT
    q, k, v = mixed.view(number, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
    q, k = _rotate(q, cos_B1TH, sin_B1TH), _rotate(k, cos_B1TH, sin_B1TH)
    scores = (q @ k.mT).float() * (q.shape[-1] ** -0.5) + mask
    seen = torch.softmax(scores, -1).bfloat16() @ v
    x = x + seen.transpose(1, 2).reshape(number * length, -1) @ out.bfloat16().mT
    norm, gate_up, down = feed
    gate, up = (_norm(x, norm) @ gate_up.bfloat16().mT).chunk(2, -1)
    return x + (F.silu(gate) * up) @ down.bfloat16().mT


def _head(x: torch.Tensor, norm: torch.Tensor, embedding: torch.Tensor, labels: torch.Tensor, z: float) -> torch.Tensor:
    """Sum of the cross entropy, plus the z-loss, over the tokens x and labels of (B·T)."""
    logits = (_norm(x, norm) @ embedding.bfloat16().mT).float()
    spread = torch.logsumexp(logits, -1)
    aim = logits.gather(1, labels.clamp(min=0)[:, None])[:, 0]
    each = spread - aim + z * spread.square()
    return torch.where(labels >= 0, each, 0.0).sum()


class Fast:
    """Loss of a model on a batch; compiles two functions at first use of a row length."""

    def __init__(self, model: LlamaForCausalLM, z_loss: float, compiled: bool) -> None:
        self.model, self.z_loss = model, z_loss

        def ready(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
            return torch.compile(function, dynamic=False) if compiled else function

        self.block, self.head = ready(_block), ready(_head)

    def __call__(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """The sum over the predicted tokens of the batch."""
        inner = self.model.model
        heads = self.model.config.num_attention_heads
        cos, sin = inner.rotary_emb(torch.zeros(1), batch["positions"])
        half = cos.shape[-1] // 2
        rope = (cos[:, None, :, :half].contiguous(), sin[:, None, :, :half].contiguous(), batch["mask"])
        x = inner.embed_tokens.weight[batch["ids"].flatten()]
        for layer in inner.layers:
            near, mlp = layer.self_attn, layer.mlp
            qkv = torch.cat([near.q_proj.weight, near.k_proj.weight, near.v_proj.weight])
            gate_up = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight])
            attention = (layer.input_layernorm.weight, qkv, near.o_proj.weight)
            feed = (layer.post_attention_layernorm.weight, gate_up, mlp.down_proj.weight)
            x = self.block(x, rope, attention, feed, heads)
        embedding = inner.embed_tokens.weight
        return self.head(x, inner.norm.weight, embedding, batch["labels"].flatten(), self.z_loss)


@torch.no_grad()
def agree(model: LlamaForCausalLM, packed: list[Row]) -> None:
    """Raise unless this forward pass and the model's own give the same loss."""
    batch = rows.tensors(packed)
    ours = float(Fast(model, 0.0, compiled=False)(batch))
    logits = model(input_ids=batch["ids"], attention_mask=batch["mask"], position_ids=batch["positions"]).logits
    theirs = float(F.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten(), reduction="sum"))
    if abs(ours - theirs) > 0.005 * theirs:
        raise ArithmeticError(f"the fast forward pass gives {ours}, the model {theirs}")
