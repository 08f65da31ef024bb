"""What workers do to a judged shard: write down what its records say, and turn that into vectors."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kitae.core.records import Record
from kitae.data.alike.spoken import spoken
from kitae.data.meaning.letters import letter_vectors
from kitae.data.meaning.pairs import rounded
from kitae.data.passes import fates_of
from kitae.data.shards import read_table, whole_table, write_table

LONGEST = 6_000
"""Of a text only so many characters are compared."""


@dataclass(frozen=True)
class Speak:
    """A judged shard whose records, but for those at the places `gone`, are written down at `path`."""

    judged: Path
    gone: frozenset[int]
    task: str
    path: Path


def speak(task: Speak) -> Path:
    """Write a table of what is said, or find it done.

    Columns: `place` (among the records of the shard that stayed when it was judged), `id`, `origin`, `question` (with
    all before it), `answer` ("" where only an equal answer is the same one), `label`.
    """
    import pyarrow as pa

    if read_table(task.path) is None:
        kept = [made for fate, made in fates_of(whole_table(task.judged)) if fate == "kept"]
        rows = [
            _row(place, made, task.task)
            for place, made in enumerate(kept)
            if isinstance(made, Record) and place not in task.gone
        ]
        names = ("id", "origin", "question", "answer", "label")
        schema = pa.schema([("place", pa.int64()), *((name, pa.large_string()) for name in names)])
        write_table(task.path, pa.Table.from_pylist(rows, schema=schema))
    return task.path


def _row(place: int, record: Record, task: str) -> dict[str, object]:
    said = spoken(record, task)
    return {
        "place": place,
        "id": record.id,
        "origin": str(record.origin),
        "question": "\n".join(said.asked)[-LONGEST:],
        "answer": "" if said.exact_answer else "\n".join(said.answer)[:LONGEST],
        "label": record.label,
    }


@dataclass(frozen=True)
class Vectors:
    """A table of `speak`, to be turned into files of vectors by a model of letters."""

    said: Path
    model: Path
    question: Path
    answer: Path


def write_vectors(task: Vectors) -> None:
    """Write int16 vectors of the questions and of the answers, or find them done."""
    table = whole_table(task.said)
    for name, path in (("question", task.question), ("answer", task.answer)):
        if path.exists():
            continue
        vectors = rounded(letter_vectors(table[name].to_pylist(), task.model))
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(path.suffix + ".partial")
        with aside.open("wb") as file:
            np.save(file, vectors)
        aside.replace(path)
