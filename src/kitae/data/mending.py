"""Repair and normalisation of everything that a row says, with an edit for each place that was changed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kitae.core.records import Edit, Message
from kitae.data.repair import put_right, repair
from kitae.data.shapes import Shaped

NORMALISED = "line ends, control characters, half-width kana, ligatures or spaces put right"


def mended(shaped: Shaped) -> tuple[Shaped, tuple[Edit, ...]]:
    """The row with its text put right, and what was done to it."""
    edits: list[Edit] = []
    messages = _messages(shaped.messages, "turn", edits)
    rejected = _messages(shaped.rejected, "rejected", edits)
    tools = tuple(_value(tool) for tool in shaped.tools)
    if tools != shaped.tools:
        edits.append(Edit("mojibake", "text read in a wrong encoding, put right", {"place": "tools"}))
    label = put_right(shaped.label)[0]
    return replace(shaped, messages=messages, rejected=rejected, tools=tools, label=label), tuple(edits)


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
