"""A record: one example with its conversation, where it came from, on what terms, and what was done to it."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from kitae.core.files import read_jsonl
from kitae.core.settings import digest_of

Role = Literal["system", "user", "assistant", "tool", "document"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool", "document")
"""`document` is raw text that nobody says to anybody: what continued pre-training reads."""
CONTENT = ("id", "messages", "language", "label", "tools", "rejected", "desirable", "weight")
"""What training and evaluation read of a record."""


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; the last three only where tools are used, in the form of the OpenAI API.

    `tool_calls` holds objects with `id`, `type` and `function` (`name`, `arguments`); a turn of the role `tool` says in
    `tool_call_id` which of them it answers.
    """

    role: Role
    content: str
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    tool_call_id: str = ""
    name: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The turn as chat templates and JSON want it; what is empty is left out."""
        row: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.tool_calls:
            row["tool_calls"] = [dict(call) for call in self.tool_calls]
        return row | {key: value for key in ("tool_call_id", "name") if (value := getattr(self, key))}

    @staticmethod
    def from_dict(row: Mapping[str, Any]) -> "Message":
        """A turn from `as_dict`'s values."""
        return Message(**{**row, "tool_calls": tuple(row.get("tool_calls", ()))})


@dataclass(frozen=True)
class Origin:
    """Where a record stood: file name, 1-based row (data row, or line of a JSONL file), sheet of a workbook."""

    file: str
    row: int
    sheet: str = ""

    def __str__(self) -> str:
        """`faq.xlsx[ja]:17`, as people write places."""
        return f"{self.file}[{self.sheet}]:{self.row}" if self.sheet else f"{self.file}:{self.row}"


@dataclass(frozen=True)
class Edit:
    """One thing done to a record: the rule, the reason for people, and values for programs."""

    rule: str
    reason: str
    detail: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The edit as JSON-ready values."""
        return {"rule": self.rule, "reason": self.reason, "detail": dict(self.detail)}


@dataclass(frozen=True)
class Terms:
    """On what terms a record may be used: SPDX licence, consent basis, rights holder."""

    licence: str = ""
    consent: str = ""
    rights_holder: str = ""


@dataclass(frozen=True)
class Record:
    """One example. `use` is a split somebody else drew ("train", "validation", "test") or "" when kitae draws it.

    `label` is the class name when the task is classification, else "". `meta` keeps the other columns as they were.

    Of a preference pair `messages` ends with the chosen answer, and `rejected` holds the turns that were not chosen in
    its place; `desirable` is a single judgement of an answer (KTO). `tools` describes the functions that the assistant
    may call. `parent` is the id of the record that this one was made from by augmentation, and `weight` is how often,
    relative to the others, training should see it. `content_id` is a digest of what it said when it was read, private
    data masked: the same text in another row or file has the same.
    """

    id: str
    messages: tuple[Message, ...]
    origin: Origin
    terms: Terms = Terms()
    language: str = ""
    label: str = ""
    use: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Edit, ...] = ()
    tools: tuple[Mapping[str, Any], ...] = ()
    rejected: tuple[Message, ...] = ()
    desirable: bool | None = None
    parent: str = ""
    weight: float = 1.0
    content_id: str = ""

    def with_edit(self, edit: Edit, **changes: Any) -> "Record":
        """The record after an edit: fields changed as named, and the edit added to its history."""
        return replace(self, history=(*self.history, edit), **changes)

    @property
    def prompt(self) -> tuple[Message, ...]:
        """Everything before the last assistant turn."""
        last = self._last_assistant()
        return self.messages if last is None else self.messages[:last]

    @property
    def question(self) -> str:
        """The last user turn before the last assistant turn, or "" when there is none."""
        return next((m.content for m in reversed(self.prompt) if m.role == "user"), "")

    @property
    def answer(self) -> str:
        """The last assistant turn, or "" when there is none."""
        last = self._last_assistant()
        return "" if last is None else self.messages[last].content

    @property
    def rejected_answer(self) -> str:
        """The last assistant turn of what was not chosen, or "" when there is none."""
        return next((m.content for m in reversed(self.rejected) if m.role == "assistant"), "")

    def _last_assistant(self) -> int | None:
        indices = (i for i in range(len(self.messages) - 1, -1, -1) if self.messages[i].role == "assistant")
        return next(indices, None)

    def as_dict(self) -> dict[str, Any]:
        """The record as JSON-ready values; `from_dict` reads them back. `tools` and what follows only if set."""
        row: dict[str, Any] = {
            "id": self.id,
            "messages": [m.as_dict() for m in self.messages],
            "origin": {"file": self.origin.file, "row": self.origin.row, "sheet": self.origin.sheet},
            "terms": {
                "licence": self.terms.licence,
                "consent": self.terms.consent,
                "rights_holder": self.terms.rights_holder,
            },
            "language": self.language,
            "label": self.label,
            "use": self.use,
            "meta": dict(self.meta),
            "history": [edit.as_dict() for edit in self.history],
        }
        for name, unset in RARE.items():
            if (value := getattr(self, name)) != unset:
                row[name] = value
        if self.tools:
            row["tools"] = [dict(tool) for tool in self.tools]
        if self.rejected:
            row["rejected"] = [message.as_dict() for message in self.rejected]
        return row

    @staticmethod
    def from_dict(row: Mapping[str, Any]) -> "Record":
        """A record from `as_dict`'s values."""
        return Record(
            id=row["id"],
            messages=tuple(Message.from_dict(message) for message in row["messages"]),
            origin=Origin(**row["origin"]),
            terms=Terms(**row["terms"]),
            language=row["language"],
            label=row["label"],
            use=row["use"],
            meta=row["meta"],
            history=tuple(Edit(**edit) for edit in row["history"]),
            tools=tuple(row.get("tools", ())),
            rejected=tuple(Message.from_dict(message) for message in row.get("rejected", ())),
            **{name: row.get(name, unset) for name, unset in RARE.items()},
        )


RARE: dict[str, Any] = {"desirable": None, "parent": "", "weight": 1.0, "content_id": ""}
"""Plain fields that most records lack, with what stands for "none"."""


def record_id(origin: Origin, content: object) -> str:
    """A stable id (16 hex characters) from where a row stood and what it said, JSON-ready."""
    return digest_of([origin.file, origin.sheet, origin.row, content])[:16]


def content_digest(path: Path) -> str:
    """SHA-256 (hex) over what the records of a file say, in their order, and nothing of their papers.

    Terms, history, origin and other columns are left out: a corrected licence teaches a model nothing else.
    """
    sha = hashlib.sha256()
    for row in read_jsonl(path):
        sha.update(digest_of([row.get(name) for name in CONTENT]).encode())
    return sha.hexdigest()


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a JSONL file of `Record.as_dict` rows one by one."""
    for row in read_jsonl(path):
        yield Record.from_dict(row)
