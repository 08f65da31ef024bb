"""Answers of every system to every held-out set, each on disk as soon as it exists.

Systems: `tuned` and `base` answer freely; `choice` is the base picking among the answers that training knows (in a
chat those in the language of the question); `baseline` is the classical one. Killed at any moment, the next call asks
only for what is missing.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kitae.core.files import read_json, write_json
from kitae.core.metric_names import metric_name
from kitae.core.records import Record
from kitae.core.resolved import Resolved
from kitae.core.workspace import Draft
from kitae.evaluate.answering import Answerer
from kitae.evaluate.baseline import fit
from kitae.evaluate.prediction_log import HeldOutSet, PredictionLog, Task, Watch, is_right
from kitae.evaluate.rouge import exact_form

CHOICE_CHARACTERS = 75_000
"""Most characters of choices that the base weighs for one set (items times choices); with more, items are sampled."""
LEAST_CHOICE_ITEMS = 30
"""With a smaller sample than this, choosing would say nothing and is left out."""
ALONE_ROWS = 30
"""Rows of a set that are answered one at a time to learn how long an answer takes."""
SECONDS_IN_HOUR = 3600
LOG = "predictions.jsonl"
BASELINE = "baseline.json"

Answers = Sequence[str | None]
"""One system's answers to a set, in the order of its records; None where it was not asked."""
Measures = Mapping[str, Sequence[float | None]]
"""What came with one system's answers to a set, by name and in the order of its records: `tokens` of the answer,
`seconds` and `cost` of an answer alone; of the right answer `nll` (nats) and `reference_tokens`, its end included, and
the same of the one that was not chosen as `rejected_nll` and `rejected_tokens`; of a label the probabilities `top` (the
likeliest label's, `top_right`: whether it is right), `right` (the right label's) and `squares` (the sum of all
squared)."""
MEASURES = (
    "tokens", "seconds", "nll", "reference_tokens", "rejected_nll", "rejected_tokens", "top", "top_right", "right",
    "squares",
)  # fmt: skip
"""Those that stand in the log under their names."""


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
        known = self.right if self.labels else [row for row in self.right if row.language == language]
        return tuple(known_answers(known or self.right))

    @property
    def right(self) -> list[Record]:
        """The training rows whose answers are right ones; training saw the others as well."""
        return list(filter(is_right, self.train))


def predict(draft: Draft, data: Data, *, settings: Resolved, open_answerer: Callable[[str], Answerer]) -> Predictions:
    """Every system's answers; `open_answerer("base" or "tuned")` is called only when something of it is missing."""
    opponents = settings.evaluate.compare_to
    tasks = _tasks(draft, data, settings)
    with PredictionLog(draft.scratch / LOG) as log:
        watch = Watch(draft, log, total=sum(len(task.rows) for task in tasks))
        for model in ("base", "tuned"):
            mine = [task for task in tasks if task.model == model]
            if not all(log.complete(task) for task in mine):
                ask(open_answerer(model), mine, log, watch)
        answers = {part.name: collect(tasks, part, log) for part in data.sets}
        measures = {part.name: _measures(tasks, part, log, settings) for part in data.sets}
    classical: dict[str, Any] = {"name": "", "validation": {}, "answers": {}, "sure": {}}
    if "baseline" in opponents:
        classical = _classical(draft, data)
    for name, found in classical["answers"].items():
        answers[name]["baseline"] = found
    for name, sure in classical["sure"].items():
        measures[name]["baseline"] = sure
    return Predictions(answers, classical["name"], classical["validation"], len(known_answers(data.right)), measures)


def _tasks(draft: Draft, data: Data, settings: Resolved) -> list[Task]:
    """What the metrics and the opponents of a recipe need of its models."""
    needs = {metric_name(name).needs for name in settings.evaluate.metrics}
    opponents = settings.evaluate.compare_to
    free = ["base", "tuned"] if "base" in opponents else ["tuned"]
    tasks = [Task(system, "answer", part, _all(part)) for system in free for part in data.sets]
    choosing = [("choice", "choice" in opponents), ("tuned", "probabilities" in needs)]
    if any(wanted for _, wanted in choosing):
        chosen = _choice_rows(draft, data, settings.seed)
        tasks += [Task(system, "choose", *parts) for system, wanted in choosing if wanted for parts in chosen]
    if needs & {"likelihood", "preference"}:
        tasks += [Task(system, "likelihood", part, _all(part)) for system in free for part in data.sets]
    if "preference" in needs:
        tasks += [Task(system, "rejected", part, _judged(part)) for system in free for part in data.sets]
    if needs & {"seconds", "cost"}:
        tasks += [Task(system, "alone", part, alone_rows(part, settings.seed)) for system in free for part in data.sets]
    return tasks


