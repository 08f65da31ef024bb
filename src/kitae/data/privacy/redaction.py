"""Do with private data what the recipe says, flag, mask or replace, everywhere in a record."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from kitae.core.data_settings import PrivacySettings
from kitae.core.records import Edit, Message, Record
from kitae.data.privacy.columns import private_column
from kitae.data.privacy.findings import Finding
from kitae.data.privacy.recognisers import BUILT_IN, KINDS, chosen_kinds, recogniser
from kitae.data.privacy.scanning import instead, masked, scan
from kitae.data.privacy.structures import Walk, redact_json
from kitae.data.privacy.surrogates import Keyed, like_number, surrogate
from kitae.data.shaping.turns import ROLES_AS_WRITTEN

__all__ = ["KINDS", "Redactor", "check_privacy", "chosen_kinds", "masked", "private_column", "scan"]

DONE = {"flag": "found", "mask": "masked", "replace": "replaced"}
"""What a mode does, as the history says it."""
WITH_DIGITS = frozenset(
    {"phone", "card", "bank_account", "iban", "my_number", "corporate_number", "us_ssn", "postal_code"}
)
"""Kinds whose values hold a digit: a column of telephone numbers may say "none"."""
LOOKS = {"email": re.compile("[@＠]"), "name": re.compile(r"^(?![a-z0-9]+(?:_[a-z0-9]+)+$)")}
"""What a value of a kind must look like: an identifier such as find_rooms is nobody's name."""
SMALL = 100_000
"""Numbers below have too few digits to be anything by themselves."""

_BLOCK = re.compile(
    r"(?:<(?P<tag>tool_call|tool_response|function_call|tools)>\s*|```(?:json)?\s*\n)(?P<json>[{\[].*?[}\]])"
    r"(?:\s*</(?P=tag)>|\s*\n```)",
    re.DOTALL,
)
Key = Callable[[], Keyed]


def check_privacy(settings: PrivacySettings) -> None:
    """Refuse a kind or a recogniser that is not there. Raises `UnknownName`, `RecipeError`."""
    chosen_kinds(settings.kinds)
    for name in settings.recognisers if settings.mode != "off" else ():
        recogniser(name)


@dataclass(frozen=True)
class Redactor:
    """Applies one privacy mode. `mode` is flag, mask or replace; `kinds` come from `chosen_kinds`.

    Turns of the `spared` roles are left alone: a label is a name of a class, whatever it looks like. In the scope
    "conversation" the same value has the same stand-in within a record, and another one elsewhere; in other columns,
    by which records may be grouped, it has the same one everywhere.
    """

    mode: str
    kinds: tuple[str, ...]
    keyed: Keyed
    spared: frozenset[str] = frozenset()
    scope: str = "dataset"
    recognisers: tuple[str, ...] = (BUILT_IN,)

    @staticmethod
    def of(settings: PrivacySettings, key: bytes, spared: frozenset[str] = frozenset()) -> "Redactor":
        """The redactor of a recipe whose mode is not off; `drop` masks what it finds, and others drop the record.

        Raises `UnknownName` for a kind or recogniser, `RecipeError` for a recogniser that is not installed.
        """
        check_privacy(settings)
        mode = "mask" if settings.mode == "drop" else settings.mode
        kinds = chosen_kinds(settings.kinds)
        return Redactor(mode, kinds, Keyed(key), spared, settings.scope, tuple(settings.recognisers))

    def record(self, record: Record) -> Record:
        """The record with turns, calls of tools and other columns redacted, and one edit per place in its history."""
        return _Pass(self, record).run()

    def text(self, text: str) -> tuple[str, list[tuple[str, str]]]:
        """The redacted text and (kind, original value) of each place."""
        out, found = self.applied(text, lambda: self.keyed)
        return out, [(finding.kind, value) for finding, value in found]

    def applied(self, text: str, key: Key, label: str = "") -> tuple[str, list[tuple[Finding, str]]]:
        """The redacted text, and what was found in it. `label` is read before the text, such as the key of a value.

        What is masked is looked at again, as its new surroundings may show more: masking twice is masking once.
        """
        everything: list[tuple[Finding, str]] = []
        while findings := self._findings(text, label):
            found = [(finding, text[finding.start : finding.end]) for finding in findings]
            everything += found
            if self.mode == "flag":
                break
            text = instead(text, [(finding, self.stand_in(finding.kind, value, key())) for finding, value in found])
            if self.mode != "mask":
                break
        return text, everything

    def stand_in(self, kind: str, value: str, keyed: Keyed) -> str:
        """What stands in place of a value."""
        return f"[{kind}]" if self.mode == "mask" else surrogate(kind, value, keyed)

    def _findings(self, text: str, label: str) -> tuple[Finding, ...]:
        if not label:
            return scan(text, self.kinds, self.recognisers)
        skip = len(label) + 2
        findings = scan(f"{label}: {text}", self.kinds, self.recognisers)
        return tuple(f._replace(start=f.start - skip, end=f.end - skip) for f in findings if f.start >= skip)


