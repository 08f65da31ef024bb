"""The plan: every setting resolved with a reason, memory and time against the machine; refused if it cannot fit."""

import math
from itertools import groupby
from typing import Any

from kitae.core.artifacts import Plan, Split
from kitae.core.chat import encode
from kitae.core.events import Stage
from kitae.core.files import read_jsonl, write_json
from kitae.core.recipe import Recipe
from kitae.core.records import content_digest, read_records
from kitae.core.resolved import Resolved
from kitae.core.workspace import Draft, Workspace
from kitae.errors import DiskFull, RecipeError, WillNotFit
from kitae.models import load_tokenizer, speed
from kitae.models.facts import BaseFacts
from kitae.plan.decide import Facts, Lengths, decide
from kitae.plan.estimate import FP32, USABLE_SHARE, Estimate, estimate, train_seconds
from kitae.plan.hardware import GIB, Hardware, free_disk

FEW_UPDATES = 30
"""With fewer updates than this, an adapter has hardly left its beginning."""
TRAINED_TASKS = ("chat", "classify", "preference")
NEXT_STEP = {
    "runtime": "Use a machine with more memory",
    "base weights": "Choose a smaller base, or train.precision: bf16",
    "adapter, gradients and optimizer": "Train less: a lower method.rank, or another method.kind",
    "activations": "Lower train.tokens_per_step or train.max_row_tokens",
    "weights for answering": "Choose a smaller base",
    "logits": "Choose a base with a smaller vocabulary",
}


def resolve(recipe: Recipe, split: Split, *, facts: BaseFacts, hardware: Hardware, out: Workspace) -> Plan:
    """Decide every `auto`, estimate memory and time, and refuse what cannot fit.

    Raises `WillNotFit` naming the largest term, `DiskFull` when checkpoints would find no room, `RecipeError` for a
    task that has no training yet.
    """
    check(recipe)

    plan = out.make(
        Plan,
        parents={
            "train": content_digest(split.file("train.jsonl")),
            "validation": content_digest(split.file("validation.jsonl")),
            "base": facts.digest,
        },
        settings={
            **{key: recipe.plain()[key] for key in ("name", "task", "seed", "base", "method", "train")},
            "evaluate": recipe.evaluate.model_dump(mode="json", exclude={"also"}),
            "hardware": hardware.as_dict(),
            "group_by": recipe.data.split.group_by,
        },
        build=lambda draft: build(draft, recipe, split, facts, hardware),
    )
    seconds = training_seconds(plan, hardware=hardware)
    Stage(out.events, Plan.kind).note(
        f"Training time: about {seconds / 60:.1f} minutes on this machine as busy as it is now", seconds=seconds
    )
    return plan


def check(recipe: Recipe) -> None:
    """Raise `RecipeError` for a task that has no training yet."""
    if recipe.task not in TRAINED_TASKS:
        raise RecipeError(
            f"task: {recipe.task} can be prepared and split, and not yet trained",
            got=recipe.task,
            known=TRAINED_TASKS,
            hint="`kitae data report RECIPE` makes its dataset",
        )


def build(draft: Draft, recipe: Recipe, split: Split, facts: BaseFacts, hardware: Hardware) -> None:
    """Decide, estimate, say so, and refuse before anything is written."""
    lengths = measure(recipe, split, facts)
    values, reasons = decide(Facts(recipe, facts, hardware, lengths))
    settings = assemble(recipe, facts, values)
    together = 2 if recipe.task == "preference" else 1  # both answers of a pair
    cost = estimate(facts, settings.method, settings.train, lengths=lengths, hardware=hardware, together=together)
    lines = _say(draft, values, reasons, cost, hardware)
    _warn_of_few_updates(draft, settings, lengths.total * settings.train.epochs)
    check_fit(cost, hardware, disk_bytes=free_disk(draft.folder))
    decided = {"reasons": reasons, "estimate": cost.as_dict()}
    plan = {"resolved": settings.plain(), **decided, "hardware": hardware.as_dict(), "lengths": vars(lengths)}
    write_json(draft.file("plan.json"), plan)
    base = {key: getattr(facts, key) for key in ("name", "licence", "parameters", "width")}
    draft.summary({"base": base, "values": values, **decided, "machine": hardware.sentence, "lines": lines})


def resolved(plan: Plan) -> Resolved:
    """The settings that training and evaluation read."""
    return Resolved.model_validate(plan.json("plan.json")["resolved"])


def training_seconds(plan: Plan, *, hardware: Hardware) -> float:
    """How long the training takes on this machine as busy as it is now; that is no part of the plan."""
    values = plan.json("plan.json")
    precision = values["resolved"]["train"]["precision"]
    return train_seconds(
        values["estimate"]["teraflops"] * 1e12,
        width=plan.summary["base"]["width"],
        rows=values["lengths"]["rows"],
        speed=None if hardware.gpus else speed.product_speed(precision),
    )


