"""Layers for training with their mathematics unchanged and their work cut down: LoRA and RMS norms.

PEFT keeps adapter weights in fp32 and casts each layer's input to fp32 for them, so that under bf16 the small update
costs more than the large frozen product. Here the update runs in the format of the base, from fp32 weights rounded
once per pass (what autocast does as well), and the gradient is written out: the frozen weight gets none, and products
are added in place. RMS norms keep their input and one number a token for the backward pass instead of two fp32 copies.

For the time of training each such layer is replaced in its parent by a stand-in that uses the very same parameters;
afterwards the layers are put back, so what is saved is a plain PEFT adapter. A stand-in is used only where it gives
what the layer gives on a random input; no list of model names is kept.

Shapes: T tokens, I inputs, O outputs, R rank, D width.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft.tuners.lora.layer import Linear as PeftLinear
from torch import Tensor, nn

TRIAL_ROWS = 16
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 4e-3}
"""Relative distance between a layer and its stand-in on random input: rounding, nothing else."""


@contextmanager
def lean(model: nn.Module) -> Iterator[int]:
    """Replace what can be replaced in `model`; gives how many layers, and puts the original ones back in the end."""
    replaced: list[tuple[nn.Module, str, nn.Module]] = []
    try:
        for name, module in list(model.named_modules()):
            stand_in = next((made for make in STAND_INS if (made := make(module)) is not None), None)
            if stand_in is None:
                continue
            parent, attribute = _parent(model, name)
            replaced.append((parent, attribute, module))
            setattr(parent, attribute, stand_in)
        yield len(replaced)
    finally:
        for parent, attribute, module in replaced:
            setattr(parent, attribute, module)


class StandIn(nn.Module):
    """In the place of another layer, which it does not own; what others read from that layer they still find here."""

    def __init__(self, layer: nn.Module) -> None:
        """Keep the layer in a tuple, so that it and its parameters stay out of this module's own."""
        super().__init__()
        self.layer = (layer,)

    def __getattr__(self, name: str) -> Any:
        """The layer's own attribute: model code looks at things such as `norm.weight.dtype`."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["layer"][0], name)

    def forward(self, hidden: Tensor, *more: Any, **options: Any) -> Tensor:
        """The lean computation; a call with anything else goes to the layer (a gate, names of adapters)."""
        if more or any(value is not None for value in options.values()):
            out: Tensor = self.layer[0](hidden, *more, **options)
            return out
        return self.lean(hidden)

    def lean(self, hidden: Tensor) -> Tensor:
        """The layer's output, made with less work."""
        raise NotImplementedError


class LeanLora(StandIn):
    """In the place of a PEFT LoRA layer with one plain adapter."""

    def __init__(self, layer: PeftLinear) -> None:
        """Look up the frozen weights and the adapter once."""
        super().__init__(layer)
        base, name = layer.get_base_layer(), layer.active_adapters[0]
        weight = base.weight.detach()
        self.weights = (weight.t() if layer.fan_in_fan_out else weight, base.bias)
        self.adapter = (layer.lora_A[name].weight, layer.lora_B[name].weight, layer.scaling[name])

    def lean(self, hidden: Tensor) -> Tensor:
        """(..., I) to (..., O)."""
        out: Tensor = LowRank.apply(hidden, *self.adapter, self.weights)  # type: ignore[no-untyped-call]
        return out


