"""Repair and normalisation of everything that a row says, with an edit for each place that was changed.

Turns of one speaker in a row are made one first: most chat templates know no two.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kitae.core.records import Edit, Message
from kitae.data.repair import put_right, repair
from kitae.data.shapes import Shaped

MERGED = frozenset({"system", "user", "assistant"})
"""Roles of which two turns in a row are one: people press Enter too early. A tool answers once for each call."""
NORMALISED = "line ends, control characters, half-width kana, ligatures or spaces put right"


def mended(shaped: Shaped) -> tuple[Shaped, tuple[Edit, ...]]:
    """The row with its text put right, and what was done to it."""
    edits: list[Edit] = []
    messages = _messages(_merged(shaped.messages, "turn", edits), "turn", edits)
    rejected = _messages(_merged(shaped.rejected, "rejected", edits), "rejected", edits)
    tools = tuple(_value(tool) for tool in shaped.tools)
    if tools != shaped.tools:
        edits.append(Edit("mojibake", "text read in a wrong encoding, put right", {"place": "tools"}))
    label = put_right(shaped.label)[0]
    return replace(shaped, messages=messages, rejected=rejected, tools=tools, label=label), tuple(edits)


def merged_turns(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The turns with those of one speaker in a row made one, line below line."""
    return _merged(messages, "turn", [])


def _merged(messages: Sequence[Message], place: str, edits: list[Edit]) -> tuple[Message, ...]:
    out: list[Message] = []
    parts: list[int] = []
    for message in messages:
        if out and _goes_on(out[-1], message):
            said = "\n".join(filter(None, (out[-1].content, message.content)))
            out[-1] = replace(message, content=said)
            parts[-1] += 1
        else:
            out.append(message)
            parts.append(1)
    for turn, (message, count) in enumerate(zip(out, parts, strict=True), start=1):
        if count > 1:
            reason = f"{count} turns of the {message.role} in a row made one"
            edits.append(Edit("merged_turns", reason, {place: turn, "turns": count}))
    return tuple(out)


def _goes_on(before: Message, message: Message) -> bool:
    """Whether a turn only goes on with the one before it; what a call of a tool says is not to be mixed with it."""
    same = (before.role, before.name) == (message.role, message.name)
    return same and message.role in MERGED and not before.tool_calls


def _messages(messages: Sequence[Message], place: str, edits: list[Edit]) -> tuple[Message, ...]:
    out = []
    for turn, message in enumerate(messages, start=1):
        clean, misread = put_right(message.content)
        calls = tuple(_call(call) for call in message.tool_calls)
        if misread or calls != message.tool_calls:
            edits.append(Edit("mojibake", "text read in a wrong encoding, put right", {place: turn}))
        elif clean != message.content:
            edits.append(Edit("normalise", NORMALISED, {place: turn}))
        unchanged = clean == message.content and calls == message.tool_calls
        out.append(message if unchanged else replace(message, content=clean, tool_calls=calls))
    return tuple(out)


def _call(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """A call whose arguments were repaired value by value, so that they stay JSON; what is none is left alone."""
    written = call["function"]["arguments"]
    if written.isascii() and "\\u" not in written:
        return call
    try:
        arguments = json.loads(written)
    except (ValueError, RecursionError):
        return call
    put_right = _value(arguments)
    if put_right == arguments:
        return call
    return {**call, "function": {**call["function"], "arguments": json.dumps(put_right, ensure_ascii=False)}}


def _value(value: Any) -> Any:
    """A JSON value with every text in it repaired."""
    if isinstance(value, str):
        return repair(value)
    if isinstance(value, Mapping):
        return {key: _value(item) for key, item in value.items()}
    return [_value(item) for item in value] if isinstance(value, list) else value
