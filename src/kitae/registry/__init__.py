"""Registry: a verdict passes the gates or is refused, and either way becomes a numbered version with its lineage."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kitae.registry.cards import VersionCard, enforce

if TYPE_CHECKING:
    from kitae.core.artifacts import Adapter, Verdict, Version
    from kitae.core.recipe import Recipe
    from kitae.core.workspace import Workspace
    from kitae.registry.audit import AuditReport

__all__ = ["VersionCard", "enforce", "list_versions", "show_version", "submit", "verify_audit"]


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
