"""Answers of every system to every held-out set, each on disk as soon as it exists.

Systems: `tuned` and `base` answer freely; `choice` is the base picking among the answers that training knows (in a
chat those in the language of the question); `baseline` is the classical one. Killed at any moment, the next call asks
only for what is missing.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from kitae.core.files import disk_errors, read_json, write_json
from kitae.core.records import Record
from kitae.core.workspace import Draft
from kitae.evaluate.answering import UNREADABLE, Answerer
from kitae.evaluate.baseline import fit
from kitae.evaluate.rouge import exact_form

CHOICE_CHARACTERS = 75_000
"""Most characters of choices that the base weighs for one set (items times choices); with more, items are sampled."""
LEAST_CHOICE_ITEMS = 30
"""With a smaller sample than this, choosing would say nothing and is left out."""
LOG = "predictions.jsonl"
BASELINE = "baseline.json"

Answers = Sequence[str | None]
"""One system's answers to a set, in the order of its records; None where it was not asked."""
Measures = Mapping[str, Sequence[float | None]]
"""What came with one system's answers to a set, by name and in the order of its records: `tokens` of the answer, and of
a label the probabilities `top` (the likeliest label's, `top_right`: whether it is right), `right` (the right label's)
and `squares` (the sum of all squared)."""


@dataclass(frozen=True)
class HeldOutSet:
    """A named set of records that training never saw, each with a reference; `without_reference` had none."""

    name: str
    records: tuple[Record, ...]
    without_reference: int = 0


@dataclass(frozen=True)
class Predictions:
    """Answers by set and system; `baseline` names the classical method that won; `choices` is how many there were."""

    answers: Mapping[str, Mapping[str, Answers]]
    baseline: str
    validation: Mapping[str, float]
    choices: int
    measures: Mapping[str, Mapping[str, Measures]] = field(default_factory=dict)


@dataclass(frozen=True)
class Data:
    """What the systems learn from and are asked about."""

    train: tuple[Record, ...]
    validation: tuple[Record, ...]
    sets: tuple[HeldOutSet, ...]
    labels: bool = False
    """Whether the answers are labels, which belong to no language."""

    def choices(self, language: str) -> tuple[str, ...]:
        """The distinct answers that training knows in a language, in their exact form; all where it knows none."""
        known = self.train if self.labels else [row for row in self.train if row.language == language]
        return tuple(known_answers(known or self.train))


@dataclass(frozen=True)
class Task:
    """One system's work on one set: which records it is asked about, and what it may choose from."""

    system: str
    held_out: HeldOutSet
    rows: tuple[int, ...]
    choices: tuple[str, ...] = ()

    @property
    def conversations(self) -> list[Any]:
        """The conversations to be answered, in the order of `rows`."""
        return [self.held_out.records[row].prompt for row in self.rows]


def predict(
    draft: Draft, data: Data, *, opponents: Sequence[str], seed: int, open_answerer: Callable[[str], Answerer]
) -> Predictions:
    """Every system's answers; `open_answerer("base" or "tuned")` is called only when something of it is missing."""
    free = [Task(name, part, _all(part)) for name in ("base", "tuned") for part in data.sets]
    free = [task for task in free if task.system == "tuned" or task.system in opponents]
    picked = _choice_tasks(draft, data, seed) if "choice" in opponents else []
    with PredictionLog(draft.scratch / LOG) as log:
        watch = _Watch(draft, log, total=sum(len(task.rows) for task in [*free, *picked]))
        for model in ("base", "tuned"):
            tasks = [task for task in [*free, *picked] if (task.system == "tuned") == (model == "tuned")]
            if not all(log.complete(task) for task in tasks):
                _ask(open_answerer(model), tasks, log, watch)
        answers = {part.name: _collect([*free, *picked], part, log) for part in data.sets}
        measures = {part.name: _measures(free, part, log) for part in data.sets}
    classical: dict[str, Any] = {"name": "", "validation": {}, "answers": {}, "sure": {}}
    if "baseline" in opponents:
        classical = _classical(draft, data)
    for name, found in classical["answers"].items():
        answers[name]["baseline"] = found
    for name, sure in classical["sure"].items():
        measures[name]["baseline"] = sure
    return Predictions(answers, classical["name"], classical["validation"], len(known_answers(data.train)), measures)


def known_answers(train: Sequence[Record]) -> list[str]:
    """The distinct answers of the training split in their exact form, sorted."""
    return sorted({exact_form(record.answer) for record in train} - {""})


class PredictionLog:
    """Predictions on disk, one JSON object a line. A last line that a kill cut in two is dropped when it is read."""

    def __init__(self, path: Path) -> None:
        """Read what is there."""
        self._path = path
        self._found: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
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
        found = self._found.get((task.held_out.name, task.system), {})
        return {place: found[row] for place, row in enumerate(task.rows) if row in found}

    def complete(self, task: Task) -> bool:
        """Whether nothing of a task is missing."""
        return len(self.known(task)) == len(task.rows)

    def add(self, task: Task, place: int, **result: Any) -> None:
        """Keep the result for `task.rows[place]`. Raises `DiskFull`."""
        row = {"set": task.held_out.name, "system": task.system, "row": task.rows[place], **result}
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
        self._found.setdefault((row["set"], row["system"]), {})[row["row"]] = row


