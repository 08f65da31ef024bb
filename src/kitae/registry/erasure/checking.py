"""Whether the erasures of a workspace are what was left behind by them: receipts, papers, nothing that is back."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from kitae.core.papers import all_papers
from kitae.core.store import has_store, open_store
from kitae.core.workspace import Workspace
from kitae.registry.erasure.holdings import finished
from kitae.registry.erasure.receipts import Receipt, receipt_digest, receipts
from kitae.registry.erasure.trail import CARRIED_OUT
from kitae.registry.tables import AuditRow, ErasedArtifactRow, ErasureRow


@dataclass(frozen=True)
class ErasureReport:
    """The erasures carried out here, a sentence each, and what is wrong with them (empty when they are sound)."""

    lines: tuple[str, ...]
    problems: tuple[str, ...]


def verify_erasures(out: Workspace) -> ErasureReport:
    """See `kitae.registry.verify_erasures`."""
    here = list(receipts(out))
    if not has_store(out):
        return ErasureReport((), tuple(_forgotten(here, set())))
    with open_store(out) as store, store.read() as session:
        known = set(session.scalars(select(ErasureRow.id)))
        rows = session.scalars(select(AuditRow).where(AuditRow.action == CARRIED_OUT))
        done = {(row.subject, row.values["receipt"]) for row in rows}
        went = {row.digest: row.erasure for row in session.scalars(select(ErasedArtifactRow))}
    problems = [
        *_forgotten(here, known),
        *(f"the receipt of erasure {receipt.erasure} was changed"
          for receipt in here if (receipt.erasure, receipt_digest(receipt)) not in done),
        *(f"erasure {name} was not carried out here to its end; the next run goes on with it"
          for name in sorted(known - {receipt.erasure for receipt in here})),
        *(f"the {artifact.kind} {artifact.short} is back although it was erased (erasure {went[artifact.digest]})"
          for artifact in finished(out) if artifact.digest in went),
        *_changed_papers(out, here),
    ]  # fmt: skip
    return ErasureReport(tuple(_line(receipt) for receipt in here), tuple(problems))


def _forgotten(here: list[Receipt], known: set[str]) -> Iterator[str]:
    for receipt in here:
        if receipt.erasure not in known:
            yield f"the store does not know erasure {receipt.erasure}, which was carried out here"


def _changed_papers(out: Workspace, here: list[Receipt]) -> Iterator[str]:
    """Papers are as the last receipt that speaks of them says."""
    said: dict[str, str | None] = {}
    for receipt in sorted(here, key=lambda receipt: str(receipt.values["carried_out_at"])):
        said |= {entry["digest"]: entry["papers"] for entry in receipt.values["artifacts"]}
    found = {papers.digest: papers.state() for papers in all_papers(out.home)}
    for digest, state in said.items():
        if found.get(digest) != state:
            yield f"the papers of the erased artifact {digest[:12]} are gone or were changed"


def _line(receipt: Receipt) -> str:
    kinds = ", ".join(f"{entry['kind']} {entry['digest'][:12]}" for entry in receipt.values["artifacts"]) or "nothing"
    day = str(receipt.values["carried_out_at"])[:10]
    return f"erased on {day} (receipt {receipt.erasure}): {kinds}"
