"""The stage after the split: the training side is enlarged or evened out, the other sides are copied byte for byte.

Order: self-training, augmentation, balance, because each counts the rows that the one before left. The new split has
the drawn one as its parent. What was refused or left out stands in `dropped.jsonl`, with the drawn split's own.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from kitae.core.artifacts import MANIFEST, Dataset, Split
from kitae.core.data_settings import DataSettings, SelfTrainingSettings
from kitae.core.endpoint import Endpoint
from kitae.core.files import read_jsonl, write_json, write_jsonl
from kitae.core.recipe import locate
from kitae.core.records import Record, read_records
from kitae.core.small_settings import AugmentSettings
from kitae.core.workspace import Draft, Workspace
from kitae.data.custody.erased import Erased
from kitae.data.custody.policy import enforce
from kitae.data.finding import find
from kitae.data.making import made_by
from kitae.data.preparing import ANSWERS, prepare
from kitae.data.small.apart import HeldOut
from kitae.data.small.augmenting import augment
from kitae.data.small.balancing import balance
from kitae.data.small.methods import THROUGH_ENDPOINT, Tools, own_words
from kitae.data.small.self_training import self_train
from kitae.data.small.steps import Step

ASKED = ("self_training", "augment", "balance")
"""Settings that ask for this stage; with none of them the drawn split is what training gets."""
OURS = frozenset({MANIFEST, "summary.json", "report.json", "train.jsonl", "dropped.jsonl"})
"""Files of a split that are written anew; every other one is copied."""


def enlarge(
    split: Split, *, settings: DataSettings, seed: int, out: Workspace, folder: Path, erased: Erased | None = None
) -> Split:
    """The split with a training side as the recipe in `folder` wants it, or the split itself when it wants nothing.

    What was `erased` does not come back among unlabelled rows. Raises `RecipeError` for a class that no training row
    has, or a file that cannot be used; `InputError` when an endpoint refuses or does not answer; `PolicyRefused`.
    """
    asked = {name: value.plain() for name in ASKED if (value := getattr(settings, name)) is not None}
    if not asked:
        return split
    own = _own_words(settings.augment, folder)
    unlabelled = _unlabelled(settings, folder, out, erased)

    def build(draft: Draft) -> None:
        train = list(read_records(split.file("train.jsonl")))
        made = list(_steps(_Work(split, settings, seed, out, draft, own, unlabelled), train))
        after = made[-1].train
        for file in sorted(split.folder.iterdir()):
            if file.name not in OURS:
                shutil.copyfile(file, draft.file(file.name))
        write_jsonl(draft.file("train.jsonl"), (record.as_dict() for record in after))
        gone = (record.as_dict() for step in made for record in step.gone)
        write_jsonl(draft.file("dropped.jsonl"), chain(read_jsonl(split.file("dropped.jsonl")), gone))
        _finish(split, train, made, list(asked), draft)

    parents = {"split": split.digest, **{role: digest for role, digest in split.parents if role == "dataset"}}
    if unlabelled is not None:
        parents["unlabelled"] = unlabelled.digest
    made_from = {"small": asked, "seed": seed, "near": settings.duplicates.near, "own": own, **made_by()}
    return out.make(Split, parents=parents, settings=made_from, build=build)


@dataclass(frozen=True)
class _Work:
    """What the steps of one stage work with; `own` holds the user's phrases or terms for each method."""

    split: Split
    settings: DataSettings
    seed: int
    out: Workspace
    draft: Draft
    own: Sequence[Mapping[str, Any]]
    unlabelled: Dataset | None

    def self_trained(self, train: Sequence[Record], settings: SelfTrainingSettings, dataset: Dataset) -> Step:
        """The rows with those that a classifier labelled."""
        validation = list(read_records(self.split.file("validation.jsonl")))
        rows = read_records(dataset.file("records.jsonl"))
        return self_train(train, validation, rows, self.held_out(), settings=settings)

    def held_out(self) -> HeldOut:
        """The questions that nothing new may ask."""
        sides = (read_records(self.split.file(f"{side}.jsonl")) for side in ("validation", "test"))
        return HeldOut(chain.from_iterable(sides), near=self.settings.duplicates.near)

    def augmented(self, train: Sequence[Record], settings: AugmentSettings) -> Step:
        """The rows with their variants."""
        endpoint = None
        if any(method.kind in THROUGH_ENDPOINT for method in settings.methods) and settings.endpoint is not None:
            endpoint = Endpoint(settings.endpoint, self.out.home / ANSWERS, place="data.augment.endpoint")
        tools = [Tools(method, endpoint, own) for method, own in zip(settings.methods, self.own, strict=True)]
        try:
            return augment(
                train, self.held_out(), settings=settings, tools=tools, seed=self.seed, stage=self.draft.stage
            )
        finally:
            if endpoint is not None:
                endpoint.close()


