"""A tiny base, a small split and settings to train with, for tests of the training room; also run as a program."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from kitae.core.artifacts import Adapter, Split
from kitae.core.files import write_jsonl
from kitae.core.records import Message, Origin, Record
from kitae.core.resolved import Resolved, ResolvedEvaluate, ResolvedLora, ResolvedTrain
from kitae.core.train_settings import EarlyStopping, ScheduleSettings
from kitae.core.workspace import Draft, Workspace

QUESTIONS = ["checkin?", "breakfast?", "parking?", "温泉は？", "犬は？", "wifi?"]
ANSWERS = ["from three", "seven to ten", "free", "二十四時間", "いいえ", "yes"]


def record(number: int, *turns: str, prefix: str = "") -> Record:
    """A record of turns that alternate between user and assistant."""
    roles = ("user", "assistant")
    messages = tuple(Message(roles[i % 2], text) for i, text in enumerate(turns))  # type: ignore[arg-type]
    return Record(f"{prefix}{number:016x}"[:16], messages, Origin("rows.jsonl", number + 1))


def records(count: int, *, start: int = 0) -> list[Record]:
    """Single-turn records that a tiny model can learn by heart."""
    numbers = range(start, start + count)
    return [record(n, f"{'あ' * (n % 5)}{QUESTIONS[n % 6]}", ANSWERS[n % 6] * (1 + n % 3)) for n in numbers]


def make_split(out: Workspace, train: list[Record], validation: list[Record], *, test: int = 1) -> Split:
    """A split artifact with these rows."""

    def build(draft: Draft) -> None:
        parts = {"train": train, "validation": validation, "test": records(test, start=900)}
        for name, rows in parts.items():
            write_jsonl(draft.file(f"{name}.jsonl"), (row.as_dict() for row in rows))

    parents = {"dataset": str([r.as_dict() for r in (*train, *validation)]) + str(test)}
    return out.make(Split, parents=parents, settings={}, build=build)


def settings(base: Path, *, dropout: float = 0.0, embeddings: bool = False, **train: Any) -> Resolved:
    """Settings for a short training; `train` changes fields of the loop's."""
    from kitae import models

    loop: dict[str, Any] = {
        "epochs": 3,
        "learning_rate": 0.01,
        "tokens_per_step": 120,
        "max_row_tokens": 64,
        "precision": "fp32",
        "schedule": ScheduleSettings(warmup_share=0.1, final_rate_share=0.1),
        "weight_decay": 0.01,
        "max_gradient_norm": 1.0,
        "validations": 4,
        "checkpoint_seconds": 0.05,
        "early_stopping": EarlyStopping(patience=3),
    }
    facts = models.facts(str(base))
    return Resolved(
        name="tiny",
        task="chat",
        seed=11,
        base=str(base),
        base_digest=facts.digest,
        method=ResolvedLora(
            kind="lora",
            rank=4,
            alpha=8.0,
            dropout=dropout,
            targets=list(facts.linear_names),
            train_embeddings=embeddings,
        ),
        train=ResolvedTrain(**{**loop, **train}),
        evaluate=ResolvedEvaluate(
            metrics=["exact_match"], compare_to=[], max_new_tokens=8, batch_rows=4, confidence=0.95
        ),
    )


def train_here(home: Path, base: Path, *, weighted: bool = False, **changes: Any) -> Adapter:
    """Train in a workspace at `home`."""
    from kitae import train

    out = Workspace(home)
    rows = [replace(row, weight=weight) for row, weight in zip(records(40), [0.3, 1.0, 2.5, 0.8] * 10, strict=True)]
    split = make_split(out, rows if weighted else records(40), records(8, start=60))
    return train.run(split, settings=settings(base, **changes), out=out)


def main(home: str, base: str) -> None:
    """What the kill tests start in a process of its own: slow steps are made by many of them."""
    import torch

    from kitae.errors import KitaeError

    torch.set_num_threads(1)
    try:
        adapter = train_here(Path(home), Path(base), weighted=True, epochs=8, dropout=0.1, embeddings=True)
    except KitaeError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(error.exit_code) from error
    sys.stdout.write(f"{adapter.digest}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
