"""A conversation in the terminal: what you write goes to an engine, its answer appears as it comes."""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kitae.core.records import Message
from kitae.errors import InputError
from kitae.serve.engine import Engine, Request

PROMPT = "you> "
SURROGATE = re.compile("[\ud800-\udfff]")
"""What Python makes of bytes that are no text in the terminal's encoding."""
HELP = "/exit ends, /reset forgets the conversation. Ctrl-C stops an answer."


@dataclass(frozen=True)
class Talk:
    """Who answers, and how."""

    engine: Engine
    system: str | None = None
    max_tokens: int = 256
    temperature: float = 0.0


def chat(talk: Talk, *, read: Callable[[str], str] = input, write: Callable[[str], Any] | None = None) -> None:
    """Read, answer, until /exit, end of input or Ctrl-C at the prompt.

    When the conversation no longer fits, its oldest turns are left out, and that is said. An answer stopped with
    Ctrl-C is forgotten together with its question.
    """
    say = write or _to_terminal
    start = [Message("system", talk.system)] if talk.system else []
    turns: list[Message] = []
    say(HELP + "\n")
    while True:
        try:
            line = read(PROMPT).strip()
        except (EOFError, KeyboardInterrupt):
            say("\n")
            return
        if line == "/exit":
            return
        if SURROGATE.search(line):
            say("(That line is not UTF-8 text, so it was not sent. Set the terminal to UTF-8.)\n")
            continue
        if line == "/reset":
            turns = []
            say("The conversation is forgotten.\n")
        elif line.startswith("/"):
            say(HELP + "\n")
        elif line:
            turns = _answer(talk, start, [*turns, Message("user", line)], say)


def _answer(talk: Talk, start: list[Message], turns: list[Message], say: Callable[[str], Any]) -> list[Message]:
    """Show the answer to the last turn; returns the turns to go on with."""
    kept, text = turns, ""
    try:
        kept = _readable(talk, start, turns, say)
        for piece in talk.engine.answer(
            Request((*start, *kept), max_tokens=talk.max_tokens, temperature=talk.temperature)
        ):
            text += piece.text
            say(piece.text)
    except KeyboardInterrupt:
        say(" (stopped)\n")
        return kept[:-1]
    except InputError as error:
        say(f"{error}\n")
        return kept[:-1]
    say("\n")
    return [*kept, Message("assistant", text)]


def _readable(talk: Talk, start: list[Message], turns: list[Message], say: Callable[[str], Any]) -> list[Message]:
    """What of the conversation the model can read; what is left out is said.

    Raises `InputError` when its chat template refuses even the last question alone.
    """
    try:
        kept = _fitting(talk, start, turns)
    except InputError as refusal:
        if len(turns) == 1:
            raise
        say(f"({refusal} What was said before is left out.)\n")
        return _fitting(talk, start, turns[-1:])
    if len(kept) < len(turns):
        say("(The conversation is longer than the model reads; its oldest turns are left out.)\n")
    return kept


def _fitting(talk: Talk, start: list[Message], turns: list[Message]) -> list[Message]:
    """The latest turns, a question first, that leave room for half an answer; the last one in any case."""
    room = talk.engine.context_tokens() - min(talk.max_tokens // 2, talk.engine.context_tokens() // 4)
    kept = turns
    while len(kept) > 1 and talk.engine.count_prompt([*start, *kept]) >= room:
        kept = kept[2:]
    return kept


def _to_terminal(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
