"""Augmentation: training questions said differently. Answers, labels and terms stay those of the row.

Only rows of the training side are ever looked at, so a variant cannot leave its row's side. A variant is refused, and
counted with the reason, when it has lost its text or its likeness, says what is there already, or asks what a held-out
row asks. Every draw follows from the seed, the method and the row's id: another row moves nothing.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from kitae.core.endpoint import CapReached, Endpoint
from kitae.core.events import Stage
from kitae.core.records import Edit, Message, Record
from kitae.core.small_settings import AugmentSettings
from kitae.core.text import compact, normalise
from kitae.data.small.apart import HeldOut, dice
from kitae.data.small.methods import LEAST_ALIKE, Tools, Unfit, method_of
from kitae.data.small.rewriting import Malformed
from kitae.data.small.steps import PSEUDO, Step, classes, draw_of, made_id

RULE = "augmented"
ADDED = "added"
MALFORMED = "malformed answer"
PARTS = 1 << 64


def augment(
    train: Sequence[Record],
    held_out: HeldOut,
    *,
    settings: AugmentSettings,
    tools: Sequence[Tools],
    seed: int,
    stage: Stage,
) -> Step:
    """The training rows and the variants behind them; `tools` go with `settings.methods`.

    Raises `RecipeError` for a class that no row has, `InputError` when the endpoint refuses or does not answer.
    """
    names = classes(train, settings.by, "data.augment.by") if settings.smaller_than else [""] * len(train)
    work = _Augmenting(train, names, held_out, settings, seed)
    figures: dict[str, Any] = {}
    warnings = []
    for place, tool in enumerate(tools):
        outcomes, stopped = work.use(place, tool, stage)
        figures[f"{place + 1}. {tool.settings.kind}"] = dict(sorted(outcomes.items()))
        if stopped:
            warnings.append(_stopped(tool, outcomes))
    endpoint = next((tool.endpoint for tool in tools if tool.endpoint is not None), None)
    lines = [_sentence(name, counts) for name, counts in figures.items()]
    if endpoint is not None:
        figures["cost"] = round(endpoint.spent, 6)
        lines.append(f"the endpoint's answers cost {endpoint.spent:.4f}")
    return Step([*train, *work.variants], figures=figures, lines=lines, warnings=warnings)


class _Augmenting:
    """What is there and what was made so far."""

    def __init__(
        self, train: Sequence[Record], names: Sequence[str], held_out: HeldOut, settings: AugmentSettings, seed: int
    ) -> None:
        """Take the training rows with the class of each."""
        sizes = Counter(names)
        small = settings.smaller_than
        self.variants: list[Record] = []
        self._settings, self._seed, self._held_out = settings, seed, held_out
        self._rows = [(r, n) for r, n in zip(train, names, strict=True) if small is None or sizes[n] < small]
        # A label that was guessed is not guessed again in other words.
        self._rows = [(record, name) for record, name in self._rows if PSEUDO not in {e.rule for e in record.history}]
        self._sizes = sizes
        self._copies: Counter[str] = Counter()
        self._asked = {normalise(record.question) for record in train}
        self._written: set[tuple[str, str]] = set()

    def use(self, place: int, tools: Tools, stage: Stage) -> tuple[Counter[str], bool]:
        """Use a method on its share of the rows: the outcomes of its variants, and whether the cap on cost was met."""
        outcomes: Counter[str] = Counter()
        turns = list(self._turns(place, tools))
        for done, (record, name, copy) in enumerate(turns):
            if not self._room(record, name):
                continue
            try:
                outcome = self._variant(record, place, copy, tools)
            except CapReached:
                return outcomes, True
            outcomes[outcome] += 1
            self._sizes[name] += outcome == ADDED
            stage.progress(done + 1, len(turns), "variants")
        return outcomes, False

    def _turns(self, place: int, tools: Tools) -> Iterator[tuple[Record, str, int]]:
        """Rows with their class in a drawn order, the first copy of every row before the second of any."""
        drawn = [(draw_of(self._seed, RULE, place, record.id), record, name) for record, name in self._rows]
        drawn.sort(key=lambda row: row[0])
        share = [(record, name) for draw, record, name in drawn if int(draw[:16], 16) < tools.settings.share * PARTS]
        for copy in range(tools.settings.copies):
            yield from ((record, name, copy) for record, name in share if record.question)

    def _room(self, record: Record, name: str) -> bool:
        most = self._settings.smaller_than
        return self._copies[record.id] < self._settings.most and (most is None or self._sizes[name] < most)

    def _variant(self, record: Record, place: int, copy: int, tools: Tools) -> str:
        """Make a variant and keep it, or say why not."""
        kind = tools.settings.kind
        draw = random.Random(draw_of(self._seed, RULE, place, kind, record.id, copy))
        try:
            text = method_of(kind)(record, tools, draw)
        except Unfit as error:
            return str(error)
        except Malformed:
            return MALFORMED
        variant = _with_question(record, text, Edit(RULE, f"the question said differently: {kind}", {"method": kind}))
        bound = tools.settings.least_alike
        least = LEAST_ALIKE.get(kind, LEAST_ALIKE["paraphrase"]) if bound is None else bound
        for reason, refuses in self._refusals(record, variant, least):
            if refuses():
                return reason
        self._copies[record.id] += 1
        self._written.add((normalise(record.question), text))
        self.variants.append(replace(variant, id=made_id(record, RULE, place, kind, copy), parent=record.id))
        return ADDED

    def _refusals(self, record: Record, variant: Record, least: float) -> Iterator[tuple[str, Callable[[], bool]]]:
        """Why a variant may be refused, in this order."""
        text, before = variant.question, record.question
        form = normalise(text)
        yield "nothing to change", lambda: not text
        yield "no letters left", lambda: not compact(text)
        yield "equal to the row", lambda: text == before
        yield "made already", lambda: (normalise(before), text) in self._written
        yield "too far from the row", lambda: dice(text, before) < least
        yield "another row asks it", lambda: form != normalise(before) and form in self._asked
        yield "a held-out row asks it", lambda: self._held_out.asks(variant)


def _with_question(record: Record, text: str, edit: Edit) -> Record:
    """The record with another last question."""
    place = max(i for i, message in enumerate(record.prompt) if message.role == "user")
    messages = list(record.messages)
    messages[place] = Message("user", text)
    meta = {**record.meta, RULE: edit.detail["method"]}
    return record.with_edit(edit, messages=tuple(messages), meta=meta)


def _sentence(name: str, counts: dict[str, int]) -> str:
    refused = ", ".join(f"{reason} {n:,}" for reason, n in counts.items() if reason != ADDED)
    return f"augmentation {name}: {counts.get(ADDED, 0):,} rows added" + (f"; refused: {refused}" if refused else "")


def _stopped(tools: Tools, outcomes: Counter[str]) -> str:
    endpoint = tools.endpoint
    assert isinstance(endpoint, Endpoint)
    return (
        f"{tools.settings.kind} stopped after {outcomes.total():,} variants: the next request could bring the cost of "
        f"{endpoint.spent:.4f} above data.augment.endpoint.most_cost ({endpoint.settings.most_cost:g})"
    )