class LowRank(torch.autograd.Function):
    """x W^T + b + scale (x A^T) B^T (Hu et al. 2021, arXiv:2106.09685, equation 3), gradients for x, A and B."""

    @staticmethod
    def forward(  # noqa: PLR0917  # torch passes by position
        ctx: Any, hidden: Tensor, down: Tensor, up: Tensor, scale: float, weights: tuple[Tensor, Tensor | None]
    ) -> Tensor:
        """Take hidden (..., I), A (R, I), B (O, R), W (O, I) and b (O); give (..., O)."""
        weight_OI, bias_O = weights
        x_TI = hidden.reshape(-1, hidden.shape[-1])
        down_RI, up_OR = down.to(hidden.dtype), (up * scale).to(hidden.dtype)
        z_TR = x_TI @ down_RI.t()
        y_TO = x_TI @ weight_OI.t() if bias_O is None else torch.addmm(bias_O, x_TI, weight_OI.t())
        y_TO.addmm_(z_TR, up_OR.t())
        ctx.save_for_backward(x_TI, z_TR, weight_OI, down_RI, up_OR)
        ctx.scale = scale
        return y_TO.view(*hidden.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of hidden, and of A and B in fp32."""
        x_TI, z_TR, weight_OI, down_RI, up_OR = ctx.saved_tensors
        g_TO = grad_out.reshape(-1, grad_out.shape[-1])
        gz_TR = g_TO @ up_OR
        grad_hidden = None
        if ctx.needs_input_grad[0]:
            grad_hidden = (g_TO @ weight_OI).addmm_(gz_TR, down_RI).view(*grad_out.shape[:-1], -1)
        grad_down = (gz_TR.t() @ x_TI).float()
        grad_up = (g_TO.t() @ z_TR).float().mul_(ctx.scale)
        return grad_hidden, grad_down, grad_up, None, None


class LeanNorm(StandIn):
    """In the place of a frozen RMS norm (Zhang and Sennrich 2019, arXiv:1910.07467, equation 4)."""

    def __init__(self, layer: nn.Module, weight: Tensor, epsilon: float) -> None:
        """Take the factor of each channel (D) and what is added to the mean square."""
        super().__init__(layer)
        self.plan = (weight.detach(), epsilon)

    def lean(self, hidden: Tensor) -> Tensor:
        """(..., D) to (..., D)."""
        out: Tensor = RootMeanSquare.apply(hidden, self.plan)  # type: ignore[no-untyped-call]
        return out


class RootMeanSquare(torch.autograd.Function):
    """x r w with r = 1 / sqrt(mean(x^2) + epsilon), computed in fp32; the gradient goes to x only."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, plan: tuple[Tensor, float]) -> Tensor:
        """Take hidden (..., D)."""
        weight, epsilon = plan
        wide = hidden.float()
        r = torch.linalg.vector_norm(wide, dim=-1, keepdim=True).square_().div_(wide.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(hidden, r, weight)
        out: Tensor = (wide * r).mul_(weight).to(hidden.dtype)
        return out

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor, None]:
        """Gradient of x: r g w - x r^3 mean(g w x)."""
        hidden, r, weight = ctx.saved_tensors
        wide = hidden.float()
        grad = grad_out.float().mul_(weight) if grad_out.dtype != torch.float32 else grad_out * weight
        mean = (grad * wide).mean(-1, keepdim=True).mul_(r).mul_(r)
        return grad.addcmul_(wide, mean, value=-1).mul_(r).to(hidden.dtype), None


def _lean_lora(module: Any) -> nn.Module | None:
    """For a LoRA layer of the simplest kind: no variant (DoRA and the like), no dropout, one adapter, not merged."""
    if type(module) is not PeftLinear or len(module.active_adapters) != 1:
        return None
    name = module.active_adapters[0]
    if name not in module.lora_A or name in module.lora_variant or module.lora_bias.get(name, False):
        return None
    if isinstance(module.lora_dropout[name], nn.Dropout) or module.merged or module.disable_adapters:
        return None
    return LeanLora(module)


def _lean_norm(module: Any) -> nn.Module | None:
    """For a frozen module with one vector and an epsilon that turns out to be an RMS norm, with w or 1 + w."""
    parameters = dict(module.named_parameters())
    epsilon = getattr(module, "variance_epsilon", getattr(module, "eps", None))
    weight = parameters.get("weight")
    if (
        len(parameters) != 1
        or weight is None
        or weight.ndim != 1
        or not isinstance(epsilon, float)
        or weight.requires_grad
    ):
        return None
    # Far from a mean of zero, where a LayerNorm without bias would look like an RMS norm.
    trial = 3.0 * torch.randn(1, TRIAL_ROWS, len(weight), generator=torch.Generator().manual_seed(0)) + 1.0
    trial = trial.to(weight.device, weight.dtype)
    for candidate in (LeanNorm(module, weight.float() + shift, epsilon) for shift in (0, 1)):
        with torch.no_grad():
            try:
                expected = module(trial)
            except (RuntimeError, TypeError):
                return None
            if isinstance(expected, Tensor) and _near(candidate(trial), expected):
                return candidate
    return None


STAND_INS: tuple[Callable[[Any], nn.Module | None], ...] = (_lean_lora, _lean_norm)


def _near(got: Tensor, expected: Tensor) -> bool:
    if got.shape != expected.shape or got.dtype != expected.dtype:
        return False
    distance = (got - expected).float().norm() / expected.float().norm().clamp_min(1e-12)
    return bool(distance <= TOLERANCE[expected.dtype])


def _parent(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    place, _, attribute = name.rpartition(".")
    return model.get_submodule(place), attribute
