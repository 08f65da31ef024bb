"""The tables of the registry. Times are ISO 8601 text in UTC: the same in every database, and part of audit hashes."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kitae.core.store import Base


class VersionRow(Base):
    """A registered version: the number and status, which change over time, beside the card, which does not."""

    __tablename__ = "versions"
    __table_args__ = (UniqueConstraint("name", "number"), UniqueConstraint("name", "digest"))

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    number: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    base: Mapped[str] = mapped_column(Text)
    adapter: Mapped[str] = mapped_column(String(64))
    verdict: Mapped[str] = mapped_column(String(64))
    lineage: Mapped[dict[str, str]] = mapped_column(JSON)
    card: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[str] = mapped_column(String(32))


class AuditRow(Base):
    """One change, chained to the one before by its hash. `previous` is unique, so a chain cannot fork."""

    __tablename__ = "audit"
    __table_args__ = (UniqueConstraint("previous"),)

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    time: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(Text)
    values: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class ErasureRow(Base):
    """A request to erase. `asked` names a rights holder, or a record by its mark; `key` names the key of the marks."""

    __tablename__ = "erasures"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    asked: Mapped[dict[str, str]] = mapped_column(JSON)
    reason: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(String(16))
    requested_at: Mapped[str] = mapped_column(String(32))
    requested_by: Mapped[str] = mapped_column(Text)


class TombstoneRow(Base):
    """A mark (keyed digest) of something that was erased and may not return."""

    __tablename__ = "tombstones"

    mark: Mapped[str] = mapped_column(String(32), primary_key=True)
    erasure: Mapped[str] = mapped_column(ForeignKey("erasures.id"))


class SawErasedRow(Base):
    """An adapter that learnt from erased records, or a verdict that was measured on some, and on how many."""

    __tablename__ = "saw_erased"

    artifact: Mapped[str] = mapped_column(String(64), primary_key=True)
    erasure: Mapped[str] = mapped_column(ForeignKey("erasures.id"), primary_key=True)
    records: Mapped[int]


class ErasedArtifactRow(Base):
    """An artifact that went because of an erasure. `source` is the digest of the source of a dataset, else ""."""

    __tablename__ = "erased_artifacts"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    erasure: Mapped[str] = mapped_column(ForeignKey("erasures.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    source: Mapped[str] = mapped_column(String(64))
