"""What a record asks and answers, as plain pieces of text: the part of a fingerprint that knows about records.

Training teaches every answer of a conversation, an evaluation asks for the last one. So what a record asks is its last
question with all before it, and what it teaches is that and each earlier question with all before it: "yes please" says
nothing alone. The system's words are left out of both, since many records share them.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from kitae.core.records import Message, Record


@dataclass(frozen=True)
class Spoken:
    """The pieces of a record: message by message what was asked, then what is answered."""

    asked: tuple[str, ...]
    answer: tuple[str, ...]
    """The last answer, or the label; with it what was not chosen in its place, or whether it was any good."""
    earlier: tuple[int, ...]
    """How many pieces of `asked` stand before each answer but the last."""
    terms: tuple[str, ...]
    """On what terms two answers contradict each other beside the question: the system's words, the answers weighed."""
    exact_answer: bool
    """Whether only an equal answer is the same one: a label, or an answer that was judged."""
    document: bool
    """Raw text that nobody says to anybody."""


def spoken(record: Record, task: str) -> Spoken:
    """The pieces of a record for a task; another instruction or another pair of answers is another subject."""
    ends = [end for end, message in enumerate(record.messages) if message.role == "assistant"]
    last = ends[-1] if ends else len(record.messages)
    before = record.messages[:last]
    heard = [message for message in before if message.role != "system"]
    answer = [record.label] if task == "classify" else [text_of(message) for message in record.messages[last:][:1]]
    rejected = [text_of(message) for message in record.rejected]
    terms = [message.content for message in before if message.role == "system"]
    if rejected:
        terms += sorted([*answer, *rejected])
    if record.desirable is not None:
        terms += answer
        answer.append("desirable" if record.desirable else "undesirable")
    return Spoken(
        asked=tuple(map(text_of, heard)),
        answer=(*answer, *rejected),
        earlier=tuple(_heard(before[:end]) for end in ends[:-1]),
        terms=tuple(terms),
        exact_answer=task == "classify" or bool(rejected) or record.desirable is not None,
        document=bool(heard) and all(message.role == "document" for message in heard),
    )


def text_of(message: Message) -> str:
    """The words of a turn, and the functions that it calls with their arguments."""
    if not message.tool_calls:
        return message.content
    calls = [call.get("function", call) for call in message.tool_calls]
    return "\n".join([message.content, *(json.dumps(call, sort_keys=True, ensure_ascii=False) for call in calls)])


def _heard(messages: Iterable[Message]) -> int:
    return sum(message.role != "system" for message in messages)
