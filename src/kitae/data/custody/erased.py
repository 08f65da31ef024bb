"""What was erased and may not return, as a value that any worker can ask, record by record.

It holds keyed digests only (BLAKE2b with a key, RFC 7693): nobody who has it without the key can tell a text, a name
or an id from it, or try guesses. What is compared are handles: five ways to know a record again, each for the case that
the others fail. An id changes with the row, a content stays the same in another row or file, a place stays the same
when another version of kitae masks other words, a rights holder stands for rows nobody has seen yet, and a parent for
what was made from a record.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from kitae.core.artifacts import Source
from kitae.core.records import Edit, Origin, Record
from kitae.core.settings import digest_of
from kitae.core.text import compact, normalise
from kitae.data.finding import LISTING
from kitae.data.privacy.redaction import masked

ERASED = "erased"
"""The rule by which a record goes that was erased."""
MARK_BYTES = 16
NUMBER_BYTES = 4
LEAST_CONTENT = 8
"""Letters and digits that a text must have to be known again by its content; "yes" is nobody's own."""
REASONS = {
    "record": "the record was erased",
    "parent": "it was made from a record that was erased",
    "content": "it says what an erased record said",
    "place": "the row was erased",
    "rights_holder": "everything of its rights holder was erased",
}

Handle = tuple[str, str]
"""A way to know a record again: a kind, one of `REASONS`, and its value."""


@dataclass(frozen=True)
class Erased:
    """The marks of all that was erased, in one sorted block of bytes, each with the number of its erasure."""

    key: bytes = field(default=b"", repr=False)
    marks: bytes = field(default=b"", repr=False)
    erasures: tuple[str, ...] = ()
    """Names of the erasures, by number."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Digest of a source to a digest of the erasures that took something out of its datasets."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Name of a raw file to the digest of its bytes, for the source at hand."""

    @staticmethod
    def of(key: bytes, marks: Mapping[bytes, str], sources: Mapping[str, str] | None = None) -> "Erased":
        """The value of marks, each with the name of its erasure."""
        erasures = tuple(sorted(set(marks.values())))
        numbers = {name: number.to_bytes(NUMBER_BYTES, "big") for number, name in enumerate(erasures)}
        return Erased(key, b"".join(mark + numbers[marks[mark]] for mark in sorted(marks)), erasures, sources or {})

    def within(self, source: Source) -> "Erased":
        """The same, for the raw files of a source: their places are known by their bytes, not by their names."""
        return replace(self, files=file_digests(source)) if self.marks else self

    def part_of_key(self, source: Source) -> dict[str, str]:
        """What the key of a dataset says of erasures: nothing as long as none took anything from this source."""
        return {ERASED: self.sources[source.digest]} if source.digest in self.sources else {}

    def why(self, record: Record) -> Handle | None:
        """The kind of handle by which a record is known again and the name of its erasure, or None."""
        return self.first(handles(record, self.files)) if self.marks else None

    def why_row(self, origin: Origin, excerpt: str, rights_holder: str | None) -> Handle | None:
        """The same for a row that is no record: `excerpt` is what is quoted of it, with private data masked."""
        return self.first(row_handles(origin, excerpt, rights_holder, self.files)) if self.marks else None

    def first(self, found: Iterable[Handle]) -> Handle | None:
        """The first of some handles that was erased: its kind, and the name of the erasure."""
        for kind, value in found:
            name = self._erasure(mark_of(self.key, kind, value))
            if name is not None:
                return kind, name
        return None

    def _erasure(self, mark: bytes) -> str | None:
        size = MARK_BYTES + NUMBER_BYTES
        at = size * bisect_left(range(len(self.marks) // size), mark, key=lambda i: self.marks[size * i :][:MARK_BYTES])
        if self.marks[at : at + MARK_BYTES] != mark:
            return None
        return self.erasures[int.from_bytes(self.marks[at + MARK_BYTES : at + size], "big")]


def without_text(record: Record, edit: Edit | None = None) -> Record:
    """The papers of a record: where it stood and on what terms, nothing of what it said; `edit` is all its history."""
    return replace(
        record, messages=(), label="", meta={}, history=() if edit is None else (edit,), tools=(), rejected=()
    )


def gone(record: Record, kind: str, erasure: str) -> Record:
    """What a dataset keeps of an erased record, so that its counts add up: the place, the rule and the reason."""
    return Record("", (), record.origin, use=record.use, history=(gone_edit(kind, erasure),))


def gone_edit(kind: str, erasure: str) -> Edit:
    """Why an erased record is not there."""
    return Edit(ERASED, f"{REASONS[kind]} (erasure {erasure})", {"erasure": erasure})


def content_id(record: Record) -> str:
    """A digest (32 hex characters) of what a record says, for `Record.content_id`; "" for too short a text.

    Private data is masked first: the digest stands beside redacted text, and whoever tries all names could otherwise
    find the one that was taken out. Spaces, punctuation, case and what the system is told do not count.
    """
    said = [(m.role, compact(masked(m.content))) for m in (*record.messages, *record.rejected) if m.role != "system"]
    if sum(len(text) for _, text in said) < LEAST_CONTENT:
        return ""
    return digest_of(said)[:32]


def handles(record: Record, files: Mapping[str, str]) -> Iterator[Handle]:
    """Every way to know a record again, those first that say why it goes.

    `files` maps names of raw files to digests of their bytes.
    """
    if record.terms.rights_holder.strip():
        yield "rights_holder", normalise(record.terms.rights_holder)
    if record.parent:
        yield "parent", record.parent
    if record.id:
        yield "record", record.id
    # What was made from a record carries along its content id and its place, and says something else.
    content = content_id(record) if record.parent else record.content_id or content_id(record)
    if content:
        yield "content", content
    if not record.parent:
        yield from _place(record.origin, files)


def row_handles(origin: Origin, excerpt: str, rights_holder: str | None, files: Mapping[str, str]) -> Iterator[Handle]:
    """Every way to know a row again that is no record."""
    if rights_holder:
        yield "rights_holder", normalise(rights_holder)
    said = compact(excerpt)
    if len(said) >= LEAST_CONTENT:
        yield "content", digest_of(said)[:32]
    yield from _place(origin, files)


def mark_of(key: bytes, kind: str, value: str) -> bytes:
    """The keyed digest of a handle. A parent is a record: both have the same."""
    kind = "record" if kind == "parent" else kind
    return hashlib.blake2b(
        f"{kind}\0{value}".encode("utf-8", "surrogatepass"), key=key, digest_size=MARK_BYTES
    ).digest()


def file_digests(source: Source) -> dict[str, str]:
    """Name of each raw file of a source to the digest of its bytes."""
    return {file["name"]: file["sha256"] for entry in source.json(LISTING)["sources"] for file in entry["files"]}


def _place(origin: Origin, files: Mapping[str, str]) -> Iterator[Handle]:
    digest = files.get(origin.file)
    if digest:
        yield "place", digest_of([digest, origin.sheet, origin.row])
