"""What each method learns on the embedded base: the same rows of the inn, the same number of passes, one process each.

Prints one JSON line last: for every method validation loss, exact match on rows that training never saw, trained
parameters, size of what is saved, peak memory and seconds. Learning rates are those that the plan decides.
Usage: methods.py [NAME …]
"""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROWS = {"train": 256, "validation": 64, "test": 96}
EPOCHS = 4
SEED = 7
METHODS: dict[str, dict[str, Any]] = {
    "full": {"kind": "full"},
    "freeze, last 2 layers": {"kind": "freeze", "layers": 2},
    "lora": {"kind": "lora"},
    "lora without embeddings": {"kind": "lora", "train_embeddings": False},
    "qlora, nf4": {"kind": "qlora"},
    "adapter, pfeiffer": {"kind": "adapter", "placement": "pfeiffer"},
    "prompt": {"kind": "prompt"},
    "ia3": {"kind": "ia3"},
    "prefix": {"kind": "prefix"},
    "adapter, houlsby": {"kind": "adapter", "placement": "houlsby"},
    "dora": {"kind": "lora", "variant": "dora"},
    "p-tuning": {"kind": "p_tuning"},
    "qlora, int8": {"kind": "qlora", "bits": "int8"},
    "lora, pissa": {"kind": "lora", "init": "pissa"},
    "lora, eva": {"kind": "lora", "init": "eva"},
    "rslora": {"kind": "lora", "variant": "rslora"},
    "lora+, ratio 4": {"kind": "lora", "plus_ratio": 4.0},
    "loha, by its name in PEFT": {"kind": "peft", "name": "loha", "arguments": {"r": 8, "alpha": 16}},
}


def recipe_of(method: dict[str, Any]) -> Any:
    from kitae.core.recipe import parse_recipe

    train = {"epochs": EPOCHS, "precision": "fp32", "tokens_per_step": 1024, "early_stopping": {"patience": 100}}
    data = {"sources": [{"path": "none.csv"}]}
    return parse_recipe({"name": "methods", "seed": SEED, "data": data, "method": method, "train": train})


def few_rows(folder: Path) -> None:
    """The inn's data through the data stage, and the first rows of each part."""
    from kitae import data as room
    from kitae import flow
    from kitae.core.artifacts import Split
    from kitae.core.recipe import load_recipe
    from kitae.core.workspace import Workspace

    inn = Path(room.__file__).parent / "inn"
    split = flow.run(load_recipe(inn / "recipe.yaml"), folder=inn, out=Workspace(folder / "inn"), until=Split)
    (folder / "rows").mkdir()
    for part, count in ROWS.items():
        lines = split.file(f"{part}.jsonl").read_text("utf-8").splitlines(keepends=True)
        step = max(1, len(lines) // count)
        (folder / "rows" / f"{part}.jsonl").write_text("".join(lines[::step][:count]), "utf-8")


def one(name: str, folder: Path) -> dict[str, Any]:
    """Plan, train, save, load and answer with one method."""
    import torch

    from kitae import models, train
    from kitae import plan as planning
    from kitae.core.artifacts import Split
    from kitae.core.chat import end_token_ids, prompt_ids
    from kitae.core.records import read_records
    from kitae.core.workspace import Draft, Workspace

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    out = Workspace(folder / name.replace(" ", "-").replace(",", ""))

    def build(draft: Draft) -> None:
        for part in ROWS:
            draft.file(f"{part}.jsonl").write_bytes((folder / "rows" / f"{part}.jsonl").read_bytes())

    split = out.make(Split, parents={}, settings={}, build=build)
    recipe = recipe_of(METHODS[name])
    facts = models.facts(recipe.base)
    settings = planning.resolved(planning.resolve(recipe, split, facts=facts, hardware=planning.look(), out=out))
    began = time.perf_counter()
    adapter = train.run(split, settings=settings, out=out)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
    ready = models.ready(settings.base, adapter.file("adapter"), digest=settings.base_digest)
    records = list(read_records(split.file("test.jsonl")))
    found = list(asked(records))
    answers = models.generate(
        ready,
        [prompt_ids(ready.tokenizer, messages) for messages, _ in found],
        max_new_tokens=settings.evaluate.max_new_tokens,
        batch_rows=64,
        stop_ids=end_token_ids(ready.tokenizer),
    )
    texts = [ready.tokenizer.decode(answer, skip_special_tokens=True).strip() for answer in answers]
    exact = sum(text == wanted.strip() for text, (_, wanted) in zip(texts, found, strict=True)) / len(found)
    summary = adapter.summary
    return {
        "rate": settings.train.learning_rate,
        "first_loss": summary["first_loss"],
        "validation_loss": round(summary["validation_best"], 4),
        "exact_match": round(exact, 4),
        "trained_parameters": summary["trained_parameters"],
        "saved_mb": round(sum(p.stat().st_size for p in adapter.file("adapter").iterdir()) / 1e6, 2),
        "peak_gib": round(peak, 2),
        "seconds": round(seconds, 1),
        "steps": summary["steps"],
        "packed": summary["packed"],
    }


def asked(records: list[Any]) -> Iterator[tuple[tuple[Any, ...], str]]:
    """The messages before the last answer, and that answer."""
    for record in records:
        last = max(i for i, message in enumerate(record.messages) if message.role == "assistant")
        yield tuple(record.messages[:last]), record.messages[last].content


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(sys.argv[2], Path(sys.argv[3]))))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        few_rows(folder)
        rows = {}
        for name in sys.argv[1:] or METHODS:
            done = subprocess.run(
                [sys.executable, __file__, "--one", name, place], stdout=subprocess.PIPE, text=True, check=True
            )
            rows[name] = json.loads(done.stdout.splitlines()[-1])
            print(name, rows[name], file=sys.stderr, flush=True)
    print(
        json.dumps(
            {
                "benchmark": "methods",
                "rows": ROWS,
                "epochs": EPOCHS,
                "cores": len(os.sched_getaffinity(0)),
                "python": platform.python_version(),
                **{package: version(package) for package in ("torch", "transformers", "peft")},
                "methods": rows,
            }
        )
    )


if __name__ == "__main__":
    main()
