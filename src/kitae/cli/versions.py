"""From a version's name to an engine that answers."""

from pathlib import Path
from typing import Any

from kitae import registry, serve
from kitae.core.workspace import Workspace


def open_engine(version: str, home: Path | None) -> tuple[Any, list[str]]:
    """The engine of a registered version, and the names it answers to."""
    card = registry.show_version(Workspace.open(home), version)
    served = serve.Served(name=card.reference, base=card.base, adapter_folder=card.adapter_folder)
    return serve.open_engine(served), [card.reference, card.name]
