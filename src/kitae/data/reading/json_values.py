"""Parsed JSON as rows: JSON lines, and what every kind of JSON file has in common."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from kitae.data.encodings import undecodable
from kitae.data.reading.lines import LongLine, bounded_lines
from kitae.data.reading.rows import NOT_TEXT, QUOTED_HEAD, BadRow, Raw, Row, distinct

DEEPEST = 100
"""Values nested deeper than this are not read: whatever walks over them later would run out of stack."""
_SUSPECT = re.compile(r"[\ud800-\udfff]|\\u[dD][89a-fA-F]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_TOO_DEEP = f"values nested more than {DEEPEST} deep"


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; a name that it gives twice gets a number, so that no value hides another."""
    values = dict(pairs)
    if len(values) == len(pairs):
        return values
    return dict(zip(distinct([name for name, _ in pairs]), (value for _, value in pairs), strict=True))


def _number(written: str) -> float | None:
    """A number with a point or an exponent; one that is too large to be kept is none."""
    value = float(written)
    return value if math.isfinite(value) else None


DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=lambda _: None, parse_float=_number)
"""NaN and infinities become null: no other JSON reader would take them back."""


def read_jsonl(raw: Raw) -> Iterator[Row | BadRow]:
    """Rows of a file with one JSON object a line; the row number is the line number."""
    with raw.text(newline="\n") as file:
        for number, line in enumerate(bounded_lines(file, raw.longest_row), start=1):
            if isinstance(line, LongLine):
                yield BadRow(line.reason, line.head, number, "", number)
            elif not line.isspace():
                yield _json_row(line.strip().lstrip("\ufeff"), number)


def _json_row(text: str, number: int) -> Row | BadRow:
    try:
        value = DECODER.decode(text)
    except json.JSONDecodeError as error:
        reason = f"not valid JSON at character {error.pos + 1}: {complaint(error)}"
        return BadRow(NOT_TEXT if undecodable(text) else reason, text[:QUOTED_HEAD], number, "", number)
    except (ValueError, RecursionError) as error:
        return BadRow(f"not readable JSON: {error}", text[:QUOTED_HEAD], number, "", number)
    return as_row(value, number, number, written=text)


def complaint(error: json.JSONDecodeError) -> str:
    """What is wrong, without the place: some of the decoder's words end where it is meant to follow."""
    words = re.sub(r"(?: starting)? at$", "", error.msg)
    return words[:1].lower() + words[1:]


def as_row(value: Any, number: int, line: int, *, written: str) -> Row | BadRow:
    """A parsed value as a row; `written` is the text that it was parsed from."""
    values = {"messages": value} if isinstance(value, list) and is_conversation(value) else value
    reason = _wrong(values, written)
    if reason:
        return BadRow(reason, written[:QUOTED_HEAD], number, "", line)
    return Row(values, number, "", line)


def is_conversation(value: Sequence[Any]) -> bool:
    """Whether a list is the turns of one conversation."""
    return len(value) > 0 and all(isinstance(turn, dict) and {"role", "from"} & turn.keys() for turn in value)


def _wrong(values: Any, written: str) -> str:
    """Why a parsed value is no row, or ""."""
    if not isinstance(values, dict):
        return f"a JSON {type(values).__name__} where an object is wanted"
    if written.count("{") + written.count("[") > DEEPEST and depth(values) > DEEPEST:
        return _TOO_DEEP
    if not _SUSPECT.search(written):
        return ""
    # Escaped halves of a character may have made a whole one.
    text = json.dumps(values, ensure_ascii=False)
    if undecodable(text):
        return NOT_TEXT
    return "half of a character (a lone surrogate)" if _LONE_SURROGATE.search(text) else ""


def depth(value: Any) -> int:
    """How deeply a JSON value is nested; a plain value is not."""
    deepest = 0
    waiting = [(value, 1)]
    while waiting:
        node, level = waiting.pop()
        if isinstance(node, (dict, list)):
            deepest = max(deepest, level)
            waiting += [(child, level + 1) for child in (node.values() if isinstance(node, dict) else node)]
    return deepest
