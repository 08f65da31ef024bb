"""Weighing the 77 labels of banking77 after questions whose prompt lists them all: kitae against lm-evaluation-harness.

Both get the same model (shape of a 135M Llama, random weights, fp32), the same token ids of prompts and labels and the
same threads, in one process; lm-evaluation-harness is called behind its tokenisation (`HFLM._loglikelihood_tokens`).
The likeliest label must be the same on every row. Needs lm-eval. Prints one JSON line last.

Usage: choice_scoring.py [--tiny] [--questions N]
"""

import argparse
import csv
import json
import os
import platform
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

SEED = 5
PEER_BATCH = 8
SIZES = {"layers": 30, "width": 576, "heads": 9, "key_heads": 3, "mlp": 1536, "vocabulary": 49_152}
TINY = {"layers": 2, "width": 64, "heads": 4, "key_heads": 2, "mlp": 128, "vocabulary": 4_096}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a shape of 1M parameters: to see that it works")
    parser.add_argument("--questions", type=int, default=200, help="questions asked")
    arguments = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(compare(Path(folder), arguments)))


def compare(site: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    import torch

    from kitae import models

    questions, labels = banking77()
    tokenizer = build(site, TINY if arguments.tiny else SIZES, [*questions, *labels])
    listed = "Labels: " + ", ".join(labels) + "\nQuestion: "
    prompts = [encode(tokenizer, f"{listed}{text}\nLabel:") for text in questions[: arguments.questions]]
    choices = [encode(tokenizer, f" {label}") for label in labels]
    loaded = models.load(str(site), precision="fp32")

    began = time.perf_counter()
    ours: dict[int, list[float]] = {}
    models.weigh(loaded, prompts, choices, batch_rows=64, on_done=ours.__setitem__)
    our_seconds = time.perf_counter() - began

    theirs, their_seconds = harness(loaded, prompts, choices)
    best = [max(range(len(labels)), key=ours[row].__getitem__) for row in range(len(prompts))]
    their_best = [max(range(len(labels)), key=theirs[row].__getitem__) for row in range(len(prompts))]
    gap = max(abs(a - b) for row in range(len(prompts)) for a, b in zip(ours[row], theirs[row], strict=True))
    same = sum(a == b for a, b in zip(best, their_best, strict=True))
    assert same == len(prompts), f"the likeliest label differs on {len(prompts) - same} rows; largest gap {gap}"
    return {
        "benchmark": "choice_scoring",
        "ratio_vs_lm_eval": round(their_seconds / our_seconds, 2),
        "same_argmax": same / len(prompts),
        "largest_gap_nats": round(gap, 6),
        "seconds": {"kitae": round(our_seconds, 3), "lm_eval": round(their_seconds, 3)},
        "questions": len(prompts),
        "labels": len(labels),
        "prompt_tokens": round(sum(map(len, prompts)) / len(prompts), 1),
        "label_tokens": sum(map(len, choices)),
        "different_best": len(set(best)),
        "shape": TINY if arguments.tiny else SIZES,
        "threads": torch.get_num_threads(),
        "machine": platform.processor() or platform.machine(),
        "versions": {name: version(name) for name in ("torch", "transformers", "lm_eval")},
    }


def harness(loaded: Any, prompts: list[list[int]], choices: list[list[int]]) -> tuple[list[list[float]], float]:
    """Log-probabilities of every choice after every prompt by lm-evaluation-harness, and its seconds."""
    from lm_eval.models.huggingface import HFLM

    peer = HFLM(pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=PEER_BATCH, max_length=2_048)
    requests = [
        ((str(row), str(place)), prompt, choice)
        for row, prompt in enumerate(prompts)
        for place, choice in enumerate(choices)
    ]
    began = time.perf_counter()
    scores = [score for score, _ in peer._loglikelihood_tokens(requests, disable_tqdm=True)]  # noqa: SLF001 - same ids
    seconds = time.perf_counter() - began
    return [scores[row * len(choices) : (row + 1) * len(choices)] for row in range(len(prompts))], seconds


def banking77() -> tuple[list[str], list[str]]:
    """Test questions and the names of the labels."""
    top = Path(__file__).parents[1]
    folder = Path(os.environ.get("KITAE_SHARED_DATA") or top.parent / "shared" / "data") / "banking77"
    with (folder / "test.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], sorted({row["category"] for row in rows})


def build(site: Path, sizes: dict[str, int], texts: list[str]) -> Any:
    """Write a base of random weights, drawn wide so that rounding decides nothing; returns its tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=sizes["vocabulary"],
        special_tokens=["<pad>", "<end>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<pad>")
    fast.save_pretrained(site)
    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=sizes["vocabulary"],
        hidden_size=sizes["width"],
        intermediate_size=sizes["mlp"],
        num_hidden_layers=sizes["layers"],
        num_attention_heads=sizes["heads"],
        num_key_value_heads=sizes["key_heads"],
        max_position_embeddings=2_048,
        initializer_range=0.05,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(site)
    return fast


def encode(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


if __name__ == "__main__":
    main()
