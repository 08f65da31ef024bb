"""kitae's training loop against TRL's SFTTrainer as it comes, on the shape of a 135M Llama: real tokens per second.

Both get the same base (random weights, bf16 on disk), the same LoRA (r=16 on all linear layers, same start), the same
rows in the same order, the same rows in each step, AdamW at the same constant rate, bf16 and the same threads. They
run in turns, each turn in a process of its own. The losses must agree step by step. Prints one JSON line last.

Usage: train_throughput.py [--tiny] [--rounds N] [--steps N]
"""

import argparse
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

ROWS_PER_STEP = 8
RATE = 1e-3
SEED = 5
SHORT, LONG, LONG_SHARE = (30, 160), (300, 900), 0.25
"""A mix of short and long chats: lengths in tokens, drawn evenly from these ranges."""
LOSS_TOLERANCE = 0.02
PROBE = (4096, 576, 1536)
"""Tokens, inputs and outputs of the matrix product whose rate counts as the peak of this machine."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a shape of 1M parameters: to see that it works")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--steps", type=int, default=4, help="steps of a turn; the first is warm-up and not timed")
    parser.add_argument("--worker", choices=sorted(WORKERS), help=argparse.SUPPRESS)
    parser.add_argument("--site", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        warnings.simplefilter("ignore")
        result = WORKERS[arguments.worker](arguments.site)
        result["peak_rss_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        (arguments.site / "result.json").write_text(json.dumps(result))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(compare(Path(folder), arguments)))


def compare(site: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Turns of both sides, their medians, and the figures of the line."""
    shape = build(site, tiny=arguments.tiny, steps=arguments.steps)
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in WORKERS}
    for number in range(arguments.rounds):
        for name in sorted(WORKERS, reverse=bool(number % 2)):
            turns[name].append(turn(name, site))
            print(name, json.dumps(turns[name][-1]), file=sys.stderr, flush=True)
    speeds = {name: median(t["tokens_per_second"] for t in done) for name, done in turns.items()}
    pairs = zip(turns["kitae"][0]["losses"], turns["trl"][0]["losses"], strict=True)
    gap = max(abs(ours - theirs) / theirs for ours, theirs in pairs)
    assert gap <= LOSS_TOLERANCE, f"the losses differ by {gap:.3%}: {turns}"
    memory = {name: median(t["peak_rss_gib"] for t in done) for name, done in turns.items()}
    peak = turns["kitae"][0]["matmul_gflops"]
    reached = speeds["kitae"] * shape["flops_per_token"] / 1e9
    return {
        "benchmark": "train_throughput",
        "ratio_vs_trl_default": round(speeds["kitae"] / speeds["trl"], 2),
        "rss_ratio": round(memory["kitae"] / memory["trl"], 3),
        "loss_gap": round(gap, 5),
        "share_of_peak": round(reached / peak, 3),
        "tokens_per_second": {name: round(speed, 1) for name, speed in speeds.items()},
        "peak_rss_gib": {name: round(size, 2) for name, size in memory.items()},
        "matmul_gflops": round(peak, 1),
        "losses": {name: [round(loss, 4) for loss in done[0]["losses"]] for name, done in turns.items()},
        "shape": shape,
        "rounds": arguments.rounds,
        "threads": turns["kitae"][0]["threads"],
        "machine": platform.processor() or platform.machine(),
        "versions": {name: version(name) for name in ("torch", "transformers", "peft", "trl")},
        "raw": {name: [t["step_seconds"] for t in done] for name, done in turns.items()},
    }


