"""Muon for the matrices inside the blocks, AdamW for the rest.

Muon: K. Jordan and others, "Muon: An optimizer for hidden layers in neural
networks", https://kellerjordan.github.io/posts/muon/ (2024); the scale of the
update that shares AdamW's rates is from Liu and others, "Muon is Scalable for LLM
Training", arXiv 2502.16982, section 2.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Quintic whose repeated use moves singular values near 1 (Jordan, "Tuning the coefficients")."""


def orthogonalize(matrices_NOI: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Nearest semi-orthogonal matrices, roughly: all singular values in about 0.7 to 1.2."""
    a, b, c = COEFFICIENTS
    tall = matrices_NOI.shape[1] > matrices_NOI.shape[2]
    x = matrices_NOI.bfloat16()
    x = x.mT if tall else x
    x = x / (x.float().norm(dim=(1, 2), keepdim=True) + 1e-7).bfloat16()
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).float()


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, then an orthogonalized update; all matrices of a shape at once."""

    def __init__(self, matrices: list[torch.nn.Parameter], lr: float, momentum: float, decay: float) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of every matrix that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[torch.nn.Parameter]] = {}
            for matrix in group["params"]:
                by_shape.setdefault(matrix.shape, []).append(matrix)
            for shape, matrices in by_shape.items():
                updates = [self._momentum(m, group["momentum"]) for m in matrices]
                scale = group["lr"] * 0.2 * max(shape) ** 0.5
                for matrix, update in zip(matrices, orthogonalize(torch.stack(updates)), strict=True):
                    matrix.mul_(1 - group["lr"] * group["decay"]).add_(update, alpha=-scale)

    def _momentum(self, matrix: torch.nn.Parameter, momentum: float) -> torch.Tensor:
        assert matrix.grad is not None
        state = self.state[matrix]
        if not state:
            state["velocity"] = torch.zeros_like(matrix)
        velocity = state["velocity"].lerp_(matrix.grad, 1 - momentum)
        return matrix.grad.lerp(velocity, momentum)


def build(model: LlamaForCausalLM, kind: str, rate: float, embedding_rate: float) -> list[torch.optim.Optimizer]:
    """Optimizers in a fixed order, so that a checkpoint can give their states back."""
    inner = [p for p in model.model.layers.parameters() if p.ndim == 2]
    norms = [p for p in model.parameters() if p.ndim < 2]
    embedding = model.get_input_embeddings().weight
    small = [
        {"params": [embedding], "lr": embedding_rate, "weight_decay": 0.0},
        {"params": norms, "lr": rate, "weight_decay": 0.0},
    ]
    if kind == "muon":
        return [
            Muon(inner, lr=rate, momentum=0.95, decay=0.1),
            torch.optim.AdamW(small, lr=rate, betas=(0.9, 0.95), fused=True),
        ]
    small.append({"params": inner, "lr": rate, "weight_decay": 0.1})
    return [torch.optim.AdamW(small, lr=rate, betas=(0.9, 0.95), fused=True)]