def known_answers(train: Sequence[Record]) -> list[str]:
    """The distinct answers of the training split in their exact form, sorted."""
    return sorted({exact_form(record.answer) for record in train} - {""})


def ask(answerer: Answerer, tasks: Sequence[Task], log: PredictionLog, watch: Watch) -> None:
    """Do what is missing of the tasks."""
    for task in tasks:
        watch.begin(task)
        WORKS[task.work](answerer, task, log, watch)
        watch.end(task)


def _answer(answerer: Answerer, task: Task, log: PredictionLog, watch: Watch) -> None:
    def done(place: int, tokens: list[int]) -> None:
        log.add(task, place, ids=tokens, tokens=len(tokens), text=answerer.text(tokens))
        watch.one(task, len(tokens))

    known = {place: row["ids"] for place, row in log.known(task).items()}
    answerer.answer(task.conversations, known=known, on_done=done)


def _choose(answerer: Answerer, task: Task, log: PredictionLog, watch: Watch) -> None:
    places = {form: place for place, form in enumerate(task.choices)}
    right = [places.get(exact_form(text)) for text in task.right]

    def done(place: int, scores: list[float]) -> None:
        best = max(range(len(scores)), key=lambda choice: scores[choice], default=None)
        text = "" if best is None else task.choices[best]
        log.add(task, place, text=text, **(sureness(scores, right[place]) if scores else {}))
        watch.one(task, 0)

    answerer.weigh(task.conversations, task.choices, known=log.known(task), on_done=done)


def _weigh_right(answerer: Answerer, task: Task, log: PredictionLog, watch: Watch) -> None:
    _weigh_given(answerer, task, log, watch, task.right, ("nll", "reference_tokens"))


def _weigh_rejected(answerer: Answerer, task: Task, log: PredictionLog, watch: Watch) -> None:
    _weigh_given(answerer, task, log, watch, task.rejected, ("rejected_nll", "rejected_tokens"))


def _weigh_given(  # noqa: PLR0917
    answerer: Answerer, task: Task, log: PredictionLog, watch: Watch, answers: Sequence[str], names: tuple[str, str]
) -> None:
    def done(place: int, score: float | None, tokens: int) -> None:
        log.add(task, place, **({} if score is None else {names[0]: round(-score, 6), names[1]: tokens}))
        watch.one(task, 0)

    answerer.likelihood(task.conversations, answers, known=log.known(task), on_done=done)


def _answer_alone(answerer: Answerer, task: Task, log: PredictionLog, watch: Watch) -> None:
    """The first row is answered once more before anything is timed: a first answer waits for what others find ready."""
    known = log.known(task)
    talks = task.conversations
    if len(known) < len(talks):
        answerer.answer(talks[:1], known={}, on_done=lambda *_: None)
    for place, talk in enumerate(talks):
        if place not in known:
            began = time.perf_counter()
            answerer.answer([talk], known={}, on_done=lambda *_: None)
            log.add(task, place, seconds=round(time.perf_counter() - began, 6))
            watch.one(task, 0)


WORKS: Mapping[str, Callable[[Answerer, Task, PredictionLog, Watch], None]] = {
    "answer": _answer,
    "choose": _choose,
    "likelihood": _weigh_right,
    "rejected": _weigh_rejected,
    "alone": _answer_alone,
}


def sureness(scores: Sequence[float], right: int | None) -> dict[str, float]:
    """What log-probabilities of labels say: `top`, `top_right`, `right` and `squares`, over these labels alone.

    `right` is the place of the right label, None for one that is not among them.
    """
    most = max(scores)
    shares = [math.exp(score - most) for score in scores]
    total = math.fsum(shares)
    shares = [share / total for share in shares]
    top = max(range(len(shares)), key=lambda place: shares[place])
    return {
        "top": round(shares[top], 6),
        "top_right": float(top == right),
        "right": 0.0 if right is None else round(shares[right], 6),
        "squares": round(math.fsum(share * share for share in shares), 6),
    }


