"""Checkpoints: one file that holds everything a resumed training needs to go on bit for bit.

Tensors (adapter, both moments of AdamW, the best adapter so far, the state of the random numbers) and plain values
stand in one safetensors file, written aside, flushed and renamed: there is either the old checkpoint or the new one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from kitae.core.files import json_text, write_bytes

NAME = "checkpoint.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name, and plain values."""

    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any]


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """Put the checkpoint in place of the one before. Raises `DiskFull`; the one before then stays."""
    metadata = {"values": json_text(checkpoint.values)}
    write_bytes(folder / NAME, save(dict(checkpoint.tensors), metadata=metadata))


def read(folder: Path) -> Checkpoint | None:
    """The checkpoint of a folder, or None when there is none, or none that can be read."""
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            values = json.loads(file.metadata()["values"])
            return Checkpoint({name: file.get_tensor(name) for name in file.keys()}, values)  # noqa: SIM118
    except (SafetensorError, ValueError, KeyError, TypeError):
        return None


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, on the CPU (copied only from elsewhere), with a prefix to their names."""
    return {f"{prefix}/{name}": tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def within(prefix: str, checkpoint: Checkpoint) -> dict[str, Tensor]:
    """The tensors that `under` gave this prefix."""
    start = f"{prefix}/"
    return {name.removeprefix(start): t for name, t in checkpoint.tensors.items() if name.startswith(start)}
