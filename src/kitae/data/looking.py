"""A first look at raw files, before there is a recipe: how they are read, what their rows are, what cannot be read."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, get_args

from kitae.core.data_settings import SourceSettings
from kitae.core.recipe import Task
from kitae.core.records import Record
from kitae.data.finding import FoundFile
from kitae.data.intake import Quarantined, file_encoding, record_of
from kitae.data.locating import find_all, names_of
from kitae.data.readers import Row, read_rows
from kitae.data.report.samples import sample_of, short
from kitae.data.shapes import UnreadableRow, read_shape
from kitae.errors import UnknownName

TASKS = {"text_label": "classify", "dpo": "preference", "kto": "preference", "document": "pretrain"}
"""The task that rows of a shape are for; of others it is `chat`."""
KNOWN_TASKS: tuple[str, ...] = get_args(Task)
LOOKED_AT = 1_000
"""Rows by which the task is guessed."""
TOLD = 5
"""So many reasons, shapes, languages and labels are told."""


def look(paths: Sequence[str], *, task: str | None, folder: Path, leave_out: Path | None) -> dict[str, Any]:
    """What is in raw files: for each the encoding, rows, shapes, languages, labels, a first row, and what is wrong.

    `paths` are files, folders, globs or hub datasets as a recipe in `folder` would name them; `task` is guessed from
    the rows where it is None. What lies in `leave_out` is not looked at. Raises `SourceError` for what cannot be opened
    at all, `UnknownName`.
    """
    found: list[FoundFile] = []
    for path in paths:
        source = SourceSettings(path=path)
        files = list(find_all(source, folder, leave_out=leave_out or folder / ".kitae").files.values())
        names = names_of(files)
        found += [FoundFile(names[file], file, source) for file in files]
    if task is not None and task not in KNOWN_TASKS:
        raise UnknownName("task", got=task, known=KNOWN_TASKS)
    asked = task or _task_of(found)
    return {"task": asked, "guessed": task is None, "files": [_looked_at(file, asked) for file in found]}


def _task_of(files: Sequence[FoundFile]) -> str:
    """The task that most rows are for, looking at the beginning of each file."""
    votes = Counter(TASKS.get(shape, "chat") for file in files for shape in _first_shapes(file))
    return max(votes, key=lambda task: (votes[task], task)) if votes else "chat"


def _first_shapes(file: FoundFile) -> Iterator[str]:
    for raw in islice(read_rows(file.path, file_encoding(file), file.source.read), LOOKED_AT):
        if isinstance(raw, Row):
            try:
                yield read_shape(raw.values, task="").shape
            except UnreadableRow:
                continue


def _looked_at(file: FoundFile, task: str) -> dict[str, Any]:
    encoding = file_encoding(file)
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("shapes", "languages", "labels", "wrong")}
    rows, first = 0, None
    for raw in read_rows(file.path, encoding, file.source.read):
        rows += 1
        made = record_of(raw, file, task)
        if isinstance(made, Quarantined):
            counts["wrong"][short(made.reason)] += 1
            continue
        record, shape = made
        counts["shapes"][shape] += 1
        counts["languages"][record.language or "unknown"] += 1
        if record.label:
            counts["labels"][record.label] += 1
        first = first or _sample(record)
    told = {name: dict(counter.most_common(TOLD)) for name, counter in counts.items()}
    labels = Counter({short(label): 0 for label in told["labels"]})  # a column taken for labels may hold anything
    for label, count in told["labels"].items():
        labels[short(label)] += count
    usable = counts["shapes"].total()
    return {"name": file.name, "encoding": encoding, "rows": rows, "usable": usable, **told, "labels": dict(labels),
            "wrong_otherwise": rows - usable - sum(told["wrong"].values()),
            "different_labels": len(counts["labels"]), "first": first}  # fmt: skip


def _sample(record: Record) -> dict[str, str]:
    """The first row, with private data masked; of a document its beginning."""
    sample = sample_of(record, "")
    return {"row": sample["origin"], "question": sample["question"] or short(record.messages[-1].content),
            "answer": sample["answer"]}  # fmt: skip