class _Pass:
    """One record on its way through the redactor, and the edits that say what was done."""

    def __init__(self, redactor: Redactor, record: Record) -> None:
        self._redactor = redactor
        self._record = record
        self._edits: list[Edit] = []
        self._own: Keyed | None = None if redactor.scope == "conversation" else redactor.keyed

    def run(self) -> Record:
        """The record redacted; the very same one when nothing private is in it."""
        record = self._record
        messages = [self._turn(message, f"turn {turn}") for turn, message in enumerate(record.messages, start=1)]
        rejected = [
            self._turn(message, f"turn {turn} of the rejected answer")
            for turn, message in enumerate(record.rejected, start=1)
        ]
        tools = [self._value(tool, "turn 0, tools", self._key) for tool in record.tools]
        meta = {column: self._column(column, value) for column, value in record.meta.items()}
        if not self._edits:
            return record
        history = (*record.history, *self._edits)
        turns, others = tuple(messages), tuple(rejected)
        return replace(record, messages=turns, rejected=others, tools=tuple(tools), meta=meta, history=history)

    def _key(self) -> Keyed:
        """The key of stand-ins in the text: the same words are the same conversation."""
        if self._own is None:
            said = "\0".join(f"{message.role}\0{message.content}" for message in self._record.messages)
            self._own = self._redactor.keyed.within(said)
        return self._own

    def _dataset_key(self) -> Keyed:
        return self._redactor.keyed

    def _turn(self, message: Message, place: str) -> Message:
        if message.role in self._redactor.spared:
            return message
        content = self._text(message.content, place, self._key)
        if not message.tool_calls and not message.name:
            return message if content is message.content else replace(message, content=content)
        calls = tuple(self._call(call, f"{place}, arguments") for call in message.tool_calls)
        name = message.name
        if name and message.role != "tool":
            name = self._scalar("name", name, "name", place=f"{place}, name", key=self._key)
        return replace(message, content=content, tool_calls=calls, name=name)

    def _call(self, call: Mapping[str, Any], place: str) -> Mapping[str, Any]:
        """A call of a tool: its arguments are redacted, as JSON text or as an object; the name of the tool is not."""
        function = call.get("function")
        if not isinstance(function, Mapping) or "arguments" not in function:
            return call
        arguments = function["arguments"]
        if isinstance(arguments, str):
            made: Any = self._text(arguments, place, self._key)
        else:
            made = self._value(arguments, place, self._key)
        return call if made is arguments else {**call, "function": {**function, "arguments": made}}

    def _text(self, text: str, place: str, key: Key, label: str = "") -> str:
        """A text, which may be JSON as a whole or hold it in blocks."""
        if text[:1] in ("{", "[") and (made := redact_json(text, self._walk(place, key))) is not None:
            return made
        if ("```" in text or "<t" in text or "<f" in text) and (block := _BLOCK.search(text)):
            made = redact_json(block["json"], self._walk(place, key))
            if made is not None:
                start, end = block.span("json")
                return self._plain(text[:start], place, key, label) + made + self._text(text[end:], place, key)
        return self._plain(text, place, key, label)

    def _plain(self, text: str, place: str, key: Key, label: str) -> str:
        out, found = self._redactor.applied(text, key, label)
        for finding, value in found:
            self._note(finding, value, place, key)
        return out

    def _column(self, column: str, value: Any) -> Any:
        """A value of another column. It never becomes an object of its own when nothing was found."""
        walk = self._walk(f"column {column}", self._dataset_key, trusting=True)
        return walk.value(value, column, private_column(column))

    def _value(self, value: Any, place: str, key: Key) -> Any:
        return self._walk(place, key).value(value)

    def _walk(self, place: str, key: Key, *, trusting: bool = False) -> Walk:
        return Walk(partial(self._scalar, place=place, key=key), trusting)

    def _scalar(self, path: str, value: Any, kind: str | None, *, place: str, key: Key) -> Any:
        """A text or number inside a nested value."""
        written = value if isinstance(value, str) else _written(value)
        if f"column {path}.".startswith(f"{place}."):
            place = f"column {path}"  # not for a key inside JSON text, whose path begins there
        if kind in self._redactor.kinds and kind is not None and _may_be(kind, written):
            return self._whole(kind, value, written, place, key)
        if not isinstance(value, str):
            if abs(value) < SMALL:
                return value
            made = self._plain(written, place, key, path.rpartition(".")[2])
            return value if made is written else _number(made)
        return self._text(value, place, key, path.rpartition(".")[2]) if value.strip() else value

    def _whole(self, kind: str, value: Any, written: str, place: str, key: Key) -> Any:
        """The stand-in of a value that is private as a whole. In a masked column equal values stay equal."""
        keyed = key()
        self._note(Finding(kind, 0, len(written), 90, "the heading says so"), written, place, key)
        if self._redactor.mode == "flag":
            return value
        if self._redactor.mode == "mask":
            return f"[{kind} {keyed.short(kind, written)}]" if place.startswith("column") else f"[{kind}]"
        return surrogate(kind, written, keyed) if isinstance(value, str) else like_number(kind, written, keyed)

    def _note(self, finding: Finding, value: str, place: str, key: Key) -> None:
        done = DONE[self._redactor.mode]
        detail = {
            "kind": finding.kind,
            "place": place,
            "digest": key().short(finding.kind, value),
            "action": done,
            "why": finding.why,
        }
        self._edits.append(Edit("privacy", f"{finding.kind.replace('_', ' ')} {done} in {place}", detail))


def _written(value: float) -> str:
    """A number as people write it: without the point that spreadsheets put behind whole numbers."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _number(text: str) -> int | str:
    """A whole number again where that is possible."""
    return int(text) if text.isdecimal() else text


def _may_be(kind: str, written: str) -> bool:
    """Whether a value under a private heading may be of its kind: no empty cell, no role, no number without digits."""
    if not written.strip() or written.casefold() in ROLES_AS_WRITTEN:
        return False
    if kind in LOOKS:
        return LOOKS[kind].search(written) is not None
    return kind not in WITH_DIGITS or any(c.isdecimal() for c in written)