def collect(tasks: Sequence[Task], part: HeldOutSet, log: PredictionLog) -> dict[str, Answers]:
    """The answers of each system: free ones, and for `choice` the chosen ones."""
    answers: dict[str, list[str | None]] = {}
    for task in tasks:
        if task.held_out is part and task.work == ("choose" if task.system == "choice" else "answer"):
            given = answers.setdefault(task.system, [None] * len(part.records))
            for place, row in log.known(task).items():
                given[task.rows[place]] = row["text"]
    return dict(answers)


def _measures(tasks: Sequence[Task], part: HeldOutSet, log: PredictionLog, settings: Resolved) -> dict[str, Measures]:
    """What was measured of each system on a set."""
    found: dict[str, dict[str, list[float | None]]] = {}
    price = settings.evaluate.price_per_hour
    for task in tasks:
        if task.held_out is not part:
            continue
        mine = found.setdefault(task.system, {})
        for place, row in log.known(task).items():
            values = {name: float(row[name]) for name in MEASURES if name in row}
            if price is not None and "seconds" in row:
                values["cost"] = row["seconds"] * price / SECONDS_IN_HOUR
            for name, value in values.items():
                mine.setdefault(name, [None] * len(part.records))[task.rows[place]] = value
    return dict(found)


def _choice_rows(draft: Draft, data: Data, seed: int) -> list[tuple[HeldOutSet, tuple[int, ...], tuple[str, ...]]]:
    """Which items are to be chosen for from which answers: a sample where all would be too many; it is said."""
    found = []
    for part in data.sets:
        choices = {language: data.choices(language) for language in sorted({row.language for row in part.records})}
        rows = _sampled_rows(draft, part, choices, seed)
        for language, known in choices.items():
            here = tuple(row for row in rows if part.records[row].language == language)
            if here:
                found.append((part, here, known))
    return found


def _sampled_rows(draft: Draft, part: HeldOutSet, choices: Mapping[str, Sequence[str]], seed: int) -> tuple[int, ...]:
    """The items for which a model is to choose."""
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
    draft.stage.note(
        f"{part.name}: the base chooses among the known answers for {most:,} rows drawn from {len(rows):,}"
    )
    return _drawn(rows, most, seed)


def alone_rows(part: HeldOutSet, seed: int) -> tuple[int, ...]:
    """The rows that are answered alone."""
    rows = _all(part)
    return rows if len(rows) <= ALONE_ROWS else _drawn(rows, ALONE_ROWS, seed)


def _drawn(rows: Sequence[int], size: int, seed: int) -> tuple[int, ...]:
    import numpy as np

    drawn = np.random.default_rng([seed, len(rows)]).choice(len(rows), size=size, replace=False)
    return tuple(sorted(rows[int(index)] for index in drawn))


def _classical(draft: Draft, data: Data) -> dict[str, Any]:
    """The baseline's name, validation scores and answers by set; kept aside once it is done."""
    path = draft.scratch / BASELINE
    if not path.exists():
        draft.stage.note("a classical baseline is trained on the same training split")
        baseline = fit(data.right, list(filter(is_right, data.validation)))
        asked = {part.name: [record.question for record in part.records] for part in data.sets}
        answers = {name: baseline.answer(questions) for name, questions in asked.items()}
        right = {part.name: [record.answer for record in part.records] for part in data.sets}
        sure = {name: baseline.sure(asked[name], right[name]) for name in asked} if baseline.sure else {}
        kept = {"name": baseline.name, "validation": baseline.validation, "answers": answers, "sure": sure}
        write_json(path, kept)
    found: dict[str, Any] = read_json(path)
    return found


def _judged(part: HeldOutSet) -> tuple[int, ...]:
    """The rows with an answer that was not chosen."""
    return tuple(place for place, record in enumerate(part.records) if record.rejected_answer)


def _all(part: HeldOutSet) -> tuple[int, ...]:
    return tuple(range(len(part.records)))
