"""The loop: one batch after another until the token budget is spent.

Everything depends on tokens, never on the clock: the same seed and budget give the
same data in the same order and the same rates, on a slow machine and on a fast one.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from transformers import LlamaConfig, LlamaForCausalLM

from nano import optimizer, rows

if TYPE_CHECKING:
    from pathlib import Path

Z_LOSS = 1e-5
"""Keeps the logits from drifting (PaLM, section 5)."""


@dataclass(frozen=True)
class Settings:
    """One training run."""

    tokens: int
    """Budget, padding included; the schedule ends exactly here."""
    optimizer: str = "muon"
    rate: float = 4e-3
    embedding_rate: float = 4e-3
    warmup_share: float = 0.01
    accumulate: int = 2
    """Batches between two updates."""
    batch_tokens: int = 4_096
    seed: int = 20_240
    compile: bool = True
    checkpoint_every: int = 300
    """Updates between two checkpoints."""


def new_model(vocabulary: int, context: int, seed: int) -> LlamaForCausalLM:
    """A small Llama with tied embeddings; 8.4 million parameters."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=256,
        intermediate_size=704,
        num_hidden_layers=8,
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


def loss_of(model: LlamaForCausalLM, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Sum of the cross entropy over the predicted tokens, plus the z-loss."""
    with torch.autocast("cpu", torch.bfloat16):
        hidden_BTD = model.model(  # noqa: N806
            input_ids=batch["ids"],
            attention_mask=batch["mask"],
            position_ids=batch["positions"],
            use_cache=False,
        ).last_hidden_state
        logits_BTV = model.lm_head(hidden_BTD)  # noqa: N806
    return _cross_entropy(logits_BTV.flatten(0, 1), batch["labels"].flatten())


def _cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    logits = logits.float()
    spread = torch.logsumexp(logits, -1)
    aim = logits.gather(1, labels.clamp(min=0)[:, None])[:, 0]
    wanted = labels != rows.IGNORED
    plain = torch.where(wanted, spread - aim, 0.0).sum()
    return plain + Z_LOSS * torch.where(wanted, spread**2, 0.0).sum()


def _compile(model: LlamaForCausalLM) -> None:
    """Compile one block, not the model: the eight share their code, so it takes an eighth."""
    for layer in model.model.layers:
        layer.compile(dynamic=False)


def share_of_rate(done: float, warmup: float) -> float:
    """Linear up, then linear down to nothing (Bergsma and others, arXiv 2502.15938)."""
    return min(done / warmup, (1 - done) / (1 - warmup)) if done < 1 else 0.0


class Trainer:
    """Model, optimizers and how far they are."""

    def __init__(self, model: LlamaForCausalLM, settings: Settings, folder: Path) -> None:
        self.model, self.settings, self.folder = model, settings, folder
        self.optimizers = optimizer.build(model, settings.optimizer, settings.rate, settings.embedding_rate)
        self.base_rates = [[g["lr"] for g in o.param_groups] for o in self.optimizers]
        self.update = 0
        if settings.compile:
            _compile(model)

    def run(self, batches: list[list[rows.Row]]) -> None:
        """All updates that the batches and the budget allow."""
        settings = self.settings
        self._resume()
        last = min(
            len(batches) // settings.accumulate,
            math.ceil(settings.tokens / (settings.batch_tokens * settings.accumulate)),
        )
        began, first = time.time(), self.update
        while self.update < last:
            start = self.update * settings.accumulate
            loss = self._step(batches[start : start + settings.accumulate], last)
            self.update += 1
            if self.update % 20 == 0 or self.update == last:
                done = (self.update - first) * settings.accumulate * settings.batch_tokens
                speed = done / (time.time() - began)
                left = (last - self.update) * settings.accumulate * settings.batch_tokens / speed
                print(
                    f"update {self.update}/{last} loss {loss:.4f} "
                    f"{speed:.0f} tok/s left {left / 60:.1f} min {time.strftime('%H:%M:%S')}",
                    flush=True,
                )
            if self.update % settings.checkpoint_every == 0:
                self._save()

    def _step(self, batches: list[list[rows.Row]], last: int) -> float:
        self.model.train()
        share = share_of_rate((self.update + 0.5) / last, self.settings.warmup_share)
        ready = [rows.tensors(batch) for batch in batches]
        wanted = sum(int((batch["labels"] != rows.IGNORED).sum()) for batch in ready)
        total = 0.0
        for batch in ready:
            loss = loss_of(self.model, batch) / wanted
            loss.backward()
            total += float(loss.detach())
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