def turn(name: str, site: Path) -> dict[str, Any]:
    """One side, once, in its own process."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, str(Path(__file__)), "--worker", name, "--site", str(site)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the {name} side failed:\n{done.stderr[-4000:]}")
    return json.loads((site / "result.json").read_text())


def build(site: Path, *, tiny: bool, steps: int) -> dict[str, Any]:
    """Write the base and the rows; returns their sizes."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    sizes = {"layers": 30, "width": 576, "heads": 9, "key_heads": 3, "mlp": 1536, "vocabulary": 49_152}
    if tiny:
        sizes = {"layers": 2, "width": 64, "heads": 4, "key_heads": 2, "mlp": 128, "vocabulary": 4_096}
    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=sizes["vocabulary"],
        hidden_size=sizes["width"],
        intermediate_size=sizes["mlp"],
        num_hidden_layers=sizes["layers"],
        num_attention_heads=sizes["heads"],
        num_key_value_heads=sizes["key_heads"],
        max_position_embeddings=2_048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
    )
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(site / "base")
    words = {"<pad>": 0, "<end>": 1, **{f"w{i}": i for i in range(2, sizes["vocabulary"])}}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<pad>")
    fast.chat_template = "{% for m in messages %}{{ m['content'] }} {% endfor %}"
    fast.save_pretrained(site / "base")
    rows = make_rows(steps * ROWS_PER_STEP, sizes["vocabulary"])
    (site / "rows.json").write_text(json.dumps(rows))
    body = sum(p.numel() for name, p in model.named_parameters() if "embed" not in name)
    lora = sum(16 * (p.shape[0] + p.shape[1]) for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n)
    labelled = sum(sum(row["trained"]) for row in rows) / sum(len(row["ids"]) for row in rows)
    # Frozen weights take 2 products of 2 operations a weight, adapter weights 3, the frozen head 2 on labelled tokens.
    flops = 4 * body + 6 * lora + 4 * labelled * sizes["vocabulary"] * sizes["width"]
    return {
        **sizes,
        "parameters": sum(p.numel() for p in model.parameters()),
        "rows": len(rows),
        "tokens": sum(len(row["ids"]) for row in rows),
        "labelled_share": round(labelled, 3),
        "steps": steps,
        "flops_per_token": flops,
    }


