"""Pairs of a question and an answer, in columns."""

import re

from kitae.core.records import Message
from kitae.data.shaping.views import UnreadableRow, View, as_text, label_list

_SEPARATOR = re.compile(r"(?:\s+->|\n+###)\s*\Z")
"""What prompts for completion models end with, to say that the answer begins."""


def question_answer(view: View) -> list[Message]:
    """A question and an answer column."""
    return _pair(view.text("question"), view.text("answer"))


def prompt_completion(view: View) -> list[Message]:
    """A prompt and its completion, without the mark between them."""
    return _pair(_SEPARATOR.sub("", view.text("prompt")), view.text("completion"))


def text_label(view: View) -> list[Message]:
    """A text and its label, or its labels parted by commas."""
    labels = view.take("label")
    answer = ", ".join(label_list(labels)) if isinstance(labels, list) else view.text("label")
    return _pair(view.text("text"), answer)


def alpaca(view: View) -> list[Message]:
    """Instruction, input and output, after the history. Raises `UnreadableRow`."""
    return [*instructed(view), Message("assistant", view.text("output"))]


def instructed(view: View) -> list[Message]:
    """The history and the question of an instruction with its input. Raises `UnreadableRow`."""
    instances = view.values.get("instances")
    if isinstance(instances, list) and len(instances) != 1:
        raise UnreadableRow(f"{len(instances)} instances in a row, and a row is one record")
    parts = (view.text("instruction"), view.text("input"))
    return [*_history(view), Message("user", "\n".join(part for part in parts if part.strip()))]


def _history(view: View) -> list[Message]:
    out = []
    history = view.take("history")
    for pair in history if isinstance(history, list) else ():
        if not isinstance(pair, list) or len(pair) != 2:
            raise UnreadableRow("a history that is no list of pairs of a question and an answer")
        out += _pair(as_text(pair[0]), as_text(pair[1]))
    return out


def _pair(question: str, answer: str) -> list[Message]:
    return [Message("user", question), Message("assistant", answer)]
