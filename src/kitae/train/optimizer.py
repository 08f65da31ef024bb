"""AdamW on the adapter weights, with its state as named tensors."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

BETAS = (0.9, 0.999)
EPSILON = 1e-8
MOMENTS = ("exp_avg", "exp_avg_sq", "step")


class AdapterOptimizer:
    """AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2) with gradient clipping.

    Decay pulls a low-rank matrix towards no update, that is towards the base; vectors, and copies of base weights
    (embeddings trained as a whole), would be pulled away from the base, so they get none.
    """

    def __init__(
        self, parameters: Mapping[str, nn.Parameter], *, weight_decay: float, max_gradient_norm: float
    ) -> None:
        """Take the trainable parameters by name."""
        self.parameters = dict(parameters)
        self.max_gradient_norm = max_gradient_norm
        decayed = {name: p for name, p in self.parameters.items() if p.ndim >= 2 and "lora_" in name}
        plain = {name: p for name, p in self.parameters.items() if name not in decayed}
        groups = [
            {"params": list(decayed.values()), "weight_decay": weight_decay},
            {"params": list(plain.values()), "weight_decay": 0.0},
        ]
        self._adamw = torch.optim.AdamW(
            [group for group in groups if group["params"]], lr=0.0, betas=BETAS, eps=EPSILON, fused=True
        )

    def norm(self) -> float:
        """Global L2 norm of the gradients."""
        grads = [p.grad for p in self.parameters.values() if p.grad is not None]
        return float(torch.nn.utils.get_total_norm(grads)) if grads else 0.0

    def step(self, rate: float, norm: float) -> None:
        """Scale the gradients down to the clipping norm when they are above it, and update the weights."""
        if norm > self.max_gradient_norm:
            grads = [p.grad for p in self.parameters.values() if p.grad is not None]
            torch._foreach_mul_(grads, self.max_gradient_norm / norm)
        for group in self._adamw.param_groups:
            group["lr"] = rate
        self._adamw.step()

    def state(self) -> dict[str, Tensor]:
        """The moments as `kind/parameter` tensors."""
        return {
            f"{kind}/{name}": self._adamw.state[p][kind]
            for name, p in self.parameters.items()
            for kind in MOMENTS
            if p in self._adamw.state
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from `state`."""
        for name, p in self.parameters.items():
            kinds = {kind: state[f"{kind}/{name}"] for kind in MOMENTS if f"{kind}/{name}" in state}
            if kinds:
                self._adamw.state[p] = {kind: t.to(p.device) for kind, t in kinds.items()}
