"""LoRA layers for training, with their mathematics unchanged and their work cut down.

PEFT keeps adapter weights in fp32 and casts each layer's input to fp32 for them, so that under bf16 the small update
costs more than the large frozen product. Here the update runs in the format of the base, from fp32 weights that are
rounded once per pass (what autocast does as well), and the gradient is written out: the frozen weight gets none, and
products are added in place. Layers that read the same input (query, key and value; gate and up) run as one product.

For the time of training each PEFT layer is replaced in its parent by a stand-in that uses the very same parameters;
afterwards the PEFT layers are put back, so what is saved is a plain PEFT adapter.

Shapes: T tokens, I inputs, O outputs, R rank (of all layers that read the same input together).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from peft.tuners.lora.layer import Linear as PeftLinear
from torch import Tensor, nn


@contextmanager
def lean(model: nn.Module, *, probe: Any) -> Iterator[int]:
    """Replace the plain LoRA layers of `model` by lean ones; gives how many, and puts PEFT's back in the end.

    `probe` is a callable that runs the model once without gradients, so that layers reading the same tensor are seen.
    Layers with a variant (DoRA and the like), several adapters, a LoRA bias, or active dropout stay as they are.
    """
    layers = {name: module for name, module in model.named_modules() if _is_plain(module)}
    places = {name: _parent(model, name) for name in layers}
    for family in _families(layers, probe):
        stand_ins = _stand_ins([layers[name] for name in family])
        for name, stand_in in zip(family, stand_ins, strict=True):
            parent, attribute = places[name]
            setattr(parent, attribute, stand_in)
    try:
        yield len(layers)
    finally:
        for name, layer in layers.items():
            parent, attribute = places[name]
            setattr(parent, attribute, layer)


class Family:
    """LoRA layers that read the same input, computed together. Remembers the outputs until each was fetched."""

    def __init__(self, layers: Sequence[PeftLinear]) -> None:
        """Stack the frozen weights once."""
        self.layers = list(layers)
        bases = [layer.get_base_layer() for layer in layers]
        weights = [
            base.weight.t() if layer.fan_in_fan_out else base.weight for layer, base in zip(layers, bases, strict=True)
        ]
        self.sizes = [weight.shape[0] for weight in weights]
        self.weight_OI = weights[0].detach() if len(weights) == 1 else torch.cat(weights).detach()
        if len(weights) > 1:
            # The layers' own weights become views of the stack, so that no memory is doubled.
            for layer, base, rows in zip(layers, bases, torch.split(self.weight_OI, self.sizes), strict=True):
                base.weight.data = rows.t() if layer.fan_in_fan_out else rows
        biases = [base.bias for base in bases]
        self.bias_O = None
        if any(bias is not None for bias in biases):
            zeros = [weight.new_zeros(size) for weight, size in zip(weights, self.sizes, strict=True)]
            self.bias_O = torch.cat([z if b is None else b.detach() for b, z in zip(biases, zeros, strict=True)])
        self._input: Tensor | None = None
        self._outputs: dict[int, Tensor] = {}

    def output(self, index: int, hidden: Tensor) -> Tensor:
        """The output of layer `index`; the first to ask computes for all."""
        if self._input is not hidden or index not in self._outputs:
            ups = [layer.lora_B[layer.active_adapters[0]].weight for layer in self.layers]
            downs = [layer.lora_A[layer.active_adapters[0]].weight for layer in self.layers]
            scales = [layer.scaling[layer.active_adapters[0]] for layer in self.layers]
            outputs = LowRank.apply(hidden, (self.weight_OI, self.bias_O, scales), *downs, *ups)  # type: ignore[no-untyped-call]
            self._input, self._outputs = hidden, dict(enumerate(outputs))
        mine = self._outputs.pop(index)
        if not self._outputs:
            self._input = None
        return mine


class StandIn(nn.Module):
    """Layer `index` of a family, in the place of the PEFT layer."""

    def __init__(self, family: Family, index: int) -> None:
        """Keep the family outside of the module tree: its parameters belong to the PEFT layers."""
        super().__init__()
        self.family = family
        self.index = index

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., I) to (..., O)."""
        return self.family.output(self.index, hidden)


