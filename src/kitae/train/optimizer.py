"""AdamW on the adapter weights, with its state as named tensors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from peft.utils import ModulesToSaveWrapper
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from kitae.models.lean import StandIn

BETAS = (0.9, 0.999)
EPSILON = 1e-8
MOMENTS = ("exp_avg", "exp_avg_sq", "step")


@dataclass(frozen=True)
class Group:
    """Parameters by name, their weight decay, and their rate as a multiple of the common one."""

    parameters: dict[str, nn.Parameter]
    decay: float
    rate: float = 1.0


def groups(
    model: nn.Module, parameters: Mapping[str, nn.Parameter], *, decay: float, plus_ratio: float = 1.0
) -> list[Group]:
    """The trainable parameters in groups of equal treatment.

    Only matrices of linear layers decay. In an adapter that pulls towards no update, that is towards the base; biases,
    norms, factors and virtual tokens would be pulled away from what they must be, and so would an embedding (and a
    head tied to it). `plus_ratio` is the rate of LoRA's second matrix over that of the first (Hayou et al. 2024,
    arXiv:2402.12354, equation 5).
    """
    modules = list(_modules(model))
    in_linear = {id(m.weight) for m in modules if isinstance(m, nn.Linear | Conv1D)}
    looked_up = {id(m.weight) for m in modules if isinstance(m, nn.Embedding)}
    copied = {id(p) for m in modules if isinstance(m, ModulesToSaveWrapper) for p in m.parameters()}
    matrices = {n for n, p in parameters.items() if id(p) in in_linear - looked_up - copied}
    second = {n for n in parameters if ".lora_B." in n or ".lora_embedding_B." in n} if plus_ratio != 1.0 else set()
    plain = parameters.keys() - matrices - second
    made = [
        Group({n: p for n, p in parameters.items() if n in matrices - second}, decay),
        Group({n: p for n, p in parameters.items() if n in second}, decay, plus_ratio),
        Group({n: p for n, p in parameters.items() if n in plain}, 0.0),
    ]
    return [group for group in made if group.parameters]


def _modules(model: nn.Module) -> Iterator[nn.Module]:
    """Every module, also those behind a lean stand-in, which keeps its layer out of sight."""
    for module in model.modules():
        yield module
        if isinstance(module, StandIn):
            yield from module.layer[0].modules()


class AdapterOptimizer:
    """AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2) with gradient clipping."""

    def __init__(self, made: Sequence[Group], *, max_gradient_norm: float) -> None:
        """Take the trainable parameters in groups."""
        self.parameters = {name: p for group in made for name, p in group.parameters.items()}
        self.max_gradient_norm = max_gradient_norm
        self._adamw = torch.optim.AdamW(
            [
                {"params": list(group.parameters.values()), "weight_decay": group.decay, "ratio": group.rate}
                for group in made
            ],
            lr=0.0,
            betas=BETAS,
            eps=EPSILON,
            fused=True,
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
            group["lr"] = rate * group["ratio"]
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
