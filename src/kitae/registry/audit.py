"""The audit trail: one row a change, written in the same transaction, each row hashed together with the one before.

A changed, removed or inserted row breaks the chain. Rows cut off at the end leave versions without their entry, which
is found as well; to notice that everything was replaced at once, keep the head hash somewhere else.
"""

import getpass
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from kitae.core.settings import digest_of
from kitae.core.store import has_store, open_store
from kitae.core.workspace import Workspace
from kitae.registry.erasure.trail import unexplained_erasures
from kitae.registry.tables import AuditRow, ErasureRow, TombstoneRow, VersionRow

FIRST = "0" * 64
"""What the first row has in place of a previous hash."""


@dataclass(frozen=True)
class AuditReport:
    """Number of rows, hash of the last one, and what is wrong (empty when the trail is sound)."""

    rows: int
    head: str
    problems: tuple[str, ...]


def now() -> str:
    """The moment as the store keeps it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def actor() -> str:
    """Who does this: `KITAE_ACTOR` (a person behind a service), else the account."""
    named = os.environ.get("KITAE_ACTOR")
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return f"uid {os.getuid()}"


def append(session: Session, action: str, subject: str, values: Mapping[str, Any]) -> AuditRow:
    """Add a row to the trail inside the caller's transaction; `values` are JSON-ready."""
    last = session.scalars(select(AuditRow).order_by(AuditRow.seq.desc()).limit(1)).first()
    row = AuditRow(
        seq=1 if last is None else last.seq + 1,
        time=now(),
        actor=actor(),
        action=action,
        subject=subject,
        values=dict(values),
        previous=FIRST if last is None else last.hash,
    )
    row.hash = hash_of(row)
    session.add(row)
    return row


def hash_of(row: AuditRow) -> str:
    """SHA-256 over everything the row says, and the hash of the row before."""
    return digest_of([row.seq, row.time, row.actor, row.action, row.subject, row.values, row.previous])


def verify_audit(out: Workspace) -> AuditReport:
    """Check every row against its hash and the one before, and every version against what the trail says of it."""
    if not has_store(out):
        return AuditReport(0, FIRST, ())
    with open_store(out) as store, store.read() as session:
        rows = list(session.scalars(select(AuditRow).order_by(AuditRow.seq)))
        versions = list(session.scalars(select(VersionRow).order_by(VersionRow.id)))
        erasures = list(session.scalars(select(ErasureRow).order_by(ErasureRow.id)))
        tombstones = list(session.scalars(select(TombstoneRow)))
        problems = (
            *_broken_links(rows), *_unexplained(rows, versions), *unexplained_erasures(rows, erasures, tombstones)
        )  # fmt: skip
        return AuditReport(len(rows), rows[-1].hash if rows else FIRST, problems)


def _broken_links(rows: Iterable[AuditRow]) -> Iterable[str]:
    previous = FIRST
    for place, row in enumerate(rows, start=1):
        if row.seq != place:
            yield f"row {place} is missing; the next one has number {row.seq}"
            return
        if row.previous != previous:
            yield f"row {row.seq} ({row.action} {row.subject}) does not follow the row before it"
        if row.hash != hash_of(row):
            yield f"row {row.seq} ({row.action} {row.subject}) was changed after it was written"
        previous = row.hash


def _unexplained(rows: Iterable[AuditRow], versions: Iterable[VersionRow]) -> Iterable[str]:
    said: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        if row.action.startswith("version."):
            said[row.subject] = {**said.get(row.subject, {}), **row.values}
    seen = set()
    for version in versions:
        reference = f"{version.name}:{version.number}"
        seen.add(reference)
        entry = said.get(reference)
        if entry is None:
            yield f"version {reference} has no row in the trail"
        elif any(entry.get(key) != getattr(version, key) for key in ("digest", "status", "adapter", "verdict")):
            yield f"version {reference} is not what the trail says"
    yield from (
        f"version {reference} is in the trail but not in the registry" for reference in sorted(set(said) - seen)
    )