def _steps(work: _Work, train: Sequence[Record]) -> Iterator[Step]:
    """The steps that the recipe asks for, each from the rows that the one before left."""
    if work.settings.self_training is not None and work.unlabelled is not None:
        step = work.self_trained(train, work.settings.self_training, work.unlabelled)
        train = step.train
        yield step
    if work.settings.augment is not None:
        step = work.augmented(train, work.settings.augment)
        train = step.train
        yield step
    if work.settings.balance is not None:
        yield balance(train, settings=work.settings.balance, seed=work.seed)


def _unlabelled(settings: DataSettings, folder: Path, out: Workspace, erased: Erased | None) -> Dataset | None:
    """The rows for self-training, read as raw texts, repaired and redacted; only rules on terms are asked."""
    if settings.self_training is None:
        return None
    source = find([settings.self_training.source], folder=folder, out=out)
    dataset = prepare(source, settings=settings, task="pretrain", out=out, folder=folder, held_out=True, erased=erased)
    enforce(dataset, settings.policy, out=out)
    return dataset


def _own_words(settings: AugmentSettings | None, folder: Path) -> list[Mapping[str, Any]]:
    """The user's file of each method, {} without one."""
    methods = settings.methods if settings is not None else []
    return [own_words(locate(method.file, folder)) if method.file else {} for method in methods]


def _finish(split: Split, before: Sequence[Record], made: Sequence[Step], asked: Sequence[str], draft: Draft) -> None:
    """The report of the drawn split, with the training side as it is now, and what each step did."""
    report: dict[str, Any] = dict(split.json("report.json"))
    after = made[-1].train
    ids = {record.id for record in after}
    assert len(ids) == len(after), "every record has an id of its own"
    old = {record.id for record in before}
    kept = len(old & ids)
    report["rows"] = {**report["rows"], "train": len(after)}
    for name, of in (("languages", "language"), ("labels", "label")):
        if report.get(name):
            counts = Counter(getattr(record, of) for record in after)
            report[name] = {**report[name], "train": dict(sorted(counts.items()))}
    report["small"] = {
        "drawn": len(before),
        "left_out": len(before) - kept,
        "added": len(after) - kept,
        **{name: step.figures for name, step in zip(asked, made, strict=True)},
    }
    assert len(after) == len(before) - report["small"]["left_out"] + report["small"]["added"]
    write_json(draft.file("report.json"), report)
    for text in (text for step in made for text in step.warnings):
        draft.stage.warning(text)
    notes = [text for step in made for text in (*step.lines, *step.warnings)]
    for text in (text for step in made for text in step.lines):
        draft.stage.note(text)
    rows = f"training {len(before):,} rows as drawn, {len(after):,} as trained; validation and test are as drawn"
    draft.stage.note(rows)
    summary = {**split.summary, **report["rows"], "lines": [*split.summary.get("lines", []), *notes, rows]}
    draft.summary(summary)
