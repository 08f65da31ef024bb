"""A comparison from systems to page. Killed and called again, it asks only for what is missing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kitae.core.artifacts import Comparison, Split
from kitae.core.endpoint import Endpoint
from kitae.core.files import write_json, write_jsonl, write_text
from kitae.core.metric_names import check_metrics
from kitae.core.records import Record, content_digest, read_records
from kitae.core.resolved import Resolved
from kitae.core.settings import digest_of
from kitae.core.workspace import Draft, Workspace
from kitae.errors import InputError
from kitae.evaluate.answering import Answerer
from kitae.evaluate.checking import check_rows, groups
from kitae.evaluate.contest.asking import Contestant, ask_endpoint, conversations, open_answerer
from kitae.evaluate.contest.board import judge
from kitae.evaluate.looking import seen_rows
from kitae.evaluate.metrics.similarity import embedding
from kitae.evaluate.page import comparison_page
from kitae.evaluate.prediction_log import HeldOutSet, PredictionLog, Task, Watch, is_right
from kitae.evaluate.predictions import LOG, SECONDS_IN_HOUR, Answers, Measures, alone_rows, ask, collect
from kitae.evaluate.rouge import exact_form

SET = "test"
ENDPOINTS, VECTORS = "endpoints", "vectors"
MEASURES = ("tokens", "seconds", "cost")

Open = Callable[[Contestant, Resolved], Answerer]


def compare(
    contestants: Sequence[Contestant],
    split: Split,
    taught: Mapping[str, Split],
    *,
    settings: Resolved,
    out: Workspace,
    open_model: Open = open_answerer,
) -> Comparison:
    """Ask every system the test split and say which is best, with reasons.

    `taught` names the split that each tuned system learnt from, so that rows it has seen are counted. `settings` say
    which metrics decide, and how long answers may be. Writes `comparison.json`, `items.jsonl` and `report.html`.
    Raises `InputError` for fewer than two systems, two of one name, no rows, or an endpoint that refuses.
    """
    names = [one.name for one in contestants]
    twice = next((name for name in names if names.count(name) > 1), None)
    if len(names) < 2 or twice is not None:
        raise InputError(
            "a comparison needs at least two systems, each with a name of its own",
            got=twice or ", ".join(names) or "none",
            hint="Name versions, bases, or YAML files with `systems:`",
        )
    check_metrics(settings.evaluate.metrics, settings.evaluate, preference=settings.task == "preference")
    check_rows(split, {}, settings.evaluate)
    return out.make(
        Comparison,
        parents={
            "test": content_digest(split.file("test.jsonl")),
            "train": content_digest(split.file("train.jsonl")),
            **{f"adapter.{one.name}": one.adapter.digest for one in contestants if one.adapter is not None},
        },
        settings={
            "systems": [one.plain() for one in contestants],
            "evaluate": settings.evaluate.key(),
            "groups": groups(split, {}, settings.evaluate.group_by),
            "task": settings.task,
            "seed": settings.seed,
        },
        build=_Contest(contestants, split, taught, settings, open_model).build,
    )


@dataclass(frozen=True)
class _Contest:
    contestants: Sequence[Contestant]
    split: Split
    taught: Mapping[str, Split]
    settings: Resolved
    open_model: Open

    def build(self, draft: Draft) -> None:
        """Ask, judge, write."""
        records = tuple(filter(is_right, read_records(self.split.file("test.jsonl"))))
        train = list(filter(is_right, read_records(self.split.file("train.jsonl"))))
        if not records:
            raise InputError("the test split has no row with an answer, so there is nothing to compare on")
        part = HeldOutSet(SET, records)
        tasks = {one.name: _tasks(one, part, train, self.settings.seed) for one in self.contestants}
        every = [task for mine in tasks.values() for task in mine]
        with PredictionLog(draft.scratch / LOG) as log:
            watch = Watch(draft, log, total=sum(len(task.rows) for task in every))
            for one in self.contestants:
                if not all(log.complete(task) for task in tasks[one.name]):
                    draft.stage.note(f"{one.name} is asked")
                    self._ask(draft, one, tasks[one.name], log, watch)
            answers = collect(every, part, log)
            measures = {one.name: _measures(one, tasks[one.name], part, log) for one in self.contestants}
        with embedding(self.settings.evaluate.embeddings, draft.scratch / VECTORS) as embed:
            found = judge(records, answers, measures, self.settings, seen=self._seen(records), embed=embed)
        found["systems"] = {one.name: _about(one) for one in self.contestants}
        for line in found["lines"]:
            draft.stage.note(line["en"])
        rows = _items(records, answers, measures)
        write_json(draft.file("comparison.json"), found)
        write_jsonl(draft.file("items.jsonl"), rows)
        write_text(draft.file("report.html"), comparison_page(found, rows))
        draft.summary({"lines": [line["en"] for line in found["lines"]], "best": found["best"], "rows": len(records)})

    def _seen(self, records: Sequence[Record]) -> dict[str, list[int]]:
        """Rows that a tuned system learnt from."""
        known = {name: list(read_records(split.file("train.jsonl"))) for name, split in self.taught.items()}
        return {name: seen_rows(records, rows) for name, rows in known.items()}

    def _ask(self, draft: Draft, one: Contestant, tasks: Sequence[Task], log: PredictionLog, watch: Watch) -> None:
        if one.settings.endpoint is None:
            ask(self.open_model(one, self.settings), tasks, log, watch)
            return
        kept = draft.scratch / ENDPOINTS / digest_of(one.name)[:12]
        endpoint = Endpoint(one.settings.endpoint, kept, place=f"the endpoint of {one.name}")
        try:
            for task in tasks:
                ask_endpoint(endpoint, task, log, watch, stop=tuple(self.settings.evaluate.stop))
        finally:
            endpoint.close()


def _tasks(one: Contestant, part: HeldOutSet, train: Sequence[Record], seed: int) -> list[Task]:
    """All answers; and of a model some alone, since in batches nothing takes as long as it does for a user."""
    talks = conversations(one, part.records, train, seed)
    rows = tuple(range(len(part.records)))
    tasks = [Task(one.name, "answer", part, rows, talks=talks)]
    if one.settings.endpoint is None:
        alone = alone_rows(part, seed)
        tasks.append(Task(one.name, "alone", part, alone, talks=[talks[row] for row in alone]))
    return tasks


def _measures(one: Contestant, tasks: Sequence[Task], part: HeldOutSet, log: PredictionLog) -> Measures:
    """Tokens, seconds and cost by row; where a system has no price, no cost."""
    found: dict[str, list[float | None]] = {name: [None] * len(part.records) for name in MEASURES}
    for task in tasks:
        for place, row in log.known(task).items():
            values = {name: float(row[name]) for name in MEASURES if name in row}
            if one.settings.price_per_hour is not None and "seconds" in row:
                values["cost"] = row["seconds"] * one.settings.price_per_hour / SECONDS_IN_HOUR
            for name, value in values.items():
                found[name][task.rows[place]] = value
    return {name: values for name, values in found.items() if any(value is not None for value in values)}


def _about(one: Contestant) -> dict[str, Any]:
    """What the page says of a system."""
    how = one.settings
    kind = "endpoint" if how.endpoint is not None else "version" if one.adapter is not None else "base"
    what = how.endpoint.model if how.endpoint is not None else how.version or how.base or ""
    return {"kind": kind, "what": what, "instruction": how.instruction, "shots": how.shots, "shots_by": how.shots_by}


def _items(
    records: Sequence[Record], answers: Mapping[str, Answers], measures: Mapping[str, Measures]
) -> list[dict[str, Any]]:
    rows = []
    for place, record in enumerate(records):
        given = {name: texts[place] or "" for name, texts in answers.items()}
        rows.append(
            {
                "id": record.id,
                "language": record.language,
                "question": record.question,
                "reference": record.answer,
                "answers": given,
                "right": {name: exact_form(text) == exact_form(record.answer) for name, text in given.items()},
                "seconds": {name: found["seconds"][place] for name, found in measures.items() if "seconds" in found},
            }
        )
    return rows
