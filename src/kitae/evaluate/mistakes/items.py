"""Rows of a held-out set with one system's answers, as a verdict keeps them in `predictions-SET.jsonl`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from kitae.errors import UnknownName
from kitae.evaluate.rouge import exact_form, rouge_l


@dataclass(frozen=True)
class Item:
    """A row: what was asked, what is right, what the system said; `others` are the answers of the other systems."""

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

    @cached_property
    def right(self) -> bool:
        """Whether the answer equals the reference in its exact form."""
        return exact_form(self.answer) == exact_form(self.reference)

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
    return items
