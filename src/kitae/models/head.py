"""The head and the loss only where labels are, chunk by chunk, with the gradient computed on the way forward.

In fine-tuning most tokens carry no label, and logits (tokens x vocabulary) are the largest tensor of a step. Here the
head runs on labelled tokens only and never holds more than a few megabytes of logits: each chunk gives its loss and
at once its gradients (the idea of Hsu et al. 2024, Liger Kernel, arXiv:2410.10989, section 3.2, in plain torch).

Shapes: N labelled tokens, D width, V vocabulary.
"""

from dataclasses import dataclass
from typing import Any

import torch
from peft.utils import ModulesToSaveWrapper
from torch import Tensor, nn

from kitae.core.sizes import CHUNK_LOGITS


@dataclass(frozen=True)
class Head:
    """The last layer of a causal model: weight (V, D), bias (V), factor on the logits, soft-cap on the logits."""

    weight: Tensor
    bias: Tensor | None = None
    scale: float = 1.0
    softcap: float | None = None


def head_of(model: Any) -> Head | None:
    """The head of a causal model (with or without PEFT around it), or None when it is not a plain linear layer.

    A head or embedding that PEFT trains as a copy gives that copy; a tied one gives the trained embedding.
    """
    module = model.get_output_embeddings()
    if isinstance(module, ModulesToSaveWrapper):
        module = module.modules_to_save[module.active_adapters[0]]
    if type(module) is not nn.Linear:
        return None
    config = model.config.get_text_config()
    scale = float(getattr(config, "logit_scale", None) or 1.0) / float(getattr(config, "logits_scaling", None) or 1.0)
    return Head(module.weight, module.bias, scale, getattr(config, "final_logit_softcapping", None))


def labelled_loss(hidden_ND: Tensor, labels_N: Tensor, head: Head, *, divisor: float, smoothing: float = 0.0) -> Tensor:
    """Sum of the cross-entropy over N labelled tokens, divided by `divisor`: a scalar in fp32.

    `divisor` is the number of labelled tokens of the whole step, so that micro-batches add up to its mean.
    With `smoothing` s the target is 1 - s on the label and s / V on every word of the vocabulary, the label among them
    (Szegedy et al. 2016, arXiv:1512.00567, section 7).
    """
    plan = (labels_N, head, divisor, smoothing)
    loss: Tensor = LabelledLoss.apply(hidden_ND, head.weight, head.bias, plan)  # type: ignore[no-untyped-call]
    return loss


class LabelledLoss(torch.autograd.Function):
    """Linear layer, soft-cap and cross-entropy in one, by chunks of tokens."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, plan: tuple[Tensor, Head, float, float]
    ) -> Tensor:
        """Add up the loss; keep the gradients that will be asked for."""
        labels, head, divisor, smoothing = plan
        wants = ctx.needs_input_grad[:3]
        matrix = weight.to(hidden.dtype)
        grad_hidden = torch.empty_like(hidden) if wants[0] else None
        grad_weight = torch.zeros_like(weight, dtype=torch.float32) if wants[1] else None
        grad_bias = torch.zeros_like(bias, dtype=torch.float32) if bias is not None and wants[2] else None
        total = torch.zeros((), dtype=torch.float64, device=hidden.device)
        size = max(1, CHUNK_LOGITS // weight.shape[0])
        for start in range(0, len(labels), size):
            h, y = hidden[start : start + size], labels[start : start + size]
            loss, grad = _chunk(h, y, matrix, head, smoothing=smoothing, with_grad=any(wants))
            total += loss
            if grad is None:
                continue
            grad = grad.div_(divisor)
            if grad_bias is not None:
                grad_bias += grad.sum(0)
            grad = grad.to(hidden.dtype)
            if grad_hidden is not None:
                torch.mm(grad, matrix, out=grad_hidden[start : start + size])
            if grad_weight is not None:
                grad_weight.add_(grad.t() @ h)
        ctx.save_for_backward(grad_hidden, grad_weight, grad_bias)
        ctx.dtypes = (hidden.dtype, weight.dtype, None if bias is None else bias.dtype)
        return (total / divisor).float()

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients kept, times what comes from above."""
        grads = (
            None if grad is None else (grad if float(grad_loss) == 1.0 else grad * grad_loss).to(dtype)
            for grad, dtype in zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        )
        return (*grads, None)


def _chunk(
    hidden: Tensor, labels: Tensor, matrix: Tensor, head: Head, *, smoothing: float, with_grad: bool
) -> tuple[Tensor, Tensor | None]:
    """Loss (sum) of a chunk, and its gradient with respect to the raw products of hidden and matrix."""
    raw = hidden @ matrix.t()
    logits = raw.float()
    if head.bias is not None:
        logits = logits + head.bias
    if head.scale != 1.0:
        logits = logits * head.scale
    capped = None
    if head.softcap is not None:
        capped = torch.tanh(logits / head.softcap)
        logits = capped * head.softcap
    grad = torch.softmax(logits, dim=-1)
    # Log of the sum = largest logit - log of the largest probability: one pass of exponentials serves both.
    log_sum = logits.amax(-1) - grad.amax(-1).log_()
    aim = logits.gather(1, labels[:, None])[:, 0]
    if smoothing:
        aim = (1 - smoothing) * aim + smoothing * logits.mean(-1)
    loss = (log_sum - aim).sum(dtype=torch.float64)
    if not with_grad:
        return loss, None
    grad[torch.arange(len(labels), device=labels.device), labels] -= 1 - smoothing
    if smoothing:
        grad -= smoothing / grad.shape[1]
    if capped is not None:
        grad *= 1 - capped * capped
    return loss, grad.mul_(head.scale) if head.scale != 1.0 else grad
