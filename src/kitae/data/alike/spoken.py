"""What a record asks and answers, as plain pieces of text: the part of a fingerprint that knows about records.

Training teaches every answer of a conversation, an evaluation asks for the last one. So what a record asks is its last
question with all before it, and what it teaches is that and each earlier question with all before it: "yes please" says
nothing alone. The system's words are left out of both, since many records share them.
"""

import json
from typing import NamedTuple

from kitae.core.records import Message, Record


class Spoken(NamedTuple):
    """The pieces of a record: message by message what was asked, then what is answered."""

    asked: list[str]
    answer: list[str]
    """The last answer, or the label; with it what was not chosen in its place, or whether it was any good."""
    earlier: list[int]
    """How many pieces of `asked` stand before each answer but the last."""
    terms: list[str]
    """On what terms two answers contradict each other beside the question: the system's words, the answers weighed."""
    question_letters: int
    """How long the last words of the user are."""
    exact_answer: bool
    """Whether only an equal answer is the same one: a label, or an answer that was judged."""
    document: bool
    """Raw text that nobody says to anybody."""


def spoken(record: Record, task: str) -> Spoken:
    """The pieces of a record for a task; another instruction or another pair of answers is another subject."""
    messages = record.messages
    last = len(messages) - 1
    while last >= 0 and messages[last].role != "assistant":
        last -= 1
    asked: list[str] = []
    earlier: list[int] = []
    terms: list[str] = []
    letters = 0
    for message in messages[:last] if last >= 0 else messages:
        if message.role == "system":
            terms.append(message.content)
            continue
        if message.role == "assistant":
            earlier.append(len(asked))
        elif message.role == "user":
            letters = len(message.content)
        asked.append(text_of(message))
    answer = [record.label] if task == "classify" else [text_of(messages[last])] if last >= 0 else []
    judged = bool(record.rejected) or record.desirable is not None
    if judged:
        _weigh(record, answer, terms)
    document = any(message.role == "document" for message in messages)
    return Spoken(asked, answer, earlier, terms, letters, judged or task == "classify", document)


def _weigh(record: Record, answer: list[str], terms: list[str]) -> None:
    """Add what was not chosen, or whether the answer was any good, and what the judgement is about."""
    rejected = [text_of(message) for message in record.rejected]
    terms += sorted([*answer, *rejected])
    if record.desirable is not None:
        answer.append("desirable" if record.desirable else "undesirable")
    answer += rejected


def text_of(message: Message) -> str:
    """The words of a turn, and the functions that it calls with their arguments."""
    if not message.tool_calls:
        return message.content
    calls = [call.get("function", call) for call in message.tool_calls]
    return "\n".join([message.content, *(json.dumps(call, sort_keys=True, ensure_ascii=False) for call in calls)])
