"""How each system of a comparison is asked: its instruction, its examples, and who answers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitae import models
from kitae.core.artifacts import Adapter
from kitae.core.contest_settings import ContestantSettings
from kitae.core.endpoint import CapReached, Endpoint
from kitae.core.endpoint_settings import CHANGES_NO_ANSWER
from kitae.core.records import Message, Record
from kitae.core.resolved import Resolved
from kitae.errors import InputError
from kitae.evaluate.answering import Answerer, open_base
from kitae.evaluate.looking import same_form
from kitae.evaluate.mistakes.causes import neighbours
from kitae.evaluate.prediction_log import PredictionLog, Task, Watch


@dataclass(frozen=True)
class Contestant:
    """A system with everything it is made of: `base` with its digest and perhaps an adapter, or an endpoint."""

    settings: ContestantSettings
    base: str = ""
    base_digest: str = ""
    adapter: Adapter | None = None

    @property
    def name(self) -> str:
        """Its name in the comparison."""
        return self.settings.name

    def plain(self) -> dict[str, Any]:
        """What its answers follow from, JSON-ready."""
        said = self.settings.model_dump(mode="json", exclude={"endpoint": set(CHANGES_NO_ANSWER)})
        return {**said, "base": self.base_digest, "adapter": "" if self.adapter is None else self.adapter.digest}


def conversations(
    one: Contestant, records: Sequence[Record], train: Sequence[Record], seed: int
) -> list[list[Message]]:
    """What the system is given for each row: instruction, examples, and the row's own conversation."""
    shots = examples(one.settings, records, train, seed)
    talks = []
    for record, rows in zip(records, shots, strict=True):
        told = [Message("system", one.settings.instruction)] if one.settings.instruction else []
        own = list(record.prompt)
        if told and own and own[0].role == "system":
            own = own[1:]
        turns = [turn for row in rows for turn in (Message("user", row.question), Message("assistant", row.answer))]
        talks.append([*told, *turns, *own])
    return talks


def examples(
    how: ContestantSettings, records: Sequence[Record], train: Sequence[Record], seed: int
) -> list[list[Record]]:
    """The training rows that stand before each question, the nearest last; none says the question itself.

    Raises `InputError` when training has fewer rows than are asked for.
    """
    if not how.shots:
        return [[] for _ in records]
    if len(train) <= how.shots:
        raise InputError(f"{how.name}: training has {len(train)} rows, too few for {how.shots} examples")
    # Of the rows that ask the same as the question none may stand before it, so as many more are at hand.
    count = min(len(train), how.shots + max(Counter(same_form(row.question) for row in train).values()))
    if how.shots_by == "nearest":
        near, _ = neighbours([record.question for record in records], train, count=count)
        found = [[train[index] for index in row] for row in near]
        return [_without(record, rows, how.shots)[::-1] for record, rows in zip(records, found, strict=True)]
    drawn = [train[int(index)] for index in np.random.default_rng(seed).permutation(len(train))[:count]]
    return [_without(record, drawn, how.shots) for record in records]


def _without(record: Record, rows: Sequence[Record], count: int) -> list[Record]:
    """So many of the rows, without any that asks the same but for case, width and spaces."""
    asked = same_form(record.question)
    return [row for row in rows if same_form(row.question) != asked][:count]


def ask_endpoint(
    endpoint: Endpoint, task: Task, log: PredictionLog, watch: Watch, *, stop: tuple[str, ...] = ()
) -> None:
    """An endpoint's answers one by one, with their seconds and cost. Raises `InputError`."""
    talks = task.conversations
    watch.begin(task)
    known = log.known(task)
    for place, row in enumerate(task.rows):
        if place in known:
            endpoint.spent += known[place]["cost"]
            continue
        try:
            answer = endpoint.ask(talks[place], about=task.held_out.records[row].id, seed=0)
        except CapReached:
            raise InputError(
                f"the answers of {task.system} would cost more than its most_cost",
                got=f"{endpoint.settings.most_cost:g} for {len(task.rows):,} rows, {place:,} answered",
                hint="Set endpoint.most_cost higher and run the same command again; answers paid for are kept",
            ) from None
        text = models.before_stop(answer.text, stop).strip()
        cost = round(endpoint.cost(answer.tokens_in, answer.tokens_out), 9)
        log.add(task, place, text=text, tokens=answer.tokens_out, seconds=answer.seconds, cost=cost)
        watch.one(task, answer.tokens_out)
    watch.end(task)


def open_answerer(one: Contestant, settings: Resolved) -> Answerer:
    """The model of a contestant, as it is served. Raises `BaseError`."""
    return open_base(one.base, one.base_digest, one.adapter, settings)
