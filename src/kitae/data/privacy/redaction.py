"""Find private data in text and do with it what the recipe says: flag, mask, replace."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from kitae.core.records import Edit, Record
from kitae.data.privacy.findings import Finding, Recogniser, narrow
from kitae.data.privacy.names import name
from kitae.data.privacy.numbers import bank_account, birth_date, card, email, ip_address, my_number, phone, postal_code
from kitae.data.privacy.places import address
from kitae.data.privacy.secrets import secret
from kitae.data.privacy.surrogates import Keyed, surrogate
from kitae.data.shapes import ROLES_AS_WRITTEN
from kitae.errors import UnknownName

RECOGNISERS: dict[str, Recogniser] = {
    "secret": secret,
    "email": email,
    "my_number": my_number,
    "card": card,
    "birth_date": birth_date,
    "ip_address": ip_address,
    "postal_code": postal_code,
    "bank_account": bank_account,
    "phone": phone,
    "address": address,
    "name": name,
}
"""By kind."""

NEEDS_DIGIT = frozenset({"my_number", "card", "birth_date", "ip_address", "postal_code", "bank_account", "phone"})
PRIVATE_HEADINGS = (
    ("name", r"氏名|名前|顧客名|客様名|予約者|宿泊者|担当者|^name$"),
    ("name", r"(?:customer|guest|user|full|first|last|contact|agent|staff).?name$"),
    ("phone", r"電話|携帯|(?:^|_| )(?:tel|phone|mobile|fax)"),
    ("email", r"メール|e-?mail"),
    ("address", r"住所|(?:street|home|postal|shipping|billing|mailing).?address|^address$"),
)
"""Columns whose whole value is private, whatever it looks like."""

_HAS_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Redactor:
    """Applies one privacy mode. `mode` is flag, mask or replace; `kinds` are names of `RECOGNISERS`.

    Turns of the `spared` roles are left alone: a label is a name of a class, whatever it looks like.
    """

    mode: str
    kinds: tuple[str, ...]
    keyed: Keyed
    spared: frozenset[str] = frozenset()

    def record(self, record: Record) -> Record:
        """The record with its turns, and other columns, redacted and one edit per place in its history."""
        edits: list[Edit] = []
        messages = []
        for turn, message in enumerate(record.messages, start=1):
            text, found = (message.content, []) if message.role in self.spared else self.text(message.content)
            edits += [self._edit(kind, value, f"turn {turn}") for kind, value in found]
            messages.append(message if text == message.content else replace(message, content=text))
        meta = {column: self._column(column, value, edits) for column, value in record.meta.items()}
        if not edits:
            return record
        out = record
        for edit in edits[:-1]:
            out = out.with_edit(edit)
        return out.with_edit(edits[-1], messages=tuple(messages), meta=meta)

    def text(self, text: str) -> tuple[str, list[tuple[str, str]]]:
        """The redacted text and (kind, original value) of each place."""
        findings = scan(text, self.kinds)
        if not findings:
            return text, []
        found = [(finding.kind, text[finding.start : finding.end]) for finding in findings]
        if self.mode == "flag":
            return text, found
        pieces, at = [], 0
        for finding, (kind, value) in zip(findings, found, strict=True):
            pieces += [text[at : finding.start], self._stand_in(kind, value)]
            at = finding.end
        return "".join([*pieces, text[at:]]), found

    def _stand_in(self, kind: str, value: str) -> str:
        return f"[{kind}]" if self.mode == "mask" else surrogate(kind, value, self.keyed)

    def _edit(self, kind: str, value: str, place: str) -> Edit:
        done = {"flag": "found", "mask": "masked", "replace": "replaced"}[self.mode]
        return Edit(
            "privacy",
            f"{kind.replace('_', ' ')} {done} in {place}",
            {"kind": kind, "place": place, "digest": self.keyed.short(kind, value), "action": done},
        )

    def _column(self, column: str, value: Any, edits: list[Edit]) -> Any:
        """A value of another column, redacted wherever it holds text."""
        if isinstance(value, Mapping):
            return {key: self._column(str(key), item, edits) for key, item in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [self._column(column, item, edits) for item in value]
        if not isinstance(value, str) or not value.strip():
            return value
        kind = private_column(column)
        kind = kind if kind in self.kinds and value.casefold() not in ROLES_AS_WRITTEN else None
        if kind is None:
            text, found = self.text(value)
        else:
            text, found = value if self.mode == "flag" else self._stand_in(kind, value), [(kind, value)]
        edits += [self._edit(kind, value, f"column {column}") for kind, value in found]
        return text


def chosen_kinds(kinds: Sequence[str] | str) -> tuple[str, ...]:
    """The kinds to look for; "auto" is all. Raises `UnknownName`."""
    if isinstance(kinds, str):
        return tuple(RECOGNISERS)
    for kind in kinds:
        if kind not in RECOGNISERS:
            raise UnknownName("kind in data.privacy.kinds:", got=kind, known=RECOGNISERS)
    return tuple(kind for kind in RECOGNISERS if kind in kinds)


@lru_cache(maxsize=1024)
def private_column(column: str) -> str | None:
    """The kind of private data that a column with this heading holds, or None."""
    return next((kind for kind, words in PRIVATE_HEADINGS if re.search(words, column, re.IGNORECASE)), None)


@lru_cache(maxsize=65536)
def scan(text: str, kinds: tuple[str, ...]) -> tuple[Finding, ...]:
    """Private data in a text, from left to right, without overlaps."""
    narrowed = narrow(text)
    has_digit = bool(_HAS_DIGIT.search(narrowed))
    found = [
        finding
        for kind in kinds
        if has_digit or kind not in NEEDS_DIGIT
        for finding in RECOGNISERS[kind](narrowed)
        if finding.start < finding.end
    ]
    return tuple(_without_overlaps(found)) if found else ()


def masked(text: str) -> str:
    """A text for reports: every private value as the name of its kind, whatever the recipe's mode."""
    pieces, at = [], 0
    for finding in scan(text, tuple(RECOGNISERS)):
        pieces += [text[at : finding.start], f"[{finding.kind}]"]
        at = finding.end
    return "".join([*pieces, text[at:]])


def _without_overlaps(findings: Iterable[Finding]) -> list[Finding]:
    taken: list[Finding] = []
    for finding in sorted(findings, key=lambda f: (-f.priority, f.start - f.end, f.start, f.kind)):
        if all(finding.end <= other.start or other.end <= finding.start for other in taken):
            taken.append(finding)
    return sorted(taken, key=lambda f: f.start)
