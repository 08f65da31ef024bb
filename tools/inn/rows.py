"""Rows before they are laid into files, and the pool of questions they are made from."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from inn.questions import LANGUAGES, Question, canonical

GOOD_LICENCE = "CC-BY-4.0"
CSV, CHAT, XLSX = "desk_export.csv", "chat_logs.jsonl", "faq_staff.xlsx"


@dataclass
class Row:
    """One raw record: turns of (question, answer), and the faults planted in it."""

    turns: list[tuple[str, str]]
    language: str
    intents: tuple[str, ...] = ()
    cores: tuple[int, ...] = ()
    licence: str | None = GOOD_LICENCE
    faults: list[dict[str, Any]] = field(default_factory=list)
    only: tuple[str, ...] = (CSV, CHAT, XLSX)
    """Files in which the row may lie."""

    def fault(self, name: str, cluster: str | None = None, **detail: Any) -> Row:
        """Record a planted fault; returns the row."""
        self.faults.append({"fault": name, **({"cluster": cluster} if cluster else {}), "detail": detail})
        return self


class Pool:
    """Questions not used yet, by intent and language, drawn evenly over the intents."""

    def __init__(self, cells: dict[tuple[str, str], list[Question]], rng: random.Random) -> None:
        self.cells = {key: list(reversed(questions)) for key, questions in cells.items()}
        self.rng = rng
        self.answers = canonical()
        self._turns: dict[str, list[str]] = {language: [] for language in LANGUAGES}

    def first(self, intent: str, language: str) -> Row:
        """Take the next clean row of an intent; the first ones go through all its cores."""
        return self.row(self.cells[intent, language].pop())

    def next(self, language: str) -> Row:
        """Take a row of whichever intent is next in turn."""
        if not self._turns[language]:
            self._turns[language] = list(self.answers)
            self.rng.shuffle(self._turns[language])
        intent = self._turns[language].pop()
        return self.row(self.cells[intent, language].pop(0))

    def row(self, question: Question) -> Row:
        """Pair a question with the canonical answer."""
        answer = self.answers[question.intent][question.language]
        return Row([(question.text, answer)], question.language, (question.intent,), (question.core,))
