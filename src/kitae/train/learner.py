"""A model with an adapter, ready to learn: packed rows in, loss and gradients out.

Shapes: T tokens of a packed row, N labelled tokens of it, D width.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from kitae.errors import BaseError
from kitae.models.attention_layout import Documents
from kitae.models.head import Head, head_of, label_log_probs, labelled_loss
from kitae.models.lean import lean
from kitae.models.prompts import virtual_tokens
from kitae.models.prove import body_of, head_fault, hidden_states, in_format_of, packing_fault, sharing_fault
from kitae.train.batches import Example, MicroBatch, micro_batches
from kitae.train.objectives import Answers, Objective


class Learner:
    """Owns the model while it trains. Use as a context: layers are made lean inside and put back on leaving."""

    def __init__(self, model: Any, *, longest_row: int, objective: Objective = Answers()) -> None:  # noqa: B008
        """Find out how this model may be run. The base's own dropout stays off; the adapter's is on."""
        self.model = model.eval()
        self._dropouts = [m for n, m in model.named_modules() if "lora_dropout" in n and isinstance(m, nn.Dropout)]
        self.parameters: dict[str, nn.Parameter] = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.one_by_one: str | None = packing_fault(model, longest_row=longest_row)
        self.unshared: str | None = self.one_by_one or self._sharing_fault(longest_row)
        self.whole_head: str | None = head_fault(model)
        if self.whole_head is not None and virtual_tokens(model):
            raise BaseError(
                f"a prompt method needs a head that can be computed apart, and {self.whole_head}",
                hint="Use method: {kind: lora}",
            )
        self._body = body_of(model)
        self.objective = objective
        self._stack = ExitStack()
        self.lean_layers = 0
        for module in self._dropouts:
            module.train()

    def __enter__(self) -> Self:
        """Make the layers lean."""
        self.lean_layers = self._stack.enter_context(lean(self.model))
        return self

    def __exit__(self, *_: object) -> None:
        """Put the original layers back."""
        self._stack.close()

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        device: torch.device = self._body.device
        return device

    def micro_batches(self, examples: Sequence[Example], *, budget: int) -> Iterator[MicroBatch]:
        """The examples packed to `budget` tokens; one by one where packing cannot be shown to change nothing."""
        packed, shared = self.one_by_one is None, self.unshared is None
        return micro_batches(examples, budget=budget, device=self.device, packed=packed, shared=shared)

    def count(self, examples: Sequence[Example]) -> float:
        """The divisor of a step of these examples."""
        return sum(map(self.objective.count, examples))

    def backward(self, batch: MicroBatch, *, divisor: float) -> float:
        """Add the gradients of a micro-batch; returns its share of the step's loss.

        `divisor` is the `count` of the whole step.
        """
        loss = self.loss(batch, divisor=divisor)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    def loss(self, batch: MicroBatch, *, divisor: float) -> Tensor:
        """What the objective makes of a micro-batch: a scalar in fp32."""
        return self.objective.loss(self, batch, divisor=divisor)

    def label_loss(self, batch: MicroBatch, *, divisor: float, smoothing: float) -> Tensor:
        """Cross-entropy summed over the labelled tokens, divided by `divisor`."""
        if self.whole_head is not None:
            logits = self._logits(batch)
            loss = functional.cross_entropy(logits, batch.labels, reduction="sum", label_smoothing=smoothing)
            return loss / divisor
        return labelled_loss(self._labelled(batch), batch.labels, self._head(), divisor=divisor, smoothing=smoothing)

    def label_log_probs(self, batch: MicroBatch) -> Tensor:
        """Log-probability of each label (N), in fp32."""
        if self.whole_head is not None:
            return -functional.cross_entropy(self._logits(batch), batch.labels, reduction="none")
        return label_log_probs(self._labelled(batch), batch.labels, self._head())

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """No gradients, no dropout and nothing that only helps training inside."""
        objective, self.objective = self.objective, self.objective.measured()
        for module in self._dropouts:
            module.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self.objective = objective
            for module in self._dropouts:
                module.train()

    def clear(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters.values():
            parameter.grad = None

    def _sharing_fault(self, longest_row: int) -> str | None:
        if any(dropout.p > 0 for dropout in self._dropouts):
            return "dropout draws for each row anew"
        return sharing_fault(self.model, longest_row=longest_row)

    def _head(self) -> Head:
        head = head_of(self.model)
        assert head is not None
        return head

    def _labelled(self, batch: MicroBatch) -> Tensor:
        """Last hidden states (N, D) where labels are predicted."""
        if self.one_by_one is None:
            hidden_TD = hidden_states(self._body, batch.ids, batch.documents)[0]
        else:
            alone = torch.split(batch.ids, list(batch.documents.lengths), dim=1)
            hidden_TD = torch.cat([hidden_states(self._body, ids, None)[0] for ids in alone])
        return hidden_TD.index_select(0, batch.places)

    def _logits(self, batch: MicroBatch) -> Tensor:
        """Logits (N, V) by the model's own head: for heads that are more than a linear layer."""
        if self.one_by_one is None:
            return self._logits_at(batch.ids, batch.places, batch.documents)
        found = []
        for start, length in zip(batch.documents.starts, batch.documents.lengths, strict=True):
            here = batch.places[(batch.places >= start) & (batch.places < start + length)] - start
            found.append(self._logits_at(batch.ids[:, start : start + length], here, None))
        return torch.cat(found)

    def _logits_at(self, ids: Tensor, places: Tensor, documents: Documents | None) -> Tensor:
        causal = self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model
        packed: dict[str, Any] = {}
        if documents is not None:
            packed = {"packed_documents": documents, "position_ids": documents.position_ids.to(self.device)}
        embeddings = causal.get_input_embeddings()(ids).to(self._body.dtype)
        with in_format_of(self._body):
            out = causal(inputs_embeds=embeddings, use_cache=False, logits_to_keep=places, **packed)
        logits: Tensor = out.logits[0].float()
        return logits
