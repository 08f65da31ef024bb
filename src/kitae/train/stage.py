"""The stage: from a split and a plan to an adapter on disk."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from kitae import models
from kitae.core.artifacts import Adapter, Split
from kitae.core.chat import HOUSE_TEMPLATE
from kitae.core.files import write_jsonl
from kitae.core.method_settings import LoraSettings, QLoraSettings
from kitae.core.records import content_digest, read_records
from kitae.core.resolved import Resolved
from kitae.core.workspace import Draft, Workspace
from kitae.models.prompts import virtual_tokens
from kitae.train.audit import Audit, audit
from kitae.train.batches import Example, computed
from kitae.train.learner import Learner
from kitae.train.loop import Loop, Progress, Work
from kitae.train.objectives import Answers, Objective, Preferences
from kitae.train.packing import schedule
from kitae.train.pairs import tokenise_pairs
from kitae.train.reference import with_reference
from kitae.train.rows import LeftOut, Row, tokenise
from kitae.train.watch import Watch

SHOWN = 10
SAMPLED_STEPS = 20
"""Steps in which it is counted how much rows share."""
MUCH = 0.1
"""A share of tokens that is worth a word when it cannot be used."""


def run(split: Split, *, settings: Resolved, out: Workspace) -> Adapter:
    """Train an adapter, or go on where a training was cut off, or find it finished.

    Raises `NothingToLearn`, `BaseError`, `TrainingDiverged`, `Interrupted`, `DiskFull`.
    """
    return out.make(
        Adapter,
        parents={
            "train": content_digest(split.file("train.jsonl")),
            "validation": content_digest(split.file("validation.jsonl")),
            "base": settings.base_digest,
        },
        settings={
            "seed": settings.seed,
            "task": settings.task,
            "base": settings.base,
            "method": settings.method.plain(),
            "train": settings.train.model_dump(mode="json", exclude={"checkpoint_seconds"}),
        },
        build=lambda draft: build(draft, split, settings, out.run_folder),
    )


def build(draft: Draft, split: Split, settings: Resolved, run_folder: Path | None) -> None:
    """Fill the draft with the adapter, its history and its summary."""
    loaded = models.load(
        settings.base,
        precision=settings.train.precision,
        digest=settings.base_digest,
        quantised=settings.method if isinstance(settings.method, QLoraSettings) else None,
    )
    examples, facts = _read(draft, split.file("train.jsonl"), loaded.tokenizer, settings)
    validation, left_out = _tokenised(split.file("validation.jsonl"), loaded.tokenizer, settings)
    if left_out:
        draft.stage.note(f"{len(left_out)} validation rows cannot be used", rows=[str(row) for row in left_out[:SHOWN]])
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        texts = [row.tokens.ids for row in _rows(examples)]
        model = models.attach(loaded.model, settings.method, seed=settings.seed, examples=texts)
        longest = max(map(len, _rows([*examples, *validation])))
        learner = Learner(model, longest_row=longest, objective=objective_of(settings))
        plan = schedule(
            [len(example) for example in examples],
            tokens_per_step=settings.train.tokens_per_step,
            epochs=settings.train.epochs,
            seed=settings.seed,
            weights=[example.weight for example in examples],
        )
        work = Work(examples, validation, plan, settings.train, draft.scratch, _plus_ratio(settings))
        shared = _say(draft, learner, work)
        with learner, Watch(draft.stage, steps=len(plan), run_folder=run_folder) as watch:
            loop = Loop(learner, _with_reference(draft, learner, work), watch)
            progress = loop.run()
    models.save_adapter(model, draft.folder / "adapter", base=settings.base)
    if loaded.tokenizer.chat_template == HOUSE_TEMPLATE:
        loaded.tokenizer.save_pretrained(draft.folder / "adapter")
    write_jsonl(draft.file("history.jsonl"), progress.history)
    draft.summary({**_summary(loop, progress, facts, learner), "shared_tokens": shared})


def _plus_ratio(settings: Resolved) -> float:
    return settings.method.plus_ratio if isinstance(settings.method, LoraSettings) else 1.0


def objective_of(settings: Resolved) -> Objective:
    """What the task minimises."""
    if settings.task == "preference":
        return Preferences(settings.train.preference)
    return Answers(settings.train.label_smoothing)


def _with_reference(draft: Draft, learner: Learner, work: Work) -> Work:
    """The work with what the model says of every pair before training, where the objective asks for it."""
    if not (isinstance(learner.objective, Preferences) and learner.objective.needs_reference):
        return work
    if virtual_tokens(learner.model):
        draft.stage.warning(
            "Preferences are compared with the model before training, and here that begins with untrained virtual "
            "tokens; another method.kind compares with the base itself"
        )
    pairs: list[Any] = [*work.examples, *work.validation]
    draft.stage.note(f"What the model says of {len(pairs):,} pairs before training is computed once and kept")
    known = with_reference(learner, pairs, budget=work.budget, folder=draft.scratch)
    return replace(work, examples=known[: len(work.examples)], validation=known[len(work.examples) :])


def _read(draft: Draft, path: Path, tokenizer: Any, settings: Resolved) -> tuple[Sequence[Any], Audit]:
    """The training examples after the audit."""
    examples, left_out = _tokenised(path, tokenizer, settings)
    facts = audit(tokenizer, _rows(examples), left_out)
    draft.stage.note(facts.sentence, audit=vars(facts))
    if left_out:
        draft.stage.warning(
            f"{len(left_out)} training rows are left out, the first: {left_out[0]}",
            rows=[str(row) for row in left_out[:SHOWN]],
        )
    if facts.later_prompts_differ:
        draft.stage.warning(
            f"{facts.later_prompts_differ} prompts of later turns are tokenised differently by serving; "
            "this base's tokenizer joins an answer to what follows it"
        )
    return examples, facts


def _tokenised(path: Path, tokenizer: Any, settings: Resolved) -> tuple[Sequence[Any], list[LeftOut]]:
    """The records of a file as what the task trains: rows, or pairs of rows."""
    records = list(read_records(path))
    if settings.task == "preference":
        return tokenise_pairs(tokenizer, records, max_row_tokens=settings.train.max_row_tokens)
    return tokenise(tokenizer, records, max_row_tokens=settings.train.max_row_tokens)


def _rows(examples: Sequence[Example]) -> list[Row]:
    return [row for example in examples for row in example.rows]


def _say(draft: Draft, learner: Learner, work: Work) -> float:
    """How this model is run here; gives the share of the tokens that need no computing, because rows share them."""
    trained = sum(p.numel() for p in learner.parameters.values())
    how = "packed" if learner.one_by_one is None else f"one by one, because {learner.one_by_one}"
    draft.stage.note(
        f"{trained:,} weights are trained in fp32, the base stays in {work.settings.precision}; rows are {how}; "
        f"{torch.get_num_threads()} threads",
        trained_parameters=trained,
        packed=learner.one_by_one is None,
        threads=torch.get_num_threads(),
    )
    if learner.one_by_one is not None:
        draft.stage.warning(f"This base cannot be trained packed: {learner.one_by_one}. Rows go through one by one")
    if learner.whole_head is not None:
        draft.stage.warning(f"The head is left to the model's own code: {learner.whole_head}")
    sampled = [[work.examples[i] for i in step] for step in work.schedule.steps[:SAMPLED_STEPS]]
    shared = round(1 - computed(sampled, budget=work.budget), 3)
    if shared and learner.unshared is None:
        draft.stage.note(f"Rows begin alike: {shared:.0%} of their tokens are computed once for several rows")
    elif shared >= MUCH:
        draft.stage.note(f"Rows begin alike in {shared:.0%} of their tokens, but each is computed: {learner.unshared}")
    return shared if learner.unshared is None else 0.0


def _summary(loop: Loop, progress: Progress, facts: Audit, learner: Learner) -> dict[str, Any]:
    history = progress.history
    validations = [row["validation_loss"] for row in history if "validation_loss" in row]
    return {
        "steps": progress.step,
        "steps_planned": len(loop.work.schedule),
        "epochs": round(progress.step / loop.work.schedule.steps_per_epoch, 2),
        "tokens": sum(row["tokens"] for row in history),
        "first_loss": _mean_loss(history[:5]),
        "last_loss": _mean_loss(history[-5:]),
        "validation_first": validations[0] if validations else None,
        "validation_best": min(validations, default=None),
        "best_step": loop.stopper.best_step if loop.best else progress.step,
        "stopped_early": loop.stopper.stop and progress.step < len(loop.work.schedule),
        "steps_left_out": loop.guard.skipped,
        "trained_parameters": sum(p.numel() for p in learner.parameters.values()),
        "packed": learner.one_by_one is None,
        "audit": vars(facts),
    }


def _mean_loss(rows: Sequence[dict[str, Any]]) -> float | None:
    losses = [row["loss"] for row in rows if "loss" in row]
    return round(sum(losses) / len(losses), 6) if losses else None