def make_rows(count: int, vocabulary: int) -> list[dict[str, Any]]:
    """Chats of short and long turns over a few frequent words, so that there is something to learn; half is trained."""
    rng = random.Random(SEED)
    frequent = [rng.randrange(2, vocabulary) for _ in range(64)]
    rows = []
    for _ in range(count):
        length = rng.randint(*(LONG if rng.random() < LONG_SHARE else SHORT))
        ids = [rng.choice(frequent) if rng.random() < 0.9 else rng.randrange(2, vocabulary) for _ in range(length)]
        rows.append({"ids": [*ids[:-1], 1], "trained": [t >= length // 2 for t in range(length)]})
    return rows


def tokens_of_steps(rows: list[dict[str, Any]]) -> list[int]:
    return [sum(len(row["ids"]) for row in rows[i : i + ROWS_PER_STEP]) for i in range(0, len(rows), ROWS_PER_STEP)]


def method_of(base: str) -> Any:
    from kitae import models
    from kitae.core.resolved import ResolvedLora

    targets = list(models.facts(base).linear_names)
    return ResolvedLora(kind="lora", rank=16, alpha=32.0, dropout=0.0, targets=targets, train_embeddings=False)


def worker_kitae(site: Path) -> dict[str, Any]:
    """kitae's own loop over the given steps."""
    import torch

    from kitae import models
    from kitae.core.chat import Tokens
    from kitae.core.events import Events, Stage
    from kitae.core.records import Message, Origin, Record
    from kitae.core.resolved import ResolvedTrain
    from kitae.core.train_settings import ScheduleSettings
    from kitae.train.learner import Learner
    from kitae.train.loop import Loop, Work
    from kitae.train.packing import Schedule
    from kitae.train.rows import Row
    from kitae.train.watch import Watch

    raw = json.loads((site / "rows.json").read_text())
    record = Record("0" * 16, (Message("user", ""),), Origin("rows", 1))
    rows = [Row(record, Tokens(tuple(r["ids"]), tuple(r["trained"]), turns=1)) for r in raw]
    base = str(site / "base")
    model = models.attach(models.load(base, precision="bf16").model, method_of(base), seed=SEED)
    steps = tuple(tuple(range(i, i + ROWS_PER_STEP)) for i in range(0, len(rows), ROWS_PER_STEP))
    settings = ResolvedTrain(
        epochs=1,
        learning_rate=RATE,
        tokens_per_step=4_096,
        max_row_tokens=1_024,
        precision="bf16",
        schedule=ScheduleSettings(kind="constant", warmup_share=0.0),
        weight_decay=0.0,
        max_gradient_norm=1.0,
        validations=1,
        checkpoint_seconds=3_600.0,
        early_stopping=None,
    )
    moments = [time.perf_counter()]
    events = Events()
    events.listen(lambda event: moments.append(time.perf_counter()) if event["event"] == "step" else None)
    with tempfile.TemporaryDirectory() as scratch, Learner(model, longest_row=max(map(len, rows))) as learner:
        assert learner.one_by_one is None, learner.one_by_one
        work = Work(rows, [], Schedule(steps, len(steps)), settings, Path(scratch))
        watch = Watch(Stage(events, "train"), steps=len(steps), run_folder=None)
        moments[0] = time.perf_counter()
        history = Loop(learner, work, watch).run().history
    seconds = [b - a for a, b in pairwise(moments)]
    result = timing([row["loss"] for row in history], seconds, tokens_of_steps(raw))
    return {**result, "threads": torch.get_num_threads(), "matmul_gflops": matmul_gflops()}


def worker_trl(site: Path) -> dict[str, Any]:
    """TRL's SFTTrainer with its defaults; only what must be equal is set: data, order, LoRA, rate, bf16."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from kitae import models

    raw = json.loads((site / "rows.json").read_text())
    base = str(site / "base")
    method = method_of(base)
    lora = LoraConfig(
        task_type="CAUSAL_LM", r=method.rank, lora_alpha=method.alpha, lora_dropout=0.0, target_modules=method.targets
    )
    moments: list[float] = []

    class Clock(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            moments.append(time.perf_counter())

        def on_step_end(self, *_: Any, **__: Any) -> None:
            moments.append(time.perf_counter())

    trainer = SFTTrainer(
        model=base,
        args=SFTConfig(
            output_dir=str(site / "trl"),
            bf16=True,
            use_cpu=True,
            per_device_train_batch_size=ROWS_PER_STEP,
            train_sampling_strategy="sequential",
            num_train_epochs=1,
            learning_rate=RATE,
            lr_scheduler_type="constant",
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list(
            [{"input_ids": r["ids"], "assistant_masks": [int(t) for t in r["trained"]]} for r in raw]
        ),
        peft_config=lora,
        callbacks=[Clock()],
    )
    # The same start: LoRA's A as kitae draws it (B is zero on both sides).
    start = models.attach(models.load(base, precision="bf16").model, method, seed=SEED).state_dict()
    with torch.no_grad():
        for name, parameter in trainer.model.named_parameters():
            if "lora_" in name:
                parameter.copy_(start[name])
    trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    seconds = [b - a for a, b in pairwise(moments)]
    return {**timing(losses, seconds, tokens_of_steps(raw)), "threads": torch.get_num_threads()}


def timing(losses: list[float], seconds: list[float], tokens: list[int]) -> dict[str, Any]:
    """Losses and the speed of all steps but the first, in real (unpadded) tokens."""
    assert len(losses) == len(seconds) == len(tokens), (losses, seconds, tokens)
    return {
        "losses": losses,
        "step_seconds": [round(s, 3) for s in seconds],
        "tokens_per_second": sum(tokens[1:]) / sum(seconds[1:]),
    }


def matmul_gflops() -> float:
    """The rate of a plain bf16 matrix product of the model's size, the best of several."""
    import torch

    tokens, inputs, outputs = PROBE
    a, b = torch.randn(tokens, inputs).bfloat16(), torch.randn(outputs, inputs).bfloat16()
    best = float("inf")
    for _ in range(12):
        began = time.perf_counter()
        a @ b.t()
        best = min(best, time.perf_counter() - began)
    return 2 * tokens * inputs * outputs / best / 1e9


WORKERS = {"kitae": worker_kitae, "trl": worker_trl}

if __name__ == "__main__":
    main()
