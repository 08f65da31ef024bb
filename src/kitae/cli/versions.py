"""From a version's name to an engine that answers."""

from pathlib import Path
from typing import Any

from kitae import registry, serve
from kitae.core.workspace import Workspace


def open_engine(version: str, home: Path | None) -> tuple[Any, list[str]]:
    """The engine of a registered version, and the names it answers to. Raises `DamagedArtifact`."""
    out = Workspace.open(home)
    card = registry.show_version(out, version)
    served = serve.Served(card.reference, card.base, card.adapter_folder, base_digest=card.lineage.get("base"))
    out.find(card.lineage["adapter"])  # what answers is what was judged: its files are compared with their digests
    return serve.open_engine(served), [card.reference, card.name]
