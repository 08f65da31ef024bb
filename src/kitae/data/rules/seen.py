"""A record as the rules see it: what was said by whom, and which of our words occur in it, looked up once for all."""

import re
from functools import lru_cache
from operator import add
from typing import Literal

from kitae.core.records import Message, Record
from kitae.data.rules.attributes import attribute_words
from kitae.data.rules.emotion import emotion_words
from kitae.data.rules.lexicon import PATTERNS, lexicon
from kitae.data.rules.typos import typo_needles

_WORD = re.compile(r"[a-z]+")
Kind = Literal["talk", "label", "document"]
"""What a record is: a conversation, a text with its class, or raw text."""


class Seen:
    """What the rules ask about a record. `task` decides what counts: the answer of a classification is a label."""

    __slots__ = (
        "_found",
        "_words",
        "answer",
        "is_document",
        "is_label",
        "is_undesired",
        "kind",
        "last",
        "question",
        "record",
        "said",
        "text",
        "thousands",
        "worse",
    )

    def __init__(self, record: Record, task: str) -> None:
        """Look at the turns of a record once."""
        self.record = record
        self.is_label = task == "classify"
        self.last: Message | None = None
        """The last turn of the assistant."""
        self.question = asked = ""
        """What the last answer answers."""
        self.said: list[str] = []
        """The turns that somebody is to learn from: not what the system says, a label, or what people liked less."""
        self.is_undesired = record.desirable is False
        self.worse = [message.content for message in record.rejected]
        """What people liked less: the turns of a rejected answer, or an answer judged undesirable."""
        talks = raw = False
        for message in record.messages:
            role, content = message.role, message.content
            if role == "user":
                asked, talks = content, True
            elif role == "assistant":
                self.last, self.question, talks = message, asked, True
            elif role == "document":
                raw = True
            if content and role != "system" and not (self.is_label and role == "assistant"):
                self.said.append(content)
        if self.last is None:
            self.question = asked
        self.answer = "" if self.last is None else self.last.content
        if self.is_undesired and self.answer and not self.is_label:
            self.said.remove(self.answer)
            self.worse.append(self.answer)
        self.text = "\n".join(self.said)
        self.is_document = raw and not talks
        self.thousands = max(1.0, len(self.text) / 1_000) if self.is_document else 1.0
        """Thousands of characters of a raw text, at least one: what is counted in a text of any length is counted per
        thousand."""
        self.kind: Kind = "label" if self.is_label else "document" if self.is_document else "talk"
        self._found: frozenset[str] | None = None
        self._words: list[str] | None = None

    @property
    def answers(self) -> str:
        """All turns of the assistant that somebody is to learn from."""
        turns = [message.content for message in self.record.messages if message.role == "assistant"]
        return "\n".join(turns[:-1] if self.is_undesired else turns)

    @property
    def words(self) -> list[str]:
        """The English words of what was said, in lower case."""
        if self._words is None:
            self._words = _WORD.findall(self.text.lower())
        return self._words

    @property
    def found(self) -> frozenset[str]:
        """The needles of our lists that occur in what was said."""
        if self._found is None:
            self._found = _found(self.text, self.words)
        return self._found


def found_in(text: str) -> frozenset[str]:
    """The needles of our lists that occur in a text."""
    return _found(text, _WORD.findall(text.lower()))


def _found(text: str, words: list[str]) -> frozenset[str]:
    english, pairs, lone = _needles()
    found = english.intersection(words)
    if text.isascii():
        return found
    lower = text.lower()
    return found.union(pairs.intersection(map(add, lower, lower[1:])), [one for one in lone if one in lower])


@lru_cache(maxsize=1)
def _needles() -> tuple[frozenset[str], frozenset[str], tuple[str, ...]]:
    """All needles: English words, pairs of characters of which one is not ASCII, and single characters."""
    lists = [lexicon(name).needles for name in PATTERNS]
    needles: frozenset[str] = frozenset().union(*lists, emotion_words(), attribute_words(), typo_needles())
    english = frozenset(filter(str.isascii, needles))
    lone = frozenset(needle for needle in needles - english if len(needle) == 1)
    return english, needles - english - lone, tuple(sorted(lone))
