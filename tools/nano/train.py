"""The loop: one batch after another until the token budget is spent.

Everything depends on tokens, never on the clock: the same data and settings give the
same batches in the same order at the same rates, on a slow machine and on a fast one.
The bytes of the weights also depend on the number of threads (sums are added up in
another order), on the processor and on the versions of torch and tokenizers.
"""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from nano import optimizer, rows
from nano.fast import Fast

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Z_LOSS = 1e-5
"""Keeps the logits from drifting (PaLM, section 5)."""
REPORT_EVERY = 20
"""Updates between two lines of the log."""


@dataclass(frozen=True)
class Settings:
    """One training run."""

    tokens: int
    """Budget, padding included; the schedule ends exactly here."""
    optimizer: str = "muon"
    rate: float = 5e-3
    embedding_rate: float = 5e-3
    warmup_tokens: int = 100_000
    decay_share: float = 0.5
    """Share of the budget, at its end, over which the rate falls to zero."""
    batch_tokens: int = 4_096
    """Tokens between two updates, padding included."""
    layers: int = 6
    seed: int = 20_240
    threads: int = 1
    documents: int | None = None
    """Only so many of each source, for a trial."""
    compile: bool = True
    checkpoint_every: int = 100
    """Updates between two checkpoints."""


def new_model(vocabulary: int, context: int, settings: Settings) -> LlamaForCausalLM:
    """A small Llama with tied embeddings; 6.9 million parameters with six layers."""
    torch.manual_seed(settings.seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=256,
        intermediate_size=704,
        num_hidden_layers=settings.layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=context,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=1,
        initializer_range=0.02,
        attn_implementation="eager",
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for layer in model.model.layers:
            # Blocks start as the identity, so the first steps only learn the embeddings.
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
    return model


def share_of_rate(tokens: int, settings: Settings) -> float:
    """Linear up, level, then linear down to nothing (Hägele and others, arXiv 2405.18392).

    The level part does not know the budget: a checkpoint from it can be finished at
    any budget, with the same result as a run that had this budget from the start.
    """
    decay = settings.decay_share * settings.tokens
    return max(0.0, min(tokens / settings.warmup_tokens, (settings.tokens - tokens) / decay, 1.0))


class Trainer:
    """Model, optimizers and how far they are."""

    def __init__(self, model: LlamaForCausalLM, settings: Settings, folder: Path) -> None:
        self.model, self.settings, self.folder = model, settings, folder
        self.optimizers = optimizer.build(model, settings.optimizer, settings.rate, settings.embedding_rate)
        self.base_rates = [[g["lr"] for g in o.param_groups] for o in self.optimizers]
        self.update = 0
        self.loss = Fast(model, Z_LOSS, settings.compile)

    def run(self, batches: Iterable[list[rows.Row]]) -> None:
        """One update for every batch until the budget is spent."""
        settings = self.settings
        self._resume()
        last = settings.tokens // settings.batch_tokens
        began, first, shown = time.time(), self.update, 0.0
        for batch in itertools.islice(batches, self.update, last):
            shown += self._step(batch)
            self.update += 1
            if self.update % REPORT_EVERY == 0:
                speed = (self.update - first) * settings.batch_tokens / (time.time() - began)
                left = (last - self.update) * settings.batch_tokens / speed / 60
                print(
                    f"update {self.update}/{last} loss {shown / REPORT_EVERY:.4f} "
                    f"{speed:.0f} tok/s left {left:.1f} min {time.strftime('%H:%M:%S')}",
                    flush=True,
                )
                shown = 0.0
            if self.update % settings.checkpoint_every == 0 or self.update == last:
                self._save()

    def _step(self, batch: list[rows.Row]) -> float:
        """Forward, backward, update; the mean loss over the predicted tokens."""
        ready = rows.tensors(batch)
        share = share_of_rate((self.update + 1) * self.settings.batch_tokens, self.settings)
        loss = self.loss(ready) / int((ready["labels"] != rows.IGNORED).sum())
        loss.backward()
        total = float(loss.detach())
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        if not math.isfinite(total) or not math.isfinite(float(norm)):
            raise FloatingPointError(f"update {self.update}: loss {total}, gradient norm {norm}")
        for one, rates in zip(self.optimizers, self.base_rates, strict=True):
            for group, rate in zip(one.param_groups, rates, strict=True):
                group["lr"] = rate * share
            one.step()
            one.zero_grad(set_to_none=True)
        return total

    def _save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = self.folder / "checkpoint.part"
        states = [o.state_dict() for o in self.optimizers]
        torch.save({"model": self.model.state_dict(), "optimizers": states, "update": self.update}, aside)
        aside.replace(self.folder / "checkpoint.pt")

    def _resume(self) -> None:
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        for one, saved in zip(self.optimizers, state["optimizers"], strict=True):
            one.load_state_dict(saved)
        self.update = state["update"]
        print(f"resumed at update {self.update}", flush=True)
