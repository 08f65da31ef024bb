"""The head and the loss only where labels are, chunk by chunk, with the gradient computed on the way forward.

In fine-tuning most tokens carry no label, and logits (tokens x vocabulary) are the largest tensor of a step. Here the
head runs on labelled tokens only and never holds more than a few megabytes of logits: each chunk gives its loss and
at once its gradients (the idea of Hsu et al. 2024, Liger Kernel, arXiv:2410.10989, section 3.2, in plain torch).

Shapes: N labelled tokens, D width, V vocabulary.
"""

from collections.abc import Sequence
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


def label_log_probs(hidden_ND: Tensor, labels_N: Tensor, head: Head) -> Tensor:
    """Log-probability of each label (N) in fp32; nothing as large as the logits is kept for the gradient."""
    log_probs: Tensor = LabelLogProbs.apply(hidden_ND, head.weight, head.bias, (labels_N, head))  # type: ignore[no-untyped-call]
    return log_probs


class LabelledLoss(torch.autograd.Function):
    """Linear layer, soft-cap and cross-entropy in one, by chunks of tokens."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, plan: tuple[Tensor, Head, float, float]
    ) -> Tensor:
        """Add up the loss; keep the gradients that will be asked for."""
        labels, head, divisor, smoothing = plan
        matrix = weight.to(hidden.dtype)
        grads = _Gradients(hidden, weight, bias, ctx.needs_input_grad)
        total = torch.zeros((), dtype=torch.float64, device=hidden.device)
        for rows in _chunks(labels, weight):
            losses, grad = _chunk(
                hidden[rows], labels[rows], matrix, head, smoothing=smoothing, with_grad=any(ctx.needs_input_grad)
            )
            total += losses.sum(dtype=torch.float64)
            if grad is not None:
                grads.add(rows, grad.div_(divisor), hidden, matrix)
        ctx.save_for_backward(*grads.tensors)
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


class LabelLogProbs(torch.autograd.Function):
    """Log-probabilities of labels by chunks of tokens, computed once more for the gradient."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, plan: tuple[Tensor, Head]) -> Tensor:
        """Give the log-probabilities (N)."""
        labels, head = plan
        matrix = weight.to(hidden.dtype)
        losses = [
            _chunk(hidden[rows], labels[rows], matrix, head, smoothing=0.0, with_grad=False)[0]
            for rows in _chunks(labels, weight)
        ]
        ctx.save_for_backward(hidden, weight, bias)
        ctx.plan = plan
        return -torch.cat(losses)

    @staticmethod
    def backward(ctx: Any, grad_N: Tensor) -> tuple[Tensor | None, ...]:
        """Chunk by chunk, from the logits computed again."""
        hidden, weight, bias = ctx.saved_tensors
        labels, head = ctx.plan
        matrix = weight.to(hidden.dtype)
        grads = _Gradients(hidden, weight, bias, ctx.needs_input_grad)
        for rows in _chunks(labels, weight):
            _, grad = _chunk(hidden[rows], labels[rows], matrix, head, smoothing=0.0, with_grad=True)
            assert grad is not None
            grads.add(rows, grad.mul_(-grad_N[rows, None]), hidden, matrix)
        found = zip(grads.tensors, (hidden, weight, bias), strict=True)
        return (*(None if grad is None else grad.to(of.dtype) for grad, of in found), None)


class _Gradients:
    """Gradients of hidden states, weight and bias, as far as they are wanted, added up by chunks."""

    def __init__(self, hidden: Tensor, weight: Tensor, bias: Tensor | None, wanted: Sequence[bool]) -> None:
        self.hidden = torch.empty_like(hidden) if wanted[0] else None
        self.weight = torch.zeros_like(weight, dtype=torch.float32) if wanted[1] else None
        self.bias = torch.zeros_like(bias, dtype=torch.float32) if bias is not None and wanted[2] else None

    @property
    def tensors(self) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """In the order of the arguments."""
        return self.hidden, self.weight, self.bias

    def add(self, rows: slice, grad: Tensor, hidden: Tensor, matrix: Tensor) -> None:
        """Take the gradient (n, V) of the raw products of some rows."""
        if self.bias is not None:
            self.bias += grad.sum(0)
        grad = grad.to(hidden.dtype)
        if self.hidden is not None:
            torch.mm(grad, matrix, out=self.hidden[rows])
        if self.weight is not None:
            self.weight.add_(grad.t() @ hidden[rows])


def _chunks(labels: Tensor, weight: Tensor) -> list[slice]:
    """Rows of labels whose logits take a few megabytes."""
    size = max(1, CHUNK_LOGITS // weight.shape[0])
    return [slice(start, start + size) for start in range(0, len(labels), size)]


def _chunk(
    hidden: Tensor, labels: Tensor, matrix: Tensor, head: Head, *, smoothing: float, with_grad: bool
) -> tuple[Tensor, Tensor | None]:
    """Losses (n) of a chunk, and the gradient of their sum with respect to the raw products of hidden and matrix."""
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
    losses = log_sum - aim
    if not with_grad:
        return losses, None
    grad[torch.arange(len(labels), device=labels.device), labels] -= 1 - smoothing
    if smoothing:
        grad -= smoothing / grad.shape[1]
    if capped is not None:
        grad *= 1 - capped * capped
    return losses, grad.mul_(head.scale) if head.scale != 1.0 else grad