class LowRank(torch.autograd.Function):
    """x W^T + b + sum of scale (x A^T) B^T, for several layers over the same x (Hu et al. 2021, equation 3)."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, frozen: tuple[Tensor, Tensor | None, list[float]], *adapters: Tensor
    ) -> tuple[Tensor, ...]:
        """Take hidden (..., I), then every A (R, I), then every B (O, R); give every output (..., O)."""
        weight_OI, bias_O, scales = frozen
        count = len(adapters) // 2
        dtype = hidden.dtype
        x_TI = hidden.reshape(-1, hidden.shape[-1])
        down_RI = torch.cat(adapters[:count]).to(dtype) if count > 1 else adapters[0].to(dtype)
        up_OR = _block_diagonal([b * s for b, s in zip(adapters[count:], scales, strict=True)]).to(dtype)
        z_TR = x_TI @ down_RI.t()
        y_TO = x_TI @ weight_OI.t() if bias_O is None else torch.addmm(bias_O, x_TI, weight_OI.t())
        y_TO.addmm_(z_TR, up_OR.t())
        ctx.save_for_backward(x_TI, z_TR, weight_OI, down_RI, up_OR)
        ctx.shapes = ([a.shape[0] for a in adapters[:count]], [b.shape[0] for b in adapters[count:]], scales)
        ctx.lead = hidden.shape[:-1]
        return tuple(part.reshape(*ctx.lead, -1) for part in torch.split(y_TO, ctx.shapes[1], dim=1))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of hidden, then of every A and every B in fp32."""
        x_TI, z_TR, weight_OI, down_RI, up_OR = ctx.saved_tensors
        ranks, sizes, scales = ctx.shapes
        parts = [grad.reshape(-1, grad.shape[-1]) for grad in grads]
        g_TO = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        gz_TR = g_TO @ up_OR
        grad_hidden = None
        if ctx.needs_input_grad[0]:
            grad_hidden = (g_TO @ weight_OI).addmm_(gz_TR, down_RI).view(*ctx.lead, -1)
        grad_down = (gz_TR.t() @ x_TI).float().split(ranks)
        grad_up = (g_TO.t() @ z_TR).float().split(sizes)
        of_up, at = [], 0
        for grad, rank, scale in zip(grad_up, ranks, scales, strict=True):
            of_up.append(grad[:, at : at + rank] * scale)
            at += rank
        return (grad_hidden, None, *grad_down, *of_up)


def _block_diagonal(blocks: Sequence[Tensor]) -> Tensor:
    if len(blocks) == 1:
        return blocks[0]
    joined: Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    return joined


def _is_plain(module: Any) -> bool:
    """A LoRA layer of the simplest kind, with one adapter, whose update is not switched off or merged."""
    if type(module) is not PeftLinear or len(module.active_adapters) != 1:
        return False
    name = module.active_adapters[0]
    if name not in module.lora_A or name in module.lora_variant or module.lora_bias.get(name, False):
        return False
    dropout = isinstance(module.lora_dropout[name], nn.Dropout)
    return not (dropout or module.merged or module.disable_adapters)


def _parent(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    place, _, attribute = name.rpartition(".")
    return model.get_submodule(place), attribute


def _families(layers: dict[str, PeftLinear], probe: Any) -> list[list[str]]:
    """Layers grouped by the tensor they read, in the order they run; those the probe never reached stand alone."""
    seen: list[tuple[Tensor, list[str]]] = []

    def watch(name: str) -> Any:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            family = next((names for tensor, names in seen[-1:] if tensor is inputs[0]), None)
            if family is None:
                seen.append((inputs[0], [name]))
            else:
                family.append(name)

        return hook

    hooks = [layer.register_forward_pre_hook(watch(name)) for name, layer in layers.items()]
    try:
        with torch.no_grad():
            probe()
    finally:
        for hook in hooks:
            hook.remove()
    ran = [name for _, names in seen for name in names]
    once = {name for name in ran if ran.count(name) == 1}
    families = [names for _, names in seen if set(names) <= once]
    grouped = {name for names in families for name in names}
    return families + [[name] for name in layers if name not in grouped]


def _stand_ins(layers: Sequence[PeftLinear]) -> list[StandIn]:
    family = Family(layers)
    return [StandIn(family, index) for index in range(len(layers))]
