"""Whether the erasures are what the audit trail says of them: a tombstone taken away would let things return."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from kitae.core.settings import digest_of
from kitae.registry.tables import AuditRow, ErasureRow, TombstoneRow

REQUESTED, CARRIED_OUT, LOOKED = "erasure.requested", "erasure.carried_out", "erasure.looked"


@dataclass(frozen=True)
class Request:
    """A request as it stands in the store and in receipts."""

    erasure: str
    asked: dict[str, str]
    reason: str
    key: str
    requested_at: str
    requested_by: str

    @staticmethod
    def of(row: ErasureRow) -> "Request":
        """A request out of the store."""
        return Request(row.id, row.asked, row.reason, row.key, row.requested_at, row.requested_by)

    def row(self) -> ErasureRow:
        """A new row of the request."""
        values = self.as_dict()
        return ErasureRow(id=values.pop("erasure"), **values)

    def as_dict(self) -> dict[str, Any]:
        """The request as JSON-ready values."""
        return asdict(self)

    @property
    def digest(self) -> str:
        """What the audit trail holds of it."""
        return digest_of(self.as_dict())


def unexplained_erasures(
    trail: Iterable[AuditRow], erasures: Iterable[ErasureRow], tombstones: Iterable[TombstoneRow]
) -> Iterator[str]:
    """What is wrong with the erasures, each in a sentence."""
    said = {row.subject: row.values for row in trail if row.action == REQUESTED}
    marks: dict[str, list[str]] = defaultdict(list)
    for tombstone in tombstones:
        marks[tombstone.erasure].append(tombstone.mark)
    there = set()
    for erasure in erasures:
        there.add(erasure.id)
        entry = said.get(erasure.id)
        if entry is None:
            yield f"erasure {erasure.id} has no row in the trail"
        elif entry["request"] != Request.of(erasure).digest:
            yield f"erasure {erasure.id} is not what the trail says"
        elif entry["tombstones"] != digest_of(sorted(marks[erasure.id])):
            yield f"the tombstones of erasure {erasure.id} are not those that the trail says"
    yield from (f"erasure {name} is in the trail but not in the registry" for name in sorted(set(said) - there))
