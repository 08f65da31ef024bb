"""The tables of the registry. Times are ISO 8601 text in UTC: the same in every database, and part of audit hashes."""

from typing import Any

from sqlalchemy import JSON, String, Text, UniqueConstraint
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
