"""Registry: a verdict passes the gates or is refused, and either way becomes a numbered version with its lineage."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kitae.registry.cards import VersionCard, enforce

if TYPE_CHECKING:
    from kitae.core.artifacts import Adapter, Verdict, Version
    from kitae.core.recipe import Recipe
    from kitae.core.workspace import Workspace
    from kitae.data.custody.erased import Erased
    from kitae.registry.audit import AuditReport
    from kitae.registry.erasure.checking import ErasureReport
    from kitae.registry.erasure.receipts import Receipt

__all__ = [
    "VersionCard",
    "enforce",
    "erase",
    "erased",
    "list_versions",
    "show_version",
    "submit",
    "trace_record",
    "trace_version",
    "verify_audit",
    "verify_erasures",
    "version_terms",
]


def submit(
    adapter: "Adapter", verdict: "Verdict", *, recipe: "Recipe", lineage: Mapping[str, str], out: "Workspace"
) -> "Version":
    """Judge a verdict by the recipe's gates and register the adapter as the next version of the recipe's name.

    A refused version is registered too, as refused; `enforce` raises for it. The same adapter with the same verdict,
    split and gates is the same version, however often it is submitted. `lineage` maps what it was made from to
    digests; `split` must be among them.
    """
    from kitae.registry import versions

    return versions.submit(adapter, verdict, recipe=recipe, lineage=lineage, out=out)


def list_versions(out: "Workspace") -> list[VersionCard]:
    """Every version of a workspace, the newest first."""
    from kitae.registry import versions

    return versions.list_versions(out)


def show_version(out: "Workspace", wanted: str) -> VersionCard:
    """The version `name:number`, the newest of `name` that was not refused, or the one whose digest begins so.

    Raises `UnknownName` with the known ones, or `InputError` when the name fits none or several.
    """
    from kitae.registry import versions

    return versions.show_version(out, wanted)


def verify_audit(out: "Workspace") -> "AuditReport":
    """Check the audit trail: every row against its hash and the row before, every version against its rows."""
    from kitae.registry import audit

    return audit.verify_audit(out)


def erased(out: "Workspace") -> "Erased":
    """What was erased and may not return. An erasure that was not carried out here to its end is carried out first.

    Raises `InputError` without the key of the erasures, `DamagedArtifact` when the store has forgotten some.
    """
    from kitae.registry.erasure import requests

    return requests.erased(out)


def erase(
    out: "Workspace", *, rights_holder: str = "", record: str = "", reason: str = "", dry_run: bool = False
) -> "Receipt":
    """Erase everything of a rights holder, or one record and what was made from it; the workspace must be locked.

    `record` is an id, its beginning, or a place such as `faq.csv:17`. What was erased before gives its receipt again.
    With `dry_run` nothing is changed, and the receipt says what would be. Raises `UnknownName` when there is nothing to
    erase, `InputError`.
    """
    from kitae.registry.erasure import requests

    asked = {"rights_holder": rights_holder} if rights_holder else {"record": record}
    return requests.erase(out, asked, reason=reason, dry_run=dry_run)


def verify_erasures(out: "Workspace") -> "ErasureReport":
    """The erasures carried out in a workspace, and whether receipts, papers and artifacts are as they left them."""
    from kitae.registry.erasure import checking

    return checking.verify_erasures(out)


def trace_record(out: "Workspace", wanted: str, *, text: str = "") -> dict[str, Any]:
    """The lives of the records that an id, its beginning, a place or a text names, as JSON-ready values.

    Writes an audit row. Raises `InputError` when there are none.
    """
    from kitae.registry import tracing

    return tracing.trace_record(out, wanted, text=text)


def trace_version(out: "Workspace", wanted: str) -> dict[str, Any]:
    """Where all that taught a version came from and on what terms, with counts, as JSON-ready values.

    Writes an audit row. Raises `UnknownName`, or `InputError` when its split is not here any more.
    """
    from kitae.registry import tracing

    return tracing.trace_version(out, wanted)


def version_terms(out: "Workspace", card: VersionCard) -> dict[str, Any]:
    """On what terms a version stands: its base's licence, and counts by source, licence, consent and rights holder.

    `taught` and `measured` hold counts by side, and are None when the split is not here any more. Counts only, no
    record: nothing is written.
    """
    from kitae.registry import tracing

    return tracing.version_terms(out, card)
