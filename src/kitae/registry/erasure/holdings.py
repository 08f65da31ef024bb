"""Where a workspace holds records: files of artifacts, and of the papers of artifacts that were erased before."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kitae.core.artifacts import MANIFEST, Artifact, Source
from kitae.core.files import read_json, read_jsonl
from kitae.core.papers import Papers, all_papers
from kitae.core.records import Origin, Record, read_records
from kitae.core.workspace import Workspace
from kitae.data.custody.admission import is_gone
from kitae.data.custody.erased import Erased, Handle, file_digests, handles, row_handles
from kitae.data.finding import LISTING
from kitae.data.privacy.redaction import masked

QUARANTINE = "quarantine.jsonl"
ROW_KEYS = {"id", "messages", "origin"}
ID_PREFIX = re.compile(r"[0-9a-f]{4,64}$")


@dataclass(frozen=True)
class Holding:
    """An artifact, or the papers of one, that holds records. `files` maps names of raw files to their digests."""

    kind: str
    digest: str
    folder: Path
    parents: Mapping[str, str]
    source: str
    """Digest of the source of a dataset, else ""."""
    files: Mapping[str, str] = field(default_factory=dict)
    rights_holders: Mapping[str, str] = field(default_factory=dict)
    """Name of each raw file to the rights holder that its source states for all of its rows."""
    papers: Papers | None = None

    def record_files(self) -> list[Path]:
        """Its files of records."""
        return [path for path in sorted(self.folder.glob("*.jsonl")) if self.papers or holds_records(path)]

    def records(self, path: Path) -> Iterator[Record]:
        """The records of one of its files, without the places of erased ones."""
        return (record for record in read_records(path) if not is_gone(record))

    def rows(self) -> Iterator["QuotedRow"]:
        """Rows that are no records, as quarantine quotes them."""
        path = self.folder / QUARANTINE
        for row in read_jsonl(path) if path.exists() and self.papers is None else ():
            if row["excerpt"]:
                yield QuotedRow(Origin(row["file"], row["row"], row["sheet"]), row["excerpt"], row["reason"])


@dataclass(frozen=True)
class QuotedRow:
    """A row of quarantine."""

    origin: Origin
    excerpt: str
    reason: str

    def handles(self, holding: Holding) -> Iterator[Handle]:
        """The ways to know it again."""
        holder = holding.rights_holders.get(self.origin.file)
        return row_handles(self.origin, masked(self.excerpt), holder, holding.files)


@dataclass(frozen=True)
class Match:
    """A record, or a row of quarantine, that was erased and still stands in a holding."""

    holding: Holding
    name: str
    """The file in which it stands."""
    what: Record | QuotedRow
    why: Handle
    """By which kind of handle it was known, and for which erasure."""

    @property
    def handles(self) -> Iterator[Handle]:
        """The ways to know it again elsewhere."""
        return own_handles(self.what, self.holding)


def own_handles(what: Record | QuotedRow, holding: Holding) -> Iterator[Handle]:
    """The ways to know one record or row again, and nothing else: its rights holder has others, its parent is one."""
    every = handles(what, holding.files) if isinstance(what, Record) else what.handles(holding)
    return (handle for handle in every if handle[0] not in {"rights_holder", "parent"})


def finished(out: Workspace) -> list[Artifact]:
    """Every finished artifact; damaged ones are passed over without a word, an erasure takes them anyway."""
    return list(out.artifacts(lambda _: None))


def holdings(out: Workspace) -> list[Holding]:
    """Everything in a workspace that holds records."""
    artifacts = finished(out)
    sources = {artifact.digest: artifact for artifact in artifacts if isinstance(artifact, Source)}
    made_from = {artifact.digest: dict(artifact.parents) for artifact in artifacts}
    papers = list(all_papers(out.home))
    made_from |= {one.digest: one.parents for one in papers}
    found: list[Artifact | Papers] = [
        one for one in artifacts if any(holds_records(path) for path in one.folder.glob("*.jsonl"))
    ]
    return [_holding(one, made_from, sources) for one in (*found, *papers)]


def matches(held: Iterable[Holding], erased: Erased) -> Iterator[Match]:
    """Everything in the holdings that was erased."""
    for holding in held:
        asked = Erased(erased.key, erased.marks, erased.erasures, files=holding.files)
        for path in holding.record_files():
            for record in holding.records(path):
                why = asked.why(record)
                if why is not None:
                    yield Match(holding, path.name, record, why)
        for row in holding.rows():
            why = asked.first(row.handles(holding))
            if why is not None:
                yield Match(holding, QUARANTINE, row, why)


def named(held: Iterable[Holding], wanted: str) -> Iterator[tuple[Record | QuotedRow, Iterator[Handle]]]:
    """Every record whose id begins so or that stands in a place such as `faq.csv:17`, and rows of quarantine there.

    With each come the ways to know it again.
    """
    is_id = bool(ID_PREFIX.match(wanted))
    for holding in held:
        for path in holding.record_files():
            for record in holding.records(path):
                if (is_id and record.id.startswith(wanted)) or str(record.origin) == wanted:
                    yield record, own_handles(record, holding)
        for row in () if is_id else holding.rows():
            if str(row.origin) == wanted:
                yield row, own_handles(row, holding)


def holds_records(path: Path) -> bool:
    """Whether a file is one of records: its first row says so; one without rows may be called so."""
    with path.open(encoding="utf-8") as file:
        first = file.readline()
    try:
        row = json.loads(first) if first.strip() else None
    except ValueError:
        return False
    return isinstance(row, dict) and row.keys() >= ROW_KEYS


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of a finished artifact."""
    manifest: dict[str, Any] = read_json(folder / MANIFEST)
    return manifest


def _holding(
    what: Artifact | Papers, made_from: Mapping[str, Mapping[str, str]], sources: Mapping[str, Source]
) -> Holding:
    parents = dict(what.parents)
    source = sources.get(_source_of(parents, made_from))
    return Holding(
        kind=what.kind,
        digest=what.digest,
        folder=what.folder,
        parents=parents,
        source=parents.get("source", ""),
        files={} if source is None else file_digests(source),
        rights_holders={} if source is None else _rights_holders(source),
        papers=what if isinstance(what, Papers) else None,
    )


def _source_of(parents: Mapping[str, str], made_from: Mapping[str, Mapping[str, str]]) -> str:
    """The source at the beginning of a dataset, a split, or a split of a split; "" when something between is gone."""
    while parents and "source" not in parents:
        parents = made_from.get(parents.get("split") or parents.get("dataset") or "", {})
    return parents.get("source", "")


def _rights_holders(source: Source) -> dict[str, str]:
    return {
        file["name"]: entry["settings"].get("rights_holder") or ""
        for entry in source.json(LISTING)["sources"]
        for file in entry["files"]
    }