def measure(recipe: Recipe, split: Split, facts: BaseFacts) -> Lengths:
    """Token counts of the training split as training will render it."""
    tokenizer = load_tokenizer(recipe.base)
    records = list(read_records(split.file("train.jsonl")))
    # What the template refuses is left out of training, which names the records.
    judged = recipe.task == "preference"
    said = [(record.messages, record.weight) for record in records]
    said += [((*record.prompt, *record.rejected), record.weight) for record in records if judged and record.rejected]
    encoded = encode(tokenizer, [messages for messages, _ in said], on_refused=lambda _index, _error: None)
    rows = [row for rows in encoded for row in rows]
    weights = [weight for (_, weight), rows in zip(said, encoded, strict=True) for _ in rows]
    lengths = [min(len(row), facts.max_positions) * weight for row, weight in zip(rows, weights, strict=True)]
    answers = [len(list(run)) for row in rows for trained, run in groupby(row.trained) if trained]
    validation = sum(1 for _ in read_jsonl(split.file("validation.jsonl")))
    return Lengths(
        longest_row=max(map(len, rows), default=0),
        total=round(sum(lengths)),
        longest_answer=max(answers, default=0),
        rows=len(rows),
        validation=round(validation * sum(lengths) / max(1, len(rows))),
    )


def assemble(recipe: Recipe, facts: BaseFacts, values: dict[str, Any]) -> Resolved:
    """The recipe with the decided values in place of every `auto`."""
    sections: dict[str, dict[str, Any]] = {
        "method": recipe.method.plain(),
        "train": recipe.train.plain(),
        "evaluate": recipe.evaluate.model_dump(mode="json", exclude={"also"}),
    }
    for key, value in values.items():
        section, name = key.split(".")
        sections[section][name] = value
    return Resolved.model_validate(
        {
            "name": recipe.name,
            "task": recipe.task,
            "seed": recipe.seed,
            "base": recipe.base,
            "base_digest": facts.digest,
            **sections,
        }
    )


def check_fit(cost: Estimate, hardware: Hardware, *, disk_bytes: int) -> None:
    """Raise `WillNotFit` or `DiskFull` when the machine has too little."""
    room = int(hardware.working_memory_bytes * USABLE_SHARE)
    if cost.total_bytes > room:
        term = cost.largest_term
        raise WillNotFit(
            f"this training needs about {cost.total_bytes / GIB:.1f} GiB of memory and {room / GIB:.1f} GiB can be "
            f"used; the largest term is {term} with {cost.terms[term] / GIB:.1f} GiB",
            hint=NEXT_STEP[term],
        )
    # Three checkpoints (two stay, and a new one is written before the oldest goes), each with the best state, and the
    # adapter itself.
    wanted = cost.trained_parameters * FP32 * (3 * 4 + 1)
    if wanted > disk_bytes:
        raise DiskFull(
            f"checkpoints need about {wanted / GIB:.2f} GiB and the disk has {disk_bytes / GIB:.2f} GiB",
            hint="Free some space or set KITAE_HOME to another disk",
        )


def _say(
    draft: Draft, values: dict[str, Any], reasons: dict[str, str], cost: Estimate, hardware: Hardware
) -> list[str]:
    """Tell the plan line by line, and return the lines, for when it is found again."""
    told: list[tuple[str, dict[str, Any]]] = [
        (f"{key} = {_short(value)}: {reasons[key]}", {"key": key, "value": value, "reason": reasons[key]})
        for key, value in values.items()
    ]
    told.append((f"Machine: {hardware.sentence}", {"hardware": hardware.as_dict()}))
    terms = ", ".join(f"{name} {size / GIB:.2f}" for name, size in cost.terms.items())
    room = f"{cost.total_bytes / GIB:.2f} GiB of {hardware.working_memory_bytes / GIB:.0f}"
    told.append((f"Memory: about {room} ({terms})", {"estimate": cost.as_dict()}))
    for line, data in told:
        draft.stage.note(line, **data)
    return [line for line, _ in told]


def _warn_of_few_updates(draft: Draft, settings: Resolved, total_tokens: float) -> None:
    updates = total_tokens / settings.train.tokens_per_step
    if updates < FEW_UPDATES:
        epochs = math.ceil(settings.train.epochs * FEW_UPDATES / max(updates, 1e-9))
        draft.stage.warning(
            f"Only about {max(1, round(updates))} updates will be made, too few to learn much: with so little data "
            f"train longer, for example --set train.epochs={epochs}"
        )


def _short(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
