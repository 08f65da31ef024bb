"""What people preferred: pairs of a chosen and a rejected answer (DPO), single judgements of an answer (KTO).

DPO: Rafailov et al. 2023, arXiv:2305.18290. KTO: Ethayarajh et al. 2024, arXiv:2402.01306. Pairs come as answers beside
their prompt, as whole conversations that part at the end, or as transcripts (Bai et al. 2022, arXiv:2204.05862).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kitae.core.records import Message, Role
from kitae.data.shaping.answers import alpaca, instructed, prompt_completion, question_answer
from kitae.data.shaping.turns import conversation, form_of, turns_in
from kitae.data.shaping.views import UnreadableRow, View

_SPEAKER = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):[ \t]*")
_TRANSCRIPT = re.compile(r"\s*Human:")
_SPEAKERS: Mapping[str, Role] = {"Human": "user", "Assistant": "assistant"}
JUDGED: Mapping[str, bool] = {
    "true": True, "1": True, "1.0": True, "yes": True, "desirable": True, "good": True,
    "false": False, "0": False, "0.0": False, "no": False, "undesirable": False, "bad": False,
}  # fmt: skip
"""How people write whether an answer is desirable."""
PLAINLY = frozenset({"true", "false"})
"""What is a judgement and no label, whatever the column is called."""


def pair(view: View) -> tuple[list[Message], list[Message]]:
    """The conversation up to the chosen answer, and the turns that were rejected. Raises `UnreadableRow`."""
    context = _context(view)
    chosen = _whole(context, _side(view.take("chosen"), "chosen"))
    rejected = _whole(context, _side(view.take("rejected"), "rejected"))
    alike = 0
    while alike < min(len(chosen), len(rejected)) and chosen[alike] == rejected[alike]:
        alike += 1
    if len(chosen) == len(rejected) == alike:
        raise UnreadableRow("the chosen and the rejected answer are the same")
    if alike in {len(chosen), len(rejected)}:
        raise UnreadableRow("of the chosen and the rejected conversation one is only the beginning of the other")
    if {chosen[alike].role, rejected[alike].role, chosen[-1].role, rejected[-1].role} != {"assistant"}:
        raise UnreadableRow("the chosen and the rejected conversation do not part where the assistant answers")
    while alike and chosen[alike - 1].role == "assistant" and not chosen[alike - 1].tool_calls:
        alike -= 1  # turns of one speaker in a row will be made one, on both sides alike
    if any(message.role != "assistant" for message in (*chosen[alike:], *rejected[alike:])):
        raise UnreadableRow("the two conversations part before the last answer, so no single answer is compared")
    return chosen, rejected[alike:]


def judged(view: View) -> tuple[list[Message], bool]:
    """The conversation that was judged, and whether its answer is desirable. Raises `UnreadableRow`."""
    name = _judgement(view)
    assert name is not None
    written = view.text(name).strip().casefold()
    if written not in JUDGED:
        raise UnreadableRow(f"'{written[:40]}' does not say whether the answer is desirable")
    build = _judged_shape(view)
    if build is None:
        raise UnreadableRow("a judgement and no answer that it is about")
    return build(view), JUDGED[written]


def is_judged(view: View) -> bool:
    """Whether a row holds an answer and a plain judgement of it.

    A column that may as well hold labels must say true or false, and not of a question and its answer: that is how
    facts are labelled.
    """
    name = _judgement(view)
    build = None if name is None else _judged_shape(view)
    if name is None or build is None:
        return False
    written = view.plain(name).strip().casefold()
    if name == "label":
        return written in PLAINLY and build is not question_answer
    return written in JUDGED or name in view.columns


def turns(view: View) -> list[Message]:
    """The list of turns of a row. Raises `UnreadableRow`."""
    found = turns_in(view)
    if found is None:
        raise UnreadableRow("no list of turns")
    view.use_up("messages")
    return conversation(*found, view.column("messages") or "messages")


def _judgement(view: View) -> str | None:
    return next((name for name in ("desirable", "label") if view.has(name)), None)


def _judged_shape(view: View) -> Callable[[View], list[Message]] | None:
    """What the judgement is about."""
    if turns_in(view) is not None:
        return turns
    shapes: dict[tuple[str, str], Callable[[View], list[Message]]] = {
        ("prompt", "completion"): _prompt_and_completion,
        ("instruction", "output"): alpaca,
        ("question", "answer"): question_answer,
    }
    return next((build for names, build in shapes.items() if view.has(*names)), None)


def _prompt_and_completion(view: View) -> list[Message]:
    if isinstance(view.look("prompt"), str) and isinstance(view.look("completion"), str):
        return prompt_completion(view)
    return _whole(_side(view.take("prompt"), "prompt", "user"), _side(view.take("completion"), "completion"))


def _context(view: View) -> list[Message]:
    """What was said before the two answers."""
    if isinstance(inner := view.values.get("input"), Mapping) and isinstance(inner.get("messages"), list):
        view.use_up("input")
        return _turn_list(inner["messages"], "input.messages")
    if view.has("prompt"):
        return _side(view.take("prompt"), "prompt", "user")
    if view.has("instruction"):
        return instructed(view)
    if turns_in(view) is not None:
        return turns(view)
    return [Message("user", view.text("question"))] if view.has("question") else []


def _side(written: Any, name: str, role: Role = "assistant") -> list[Message]:
    """Turns as they were written: a text, a transcript, a turn, or a list of turns. Raises `UnreadableRow`."""
    if isinstance(written, Mapping):
        return _turn_list([written], name)
    if isinstance(written, list):
        return _turn_list(written, name)
    if not isinstance(written, str):
        raise UnreadableRow(f"'{name}' is {'empty' if written is None else f'a {type(written).__name__}'}")
    return _transcript(written) if _TRANSCRIPT.match(written) else [Message(role, written)]


def _turn_list(written: Sequence[Any], name: str) -> list[Message]:
    form = form_of(written)
    if form is None:
        raise UnreadableRow(f"'{name}' is no list of turns")
    return conversation(written, form, name)


def _transcript(text: str) -> list[Message]:
    """The turns of "Human: … Assistant: …"; a last one that says nothing is where the answer goes."""
    parts = _SPEAKER.split(text)[1:]
    return [Message(_SPEAKERS[who], what.strip()) for who, what in zip(parts[::2], parts[1::2], strict=True)]


def _whole(context: Sequence[Message], side: list[Message]) -> list[Message]:
    """A conversation from its context and an answer, or from a side that is the whole conversation itself."""
    if context and context[-1] == Message("assistant", ""):
        context = context[:-1]
    return side if not context or side[0].role != "assistant" else [*context, *side]
