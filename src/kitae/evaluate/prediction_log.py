"""What is asked of each system, and the log that keeps every prediction as soon as it exists."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from kitae.core.files import disk_errors
from kitae.core.records import Message, Record
from kitae.core.workspace import Draft
from kitae.evaluate.rouge import exact_form

Work = Literal["answer", "choose", "likelihood", "rejected", "alone"]
"""answer: in free text; choose: among known answers; likelihood: of the right answer; rejected: of the one that was not
chosen; alone: how long one takes."""


def is_right(record: Record) -> bool:
    """Whether its answer is one to be learnt and measured by: there is one, and nobody judged it undesirable."""
    return bool(exact_form(record.answer)) and record.desirable is not False


@dataclass(frozen=True)
class HeldOutSet:
    """A named set of records that training never saw, each with a reference; `without_reference` had none."""

    name: str
    records: tuple[Record, ...]
    without_reference: int = 0


@dataclass(frozen=True)
class Task:
    """One system's work on one set: which records it is asked about, and what it may choose from.

    `talks` are the conversations, by place in `rows`, where they are not those of the records.
    """

    system: str
    work: Work
    held_out: HeldOutSet
    rows: tuple[int, ...]
    choices: tuple[str, ...] = ()
    talks: Sequence[Sequence[Message]] | None = None

    @property
    def model(self) -> str:
        """Who does it: `tuned` or `base`."""
        return "tuned" if self.system == "tuned" else "base"

    @property
    def conversations(self) -> list[Any]:
        """The conversations to be answered, in the order of `rows`."""
        return [self.held_out.records[row].prompt for row in self.rows] if self.talks is None else list(self.talks)

    @property
    def right(self) -> list[str]:
        """The right answers, in the order of `rows`."""
        return [self.held_out.records[row].answer for row in self.rows]

    @property
    def rejected(self) -> list[str]:
        """The answers that were not chosen, in the order of `rows`."""
        return [self.held_out.records[row].rejected_answer for row in self.rows]


class PredictionLog:
    """Predictions on disk, one JSON object a line. A last line that a kill cut in two is dropped when it is read."""

    def __init__(self, path: Path) -> None:
        """Read what is there."""
        self._path = path
        self._found: dict[tuple[str, str, str], dict[int, dict[str, Any]]] = {}
        whole = self._read(path.read_bytes()) if path.exists() else 0
        with disk_errors(path):
            self._file = path.open("ab")
            self._file.truncate(whole)

    def __enter__(self) -> Self:
        """The log itself."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close the file."""
        self._file.close()

    def known(self, task: Task) -> dict[int, dict[str, Any]]:
        """What was predicted already, by position in `task.rows`."""
        found = self._found.get((task.held_out.name, task.system, task.work), {})
        return {place: found[row] for place, row in enumerate(task.rows) if row in found}

    def complete(self, task: Task) -> bool:
        """Whether nothing of a task is missing."""
        return len(self.known(task)) == len(task.rows)

    def add(self, task: Task, place: int, **result: Any) -> None:
        """Keep the result for `task.rows[place]`. Raises `DiskFull`."""
        row = {"set": task.held_out.name, "system": task.system, "work": task.work, "row": task.rows[place], **result}
        with disk_errors(self._path):
            self._file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            self._file.flush()
        self._keep(row)

    def _read(self, data: bytes) -> int:
        """Take the whole lines in, up to the first that is broken; returns how many bytes they are."""
        whole = 0
        for line in data.splitlines(keepends=True):
            try:
                row = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                row = None
            if row is None:
                break
            self._keep(row)
            whole += len(line)
        return whole

    def _keep(self, row: dict[str, Any]) -> None:
        self._found.setdefault((row["set"], row["system"], row["work"]), {})[row["row"]] = row


class Watch:
    """Progress over all systems and sets, and the speed of each task."""

    def __init__(self, draft: Draft, log: PredictionLog, *, total: int) -> None:
        """Begin with nothing done."""
        self._stage = draft.stage
        self._log = log
        self._total = total
        self._done = 0

    def begin(self, task: Task) -> None:
        """Count what an earlier call did."""
        self._done += len(self._log.known(task))
        self._began = time.monotonic()
        self._tokens = 0
        self._rows = 0

    def one(self, task: Task, tokens: int) -> None:
        """One more answer."""
        self._done += 1
        self._rows += 1
        self._tokens += tokens
        self._stage.progress(self._done, self._total, "answers", set=task.held_out.name, system=task.system)

    def end(self, task: Task) -> None:
        """Record the speed; it goes to the events only."""
        seconds = time.monotonic() - self._began
        speed = {"seconds": round(seconds, 3), "answers": self._rows, "tokens": self._tokens}
        rate = round(self._tokens / seconds, 1) if seconds > 0 else 0.0
        self._stage.data(
            "speed", set=task.held_out.name, system=task.system, work=task.work, tokens_per_second=rate, **speed
        )
