"""A model with an adapter, ready to learn: packed rows in, loss and gradients out.

Shapes: T tokens of a packed row, N labelled tokens of it, D width.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from kitae.errors import BaseError
from kitae.models.attention_layout import Documents
from kitae.models.head import Head, head_of, labelled_loss
from kitae.models.lean import lean
from kitae.models.prompts import virtual_tokens
from kitae.models.prove import body_of, head_fault, hidden_states, in_format_of, packing_fault, sharing_fault
from kitae.train.packing import pack
from kitae.train.rows import Row
from kitae.train.sharing import Tree, alone, segments, trees


@dataclass(frozen=True)
class MicroBatch:
    """One packed row: ids (1, T), its documents, where labels are predicted (N), and the labels (N)."""

    ids: Tensor
    documents: Documents
    places: Tensor
    labels: Tensor


class Learner:
    """Owns the model while it trains. Use as a context: layers are made lean inside and put back on leaving."""

    def __init__(self, model: Any, *, longest_row: int, label_smoothing: float = 0.0) -> None:
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
        self._smoothing = label_smoothing
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

    def micro_batches(self, rows: Sequence[Row], *, budget: int) -> Iterator[MicroBatch]:
        """The rows packed to `budget` tokens; one by one where packing cannot be shown to change nothing."""
        ids = [row.tokens.ids for row in rows]
        laid = trees(ids, budget=budget) if self.unshared is None else alone(ids)
        if self.one_by_one is None:
            bins = pack(range(len(laid)), [tree.tokens for tree in laid], budget=budget)
        else:
            bins = [(i,) for i in range(len(laid))]
        for members in bins:
            yield micro_batch(rows, [laid[i] for i in members], self.device)

    def backward(self, batch: MicroBatch, *, divisor: float) -> float:
        """Add the gradients of a micro-batch; returns its share of the step's loss.

        `divisor` is the number of labelled tokens of the whole step.
        """
        loss = self.loss(batch, divisor=divisor)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    def loss(self, batch: MicroBatch, *, divisor: float) -> Tensor:
        """Cross-entropy summed over the labelled tokens, divided by `divisor`: a scalar in fp32."""
        documents = batch.documents if self.one_by_one is None else None
        if self.whole_head is not None:
            return self._loss_by_model(batch, documents, divisor)
        hidden_TD = hidden_states(self._body, batch.ids, documents)[0]
        labelled_ND = hidden_TD.index_select(0, batch.places)
        return labelled_loss(labelled_ND, batch.labels, self._head(), divisor=divisor, smoothing=self._smoothing)

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """No gradients, no dropout and no label smoothing inside."""
        smoothing, self._smoothing = self._smoothing, 0.0
        for module in self._dropouts:
            module.eval()
        with torch.no_grad():
            yield
        self._smoothing = smoothing
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

    def _loss_by_model(self, batch: MicroBatch, documents: Documents | None, divisor: float) -> Tensor:
        """The model's own head, on the labelled tokens: for heads that are more than a linear layer."""
        causal = self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model
        packed: dict[str, Any] = {}
        if documents is not None:
            packed = {"packed_documents": documents, "position_ids": documents.position_ids.to(self.device)}
        embeddings = causal.get_input_embeddings()(batch.ids).to(self._body.dtype)
        with in_format_of(self._body):
            out = causal(inputs_embeds=embeddings, use_cache=False, logits_to_keep=batch.places, **packed)
        loss = nn.functional.cross_entropy(
            out.logits[0].float(), batch.labels, reduction="sum", label_smoothing=self._smoothing
        )
        return loss / divisor


def micro_batch(rows: Sequence[Row], laid: Sequence[Tree], device: torch.device) -> MicroBatch:
    """Trees side by side; a token is predicted at the place before it, within its own row.

    A place that several rows share can have a label for each of them.
    """
    lengths: list[int] = []
    parents: list[int] = []
    ids: list[int] = []
    places: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    for tree in laid:
        cut = segments(tree, [row.tokens.ids for row in rows])
        for number, of_row in zip(tree.rows, cut.places, strict=True):
            tokens = rows[number].tokens
            before = np.flatnonzero(tokens.trained[1:])
            places.append(of_row[before] + len(ids))
            labels.append(np.asarray(tokens.ids)[before + 1])
        parents += [parent if parent < 0 else parent + len(lengths) for parent in cut.parents]
        lengths += cut.lengths
        ids += cut.ids
    return MicroBatch(
        torch.tensor([ids], device=device),
        Documents(lengths, parents),
        torch.from_numpy(np.concatenate(places)).to(device),
        torch.from_numpy(np.concatenate(labels)).to(device),
    )
