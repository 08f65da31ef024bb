"""The stage after the split: the training side is enlarged or evened out, the other sides are copied byte for byte.

Order: self-training, augmentation, balance, because each counts the rows that the one before left. The new split has
the drawn one as its parent. What was refused or left out stands in `dropped.jsonl`, with the drawn split's own.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from kitae.core.artifacts import MANIFEST, Split
from kitae.core.data_settings import DataSettings
from kitae.core.files import read_jsonl, write_json, write_jsonl
from kitae.core.records import Record, read_records
from kitae.core.workspace import Draft, Workspace
from kitae.data.small.balancing import balance
from kitae.data.small.steps import Step

ASKED = ("balance",)
"""Settings that ask for this stage; with none of them the drawn split is what training gets."""
OURS = frozenset({MANIFEST, "summary.json", "report.json", "train.jsonl", "dropped.jsonl"})
"""Files of a split that are written anew; every other one is copied."""


def enlarge(split: Split, *, settings: DataSettings, seed: int, out: Workspace) -> Split:
    """The split with a training side as the recipe wants it, or the split itself when it wants nothing.

    Raises `RecipeError` for a column or a class that no training row has.
    """
    asked = {name: value.plain() for name in ASKED if (value := getattr(settings, name)) is not None}
    if not asked:
        return split

    def build(draft: Draft) -> None:
        train = list(read_records(split.file("train.jsonl")))
        made = list(_steps(train, settings, seed))
        after = made[-1].train
        for file in sorted(split.folder.iterdir()):
            if file.name not in OURS:
                shutil.copyfile(file, draft.file(file.name))
        write_jsonl(draft.file("train.jsonl"), (record.as_dict() for record in after))
        gone = (record.as_dict() for step in made for record in step.gone)
        write_jsonl(draft.file("dropped.jsonl"), chain(read_jsonl(split.file("dropped.jsonl")), gone))
        _finish(split, train, made, list(asked), draft)

    parents = {"split": split.digest, **{role: digest for role, digest in split.parents if role == "dataset"}}
    return out.make(Split, parents=parents, settings={"small": asked, "seed": seed}, build=build)


def _steps(train: Sequence[Record], settings: DataSettings, seed: int) -> Iterator[Step]:
    """The steps that the recipe asks for, each from the rows that the one before left."""
    if settings.balance is not None:
        yield balance(train, settings=settings.balance, seed=seed)


def _finish(split: Split, before: Sequence[Record], made: Sequence[Step], asked: Sequence[str], draft: Draft) -> None:
    """The report of the drawn split, with the training side as it is now, and what each step did."""
    report: dict[str, Any] = dict(split.json("report.json"))
    after = made[-1].train
    ids = {record.id for record in after}
    assert len(ids) == len(after), "every record has an id of its own"
    old = {record.id for record in before}
    gone = sum(len(step.gone) for step in made)
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
        "refused": gone - (len(before) - kept),
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
