"""From a version's name to an engine that answers."""

import sys
from pathlib import Path
from typing import Any

from kitae import registry, serve
from kitae.cli.options import open_workspace


def open_engine(version: str, home: Path | None) -> tuple[Any, list[str]]:
    """The engine of a registered version, and the names it answers to. Raises `DamagedArtifact`."""
    out = open_workspace(home)
    card = registry.show_version(out, version)
    for warning in card.warnings:
        print(f"kitae: {card.reference} {warning}", file=sys.stderr)
    adapter = out.find(card.lineage["adapter"])  # what answers is what was judged: compared file by file
    served = serve.Served(card.reference, card.base, adapter.file("adapter"), base_digest=card.lineage.get("base"))
    return serve.open_engine(served), [card.reference, card.name]
