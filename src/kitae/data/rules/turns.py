"""The check of a conversation's order: most chat templates, and the models behind them, know no other."""

from collections.abc import Sequence

from kitae.core.records import Message
from kitae.data.rules.norms import Norms
from kitae.data.rules.seen import Seen


def role_order(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001 the table's signature
    """Turns that no chat has: two by the same speaker, the assistant first, nobody answering last, a tool unasked."""
    turns = [message for message in seen.record.messages if message.role != "system"]
    if not turns:
        return None
    if turns[0].role != "user":
        return f"the first turn is the {turns[0].role}'s"
    if turns[-1].role != "assistant":
        return f"the last turn is the {turns[-1].role}'s"
    for place in range(1, len(turns)):
        fault = _fault(turns, place)
        if fault:
            return f"{fault} (turn {place + 1})"
    return None


def _fault(turns: Sequence[Message], place: int) -> str | None:
    """What is wrong with a turn after the one before it."""
    before, turn = turns[place - 1], turns[place]
    if turn.role == "tool":
        return None if _was_called(turns, place) else "a tool answers that was not called"
    if turn.role == before.role and not before.tool_calls:
        return f"two turns of the {turn.role} in a row"
    if turn.role == "user" and (before.role == "tool" or before.tool_calls):
        return "the user speaks before the assistant has used what a tool said"
    return None


def _was_called(turns: Sequence[Message], place: int) -> bool:
    """Whether the assistant called a tool right before, and this one if both say which."""
    caller = next((turn for turn in reversed(turns[:place]) if turn.role != "tool"), None)
    if caller is None or caller.role != "assistant" or not caller.tool_calls:
        return False
    asked = {str(call["id"]) for call in caller.tool_calls if call.get("id")}
    return not asked or not turns[place].tool_call_id or turns[place].tool_call_id in asked
