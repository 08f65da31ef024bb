"""Greedy answers to prompts of mixed length: kitae's engine against transformers `generate`, in batches and one by one.

Both get the same model (shape of a 135M Llama, random weights, fp32), the same prompts, the same stop tokens and
threads, in one process. transformers gets its best static batch: prompts sorted by length, padded on the left, at each
of several batch sizes; the fastest counts. Every token must be the same. Prints one JSON line last.

Usage: generation.py [--tiny] [--prompts N] [--batches N …]
"""

import argparse
import json
import platform
import random
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

SEED = 5
LONGEST_ANSWER = 96
SHORT, LONG, LONG_SHARE = (10, 80), (150, 400), 0.2
"""Prompt lengths in tokens, drawn evenly from these ranges."""
ENDS = 24
"""So many tokens end an answer, so that answers have mixed lengths, as real ones have."""
SIZES = {"layers": 30, "width": 576, "heads": 9, "key_heads": 3, "mlp": 1536, "vocabulary": 49_152}
TINY = {"layers": 2, "width": 64, "heads": 4, "key_heads": 2, "mlp": 128, "vocabulary": 4_096}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a shape of 1M parameters: to see that it works")
    parser.add_argument("--prompts", type=int, default=200, help="prompts answered")
    parser.add_argument("--batches", type=int, nargs="+", default=[8, 16, 32, 64], help="batch sizes of transformers")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(compare(Path(folder), arguments)))


def compare(site: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    import torch

    from kitae import models

    sizes = TINY if arguments.tiny else SIZES
    build(site, sizes)
    loaded = models.load(str(site), precision="fp32")
    prompts = draw_prompts(arguments.prompts, sizes["vocabulary"])
    free = models.generate(loaded, prompts[:8], models.Limits(LONGEST_ANSWER, 8, frozenset()))
    said = sorted({token for answer in free for token in answer})
    stops = random.Random(SEED).sample(said, min(ENDS, len(said) // 2))

    def ours() -> list[list[int]]:
        return models.generate(loaded, prompts, models.Limits(LONGEST_ANSWER, 64, frozenset(stops)))

    expected, our_seconds = timed(ours)
    single, single_seconds = timed(lambda: in_batches(loaded.model, prompts, stops, 1))
    static = {
        size: timed(lambda size=size: in_batches(loaded.model, prompts, stops, size)) for size in arguments.batches
    }
    best = min(static, key=lambda size: static[size][1])
    same = sum(a == b for a, b in zip(expected, single, strict=True))
    assert same == len(prompts), f"{len(prompts) - same} answers differ from one-by-one generation"
    lengths = [len(answer) for answer in expected]
    return {
        "benchmark": "generation",
        "ratio_vs_static_batch": round(static[best][1] / our_seconds, 2),
        "ratio_vs_one_by_one": round(single_seconds / our_seconds, 2),
        "same_tokens": same / len(prompts),
        "seconds": {
            "kitae": round(our_seconds, 3),
            "one_by_one": round(single_seconds, 3),
            **{f"static_{size}": round(seconds, 3) for size, (_, seconds) in static.items()},
        },
        "same_tokens_static": sum(a == b for a, b in zip(expected, static[best][0], strict=True)) / len(prompts),
        "best_static_batch": best,
        "prompts": len(prompts),
        "prompt_tokens": sum(map(len, prompts)),
        "answer_tokens": {"sum": sum(lengths), "shortest": min(lengths), "longest": max(lengths)},
        "shape": sizes,
        "threads": torch.get_num_threads(),
        "machine": platform.processor() or platform.machine(),
        "versions": {name: version(name) for name in ("torch", "transformers")},
    }


def timed(work: Any) -> tuple[list[list[int]], float]:
    began = time.perf_counter()
    found = work()
    return found, time.perf_counter() - began


def in_batches(model: Any, prompts: Sequence[Sequence[int]], stops: Sequence[int], size: int) -> list[list[int]]:
    """transformers' answers, without what comes from the stop token on; prompts sorted by length."""
    import torch
    from transformers import GenerationConfig

    settings = GenerationConfig(
        max_new_tokens=LONGEST_ANSWER, do_sample=False, eos_token_id=list(stops), pad_token_id=0
    )
    order = sorted(range(len(prompts)), key=lambda index: -len(prompts[index]))
    answers: dict[int, list[int]] = {}
    for start in range(0, len(order), size):
        block = order[start : start + size]
        longest = max(len(prompts[index]) for index in block)
        pads = [longest - len(prompts[index]) for index in block]
        ids = torch.tensor([[0] * pad + list(prompts[index]) for pad, index in zip(pads, block, strict=True)])
        mask = torch.tensor([[0] * pad + [1] * (longest - pad) for pad in pads])
        with torch.inference_mode():
            whole = model.generate(input_ids=ids, attention_mask=mask, generation_config=settings)
        for index, row in zip(block, whole[:, longest:].tolist(), strict=True):
            end = next((place for place, token in enumerate(row) if token in stops), len(row))
            answers[index] = row[:end]
    return [answers[index] for index in range(len(prompts))]


def draw_prompts(count: int, vocabulary: int) -> list[list[int]]:
    dice = random.Random(SEED)
    prompts = []
    for _ in range(count):
        low, high = LONG if dice.random() < LONG_SHARE else SHORT
        prompts.append([dice.randrange(2, vocabulary) for _ in range(dice.randint(low, high))])
    return prompts


def build(site: Path, sizes: dict[str, int]) -> None:
    """Write a base of random weights, drawn wide so that rounding decides nothing."""
    import torch
    from tokenizers import Tokenizer, models
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = {"<pad>": 0, "<end>": 1, **{f"w{i}": i for i in range(2, sizes["vocabulary"])}}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<pad>").save_pretrained(site)
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
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(site)


if __name__ == "__main__":
    main()
