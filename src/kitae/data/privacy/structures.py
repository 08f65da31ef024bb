"""Private data inside nested values: other columns of a record, the arguments of a tool, JSON in a text.

Keys decide what is private as a whole; every other text or number is looked at with its key before it, as a person
would read it: `口座番号: 1234567`. Keys themselves stay, so what was valid JSON stays valid JSON.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kitae.data.privacy.columns import about_a_person, private_column

DEEPEST = 64
"""What is nested deeper is not looked into but redacted as the JSON text that it is."""

SCHEMA = "properties"
"""Below this key of a JSON Schema a key such as `email` describes a value and has none."""

Scalar = Callable[[str, Any, str | None], Any]
"""(path, text or number, kind of the whole value or None) to what stands in its place."""


@dataclass(frozen=True)
class Walk:
    """How to go through a nested value.

    `trusting` takes a key `name` for the name of a person wherever it stands, as a column of that heading is; else only
    beside other private keys or below one such as `customer`: much JSON has names of things.
    """

    scalar: Scalar
    trusting: bool = False

    def value(self, value: Any, path: str = "", kind: str | None = None, depth: int = 0) -> Any:
        """The value with everything private in it redacted; the very same object when there is nothing."""
        if isinstance(value, Mapping | list | tuple) and depth >= DEEPEST:
            return self.scalar(path, json.dumps(value, ensure_ascii=False, default=str), kind)
        if isinstance(value, Mapping):
            made: Any = {}
            for key, item in value.items():
                place, inner = self._place(path, str(key), value, kind)
                made[key] = self.value(item, place, inner, depth + 1)
            return made if any(made[key] is not item for key, item in value.items()) else value
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            made = [self.value(item, path, kind, depth + 1) for item in value]
            return made if any(one is not other for one, other in zip(made, value, strict=True)) else value
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return value
        return self.scalar(path, value, kind)

    def _place(self, path: str, key: str, beside: Mapping[Any, Any], kind: str | None) -> tuple[str, str | None]:
        """The path of a key, and the kind of its whole value: its own, else that of what it lies in."""
        place = f"{path}.{key}" if path else key
        if SCHEMA in path.split("."):
            return place, None
        own = private_column(place)
        if own == "name" and key.casefold() == "name" and not self.trusting and not _names_a_person(path, beside):
            own = None
        return place, own or kind


def _names_a_person(path: str, beside: Mapping[Any, Any]) -> bool:
    return about_a_person(path.rpartition(".")[2]) or any(
        private_column(str(key)) is not None for key in beside if str(key).casefold() != "name"
    )


def redact_json(text: str, walk: Walk) -> str | None:
    """A text that is a JSON object or list, redacted value by value; None when it is no such text."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    shadowed: list[tuple[str, Any]] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(items)
        if len(made) < len(items):
            shadowed.extend((key, item) for key, item in items if made[key] is not item)
        return made

    try:
        value = json.loads(text, object_pairs_hook=pairs)
        made = walk.value(value)
    except (ValueError, RecursionError):
        return None
    # Of a key written twice readers see the last value alone; the others only go when there is something in them.
    hidden = [walk.value(item, key) is not item for key, item in shadowed]
    if made is value and not any(hidden):
        return text
    spaced = '": ' in text or '", ' in text
    return json.dumps(made, ensure_ascii=text.isascii(), separators=None if spaced else (",", ":"))