class _Watch:
    """Progress over all systems and sets, and the speed of each task."""

    def __init__(self, draft: Draft, log: PredictionLog, *, total: int) -> None:
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
        self._stage.data("speed", set=task.held_out.name, system=task.system, tokens_per_second=rate, **speed)


def _ask(answerer: Answerer, tasks: Sequence[Task], log: PredictionLog, watch: _Watch) -> None:
    for task in tasks:
        watch.begin(task)
        known = log.known(task)

        def free(place: int, tokens: list[int], task: Task = task) -> None:
            log.add(task, place, tokens=tokens, text=answerer.text(tokens))
            watch.one(task, len(tokens))

        def chosen(place: int, choice: int, task: Task = task) -> None:
            log.add(task, place, choice=choice, text="" if choice == UNREADABLE else task.choices[choice])
            watch.one(task, 0)

        if task.system == "choice":
            done_choices = {place: row["choice"] for place, row in known.items()}
            answerer.choose(task.conversations, task.choices, known=done_choices, on_done=chosen)
        else:
            done_answers = {place: row["tokens"] for place, row in known.items()}
            answerer.answer(task.conversations, known=done_answers, on_done=free)
        watch.end(task)


def _collect(tasks: Sequence[Task], part: HeldOutSet, log: PredictionLog) -> dict[str, Answers]:
    answers: dict[str, list[str | None]] = {}
    for task in tasks:
        if task.held_out is part:
            given = answers.setdefault(task.system, [None] * len(part.records))
            for place, row in log.known(task).items():
                given[task.rows[place]] = row["text"]
    return dict(answers)


def _measures(tasks: Sequence[Task], part: HeldOutSet, log: PredictionLog) -> dict[str, Measures]:
    """How many tokens each free answer has."""
    found: dict[str, Measures] = {}
    for task in tasks:
        if task.held_out is part:
            counts: list[float | None] = [None] * len(part.records)
            for place, row in log.known(task).items():
                counts[task.rows[place]] = float(len(row["tokens"]))
            found[task.system] = {"tokens": counts}
    return found


def _choice_tasks(draft: Draft, data: Data, seed: int) -> list[Task]:
    """The base's choosing, on a sample of the items where all of them would be too many; the sample is said."""
    tasks = []
    for part in data.sets:
        choices = {language: data.choices(language) for language in sorted({row.language for row in part.records})}
        rows = _choice_rows(draft, part, choices, seed)
        for language, known in choices.items():
            here = tuple(row for row in rows if part.records[row].language == language)
            if here:
                tasks.append(Task("choice", part, here, known))
    return tasks


def _choice_rows(draft: Draft, part: HeldOutSet, choices: Mapping[str, Sequence[str]], seed: int) -> tuple[int, ...]:
    """The items for which the base is to choose."""
    import numpy as np

    if not part.records:
        return ()
    rows = tuple(row for row, record in enumerate(part.records) if len(choices[record.language]) > 1)
    characters = sum(len(text) for row in rows for text in choices[part.records[row].language])
    most = int(len(rows) * CHOICE_CHARACTERS / characters) if rows else 0
    if len(rows) <= most:
        return rows
    if most < LEAST_CHOICE_ITEMS:
        why = "there are too many or too long ones" if rows else "training knows fewer than two"
        draft.stage.note(f"{part.name}: the base is not asked to choose among the known answers: {why}")
        return ()
    drawn = np.random.default_rng([seed, len(rows)]).choice(len(rows), size=most, replace=False)
    draft.stage.note(
        f"{part.name}: the base chooses among the known answers for {most:,} rows drawn from {len(rows):,}"
    )
    return tuple(sorted(rows[int(index)] for index in drawn))


def _classical(draft: Draft, data: Data) -> dict[str, Any]:
    """The baseline's name, validation scores and answers by set; kept aside once it is done."""
    path = draft.scratch / BASELINE
    if not path.exists():
        draft.stage.note("a classical baseline is trained on the same training split")
        baseline = fit(data.train, data.validation)
        asked = {part.name: [record.question for record in part.records] for part in data.sets}
        answers = {name: baseline.answer(questions) for name, questions in asked.items()}
        right = {part.name: [record.answer for record in part.records] for part in data.sets}
        sure = {name: baseline.sure(asked[name], right[name]) for name in asked} if baseline.sure else {}
        kept = {"name": baseline.name, "validation": baseline.validation, "answers": answers, "sure": sure}
        write_json(path, kept)
    found: dict[str, Any] = read_json(path)
    return found


def _all(part: HeldOutSet) -> tuple[int, ...]:
    return tuple(range(len(part.records)))
