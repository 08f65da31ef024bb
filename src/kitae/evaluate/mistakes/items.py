"""Rows of a held-out set with one system's answers, as a verdict keeps them in `predictions-SET.jsonl`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from kitae.errors import UnknownName
from kitae.evaluate.rouge import exact_form, rouge_l

LIKE_ENOUGH = 0.5
"""Free answers are hardly ever equal to the reference; one that is less like it than this counts as wrong."""


@dataclass(frozen=True)
class Item:
    """A row: what was asked, what is right, what the system said; `others` are the answers of the other systems.

    `like_enough` is how like the reference a right answer is at least; 1 for equal.
    """

    id: str
    language: str
    question: str
    reference: str
    answer: str
    seen: bool = False
    source: str = ""
    turns: int = 1
    meta: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    like_enough: float = 1.0

    @cached_property
    def right(self) -> bool:
        """Whether the answer equals the reference in its exact form, or is at least `like_enough` like it."""
        return exact_form(self.answer) == exact_form(self.reference) or self.likeness >= self.like_enough

    @cached_property
    def likeness(self) -> float:
        """How like the reference the answer is: character ROUGE-L, 0 to 1."""
        return rouge_l(self.reference, self.answer)


def items_of(rows: Iterable[Mapping[str, Any]], system: str) -> list[Item]:
    """The rows that a system was asked about. Raises `UnknownName` when it answered none of them."""
    rows = list(rows)
    items = []
    for row in rows:
        if system in row["answers"]:
            others = {name: text for name, text in row["answers"].items() if name != system}
            plain = {name: row[name] for name in ("id", "language", "question", "reference")}
            more = {name: row[name] for name in ("source", "turns", "meta") if name in row}
            seen = row["seen_in_training"]
            items.append(Item(**plain, **more, answer=row["answers"][system], seen=seen, others=others))
    if rows and not items:
        raise UnknownName("system", got=system, known={name for row in rows for name in row["answers"]})
    return items if recurring(items) else [replace(item, like_enough=LIKE_ENOUGH) for item in items]


def recurring(items: Sequence[Item]) -> bool:
    """Whether right answers recur, as labels and stock answers do."""
    return len(items) >= 2 * len({item.reference for item in items})
