"""Rows that share their beginnings against our own packed loop without sharing.

Two sets: banking77 with the instruction and all labels in the system prompt (cross-entropy), and preference pairs whose
prompts are two thirds of the tokens (dpo; prompts and answers are made of banking77's sentences). The same rows, steps
and adapter; both ways take turns in one process, and their loss and gradients must agree. The base is a random one of
the shape asked for, with the tokenizer of the embedded base. Prints one JSON line last.

Usage: shared_prefix.py [--shape nano|135m] [--rows-per-step N] [--steps N] [--rounds N] [--data FOLDER]
"""

import argparse
import csv
import json
import os
import platform
import random
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

SEED = 3
SHAPES = {
    "nano": {"width": 256, "layers": 8, "heads": 4, "key_heads": 4, "mlp": 704},
    "135m": {"width": 576, "layers": 30, "heads": 9, "key_heads": 3, "mlp": 1536},
}
BUDGET = 4_096
PROMPT_WORDS = 150
DATA = Path(os.environ.get("KITAE_SHARED_DATA", "../shared/data"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="nano")
    parser.add_argument("--rows-per-step", type=int, default=32)
    parser.add_argument("--steps", type=int, default=3, help="steps of a turn")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each way; one more is warm-up")
    parser.add_argument("--data", type=Path, default=DATA / "banking77")
    asked = parser.parse_args()
    if not (asked.data / "train.csv").exists():
        raise SystemExit(f"no banking77 in {asked.data}: name its folder with --data or KITAE_SHARED_DATA")
    print(json.dumps(compare(asked)))


def compare(asked: argparse.Namespace) -> dict[str, Any]:
    import torch

    from kitae.core.train_settings import PreferenceSettings
    from kitae.train.objectives import Answers, Preferences

    model, precision = adapted(asked.shape)
    count = asked.steps * asked.rows_per_step
    sft = measure(model, Answers(), instructed(asked.data, count), asked)
    dpo = measure(model, Preferences(PreferenceSettings()), judged(asked.data, count // 2), asked)
    return {
        "benchmark": "shared_prefix",
        "sft_ratio": sft["ratio"],
        "dpo_ratio": dpo["ratio"],
        "loss_gap": max(sft["loss_gap"], dpo["loss_gap"]),
        "gradient_gap": max(sft["gradient_gap"], dpo["gradient_gap"]),
        "sft": sft,
        "dpo": dpo,
        "rows_per_step": asked.rows_per_step,
        "shape": {"name": asked.shape, **SHAPES[asked.shape]},
        "precision": precision,
        "threads": torch.get_num_threads(),
        "machine": platform.processor() or platform.machine(),
        "versions": {name: version(name) for name in ("torch", "transformers", "peft")},
    }


def measure(model: Any, objective: Any, examples: list[Any], asked: argparse.Namespace) -> dict[str, Any]:
    """Both ways by turns over the same steps."""
    from kitae.train.learner import Learner

    per_step = -(-len(examples) // asked.steps)
    steps = [examples[i : i + per_step] for i in range(0, len(examples), per_step)]
    rows = [row for example in examples for row in example.rows]
    seconds: dict[str, list[float]] = {"apart": [], "shared": []}
    results: dict[str, Any] = {}
    with Learner(model, longest_row=max(map(len, rows)), objective=objective) as learner:
        assert learner.unshared is None, learner.unshared
        for number in range(asked.rounds + 1):
            for way in ("apart", "shared") if number % 2 else ("shared", "apart"):
                learner.unshared = None if way == "shared" else "for the comparison"
                began = time.perf_counter()
                results[way] = turn(learner, steps)
                seconds[way].append(time.perf_counter() - began)
                print(way, round(seconds[way][-1], 2), "s", file=sys.stderr, flush=True)
        learner.unshared = None
        through = sum(b.ids.shape[1] for step in steps for b in learner.micro_batches(step, budget=BUDGET))
    typical = {way: median(measured[1:]) for way, measured in seconds.items()}
    (loss, grads), (shared_loss, shared_grads) = results["apart"], results["shared"]
    tokens = sum(map(len, rows))
    return {
        "ratio": round(typical["apart"] / typical["shared"], 2),
        "loss_gap": abs(shared_loss - loss) / loss,
        "gradient_gap": max(float((shared_grads[n] - g).norm() / g.norm()) for n, g in grads.items() if g.norm() > 0),
        "tokens_per_second": {way: round(tokens / typical[way], 1) for way in typical},
        "tokens": tokens,
        "tokens_through_the_model": through,
        "seconds": {way: [round(s, 2) for s in measured] for way, measured in seconds.items()},
    }


def turn(learner: Any, steps: list[list[Any]]) -> tuple[float, dict[str, Any]]:
    """Loss and gradients of the steps, added up."""
    learner.clear()
    loss = 0.0
    for step in steps:
        divisor = learner.count(step)
        loss += sum(learner.backward(b, divisor=divisor) for b in learner.micro_batches(step, budget=BUDGET))
    return loss, {name: p.grad.clone() for name, p in learner.parameters.items()}


def adapted(shape: str) -> tuple[Any, str]:
    """A random base of a shape with a LoRA on every linear layer whose gradients are all alive, and its precision."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from kitae.core.resolved import ResolvedLora
    from kitae.models.adapters import attach
    from kitae.plan.hardware import look

    sizes = SHAPES[shape]
    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=8_192,
        hidden_size=sizes["width"],
        intermediate_size=sizes["mlp"],
        num_hidden_layers=sizes["layers"],
        num_attention_heads=sizes["heads"],
        num_key_value_heads=sizes["key_heads"],
        max_position_embeddings=2_048,
        tie_word_embeddings=True,
    )
    precision = "bf16" if look().bf16 else "fp32"
    base = LlamaForCausalLM(config).to({"bf16": torch.bfloat16, "fp32": torch.float32}[precision])
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    method = ResolvedLora(kind="lora", rank=16, alpha=32.0, dropout=0.0, targets=targets, train_embeddings=False)
    model = attach(base, method, seed=SEED)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    return model, precision


def instructed(folder: Path, count: int) -> list[Any]:
    """Questions of banking77 under a system prompt with the instruction and all labels, shuffled."""
    from kitae import models
    from kitae.core.records import Message, Origin, Record
    from kitae.train.rows import tokenise

    found = questions(folder)
    labels = ", ".join(sorted({label for _, label in found}))
    system = Message("system", f"Name the intent of the customer's message. Answer with one of: {labels}.")
    records = [
        Record(f"{i:016x}", (system, Message("user", text), Message("assistant", label)), Origin("train.csv", i + 1))
        for i, (text, label) in enumerate(found[:count])
    ]
    rows, left_out = tokenise(models.load_tokenizer("kitae-nano"), records, max_row_tokens=2_048)
    assert not left_out, left_out[:3]
    return rows


def judged(folder: Path, count: int) -> list[Any]:
    """Pairs with prompts of about 200 tokens and answers of about 100, none of them alike."""
    from kitae import models
    from kitae.core.records import Message, Origin, Record
    from kitae.train.pairs import tokenise_pairs

    texts = iter([text for text, _ in questions(folder)] * 4)

    def long(words: int) -> str:
        held: list[str] = []
        while sum(len(text.split()) for text in held) < words:
            held.append(next(texts))
        return " ".join(held)

    records = [
        Record(
            f"{i:016x}",
            (Message("user", long(PROMPT_WORDS)), Message("assistant", long(PROMPT_WORDS // 2))),
            Origin("train.csv", i + 1),
            rejected=(Message("assistant", long(PROMPT_WORDS // 2)),),
        )
        for i in range(count)
    ]
    pairs, left_out = tokenise_pairs(models.load_tokenizer("kitae-nano"), records, max_row_tokens=2_048)
    assert not left_out, left_out[:3]
    # What the model says before training changes no time; any figure will do.
    return [replace(pair, reference=(-200.0, -200.0)) for pair in pairs]


def questions(folder: Path) -> list[tuple[str, str]]:
    """Texts and labels of banking77, shuffled."""
    with (folder / "train.csv").open(encoding="utf-8", newline="") as file:
        found = [(row["text"], row["category"].replace("_", " ")) for row in csv.DictReader(file)]
    random.Random(SEED).shuffle(found)
    return found


if __name__ == "__main__":
    main()
