"""Checkpoints: files that hold everything a resumed training needs to go on bit for bit.

Tensors (adapter, both moments of AdamW, the best adapter so far, the state of the random numbers) and plain values
stand in one safetensors file, written aside, flushed and renamed. The newest `KEPT` stay, and a manifest names their
SHA-256: where the newest is damaged, the one before it takes its place.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from kitae.core.files import json_text, read_json, write_bytes, write_json

MANIFEST = "checkpoints.json"
PATTERN = "checkpoint-*.safetensors"
KEPT = 2
"""Checkpoints that stay: the newest, and one to fall back to."""
HEADER = 8
"""A safetensors file begins with the length of its header in so many bytes, little-endian."""


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name, and plain values, among them the `step` it was written after."""

    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any]


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """Add the checkpoint and drop the oldest. Raises `DiskFull`; those before then stay.

    The manifest is written after the file that it names and before older ones go: killed between any two of these,
    it still names a whole checkpoint.
    """
    data = save(dict(checkpoint.tensors), metadata={"values": json_text(checkpoint.values)})
    name = f"checkpoint-{checkpoint.values['step']:09d}.safetensors"
    write_bytes(folder / name, data)
    # What is named later than this step was found damaged by the resume that led here.
    before = {other: digest for other, digest in _manifest(folder).items() if other < name}
    named = {**before, name: sha256(data).hexdigest()}
    kept = {kept: named[kept] for kept in sorted(named)[-KEPT:]}
    write_json(folder / MANIFEST, kept)
    for path in folder.glob(PATTERN):
        if path.name not in kept:
            path.unlink()


def read(folder: Path, on_damaged: Callable[[str], object] = lambda _sentence: None) -> Checkpoint | None:
    """The newest whole checkpoint of a folder, or None when there is none. `on_damaged` is told of each passed over."""
    for name, digest in sorted(_manifest(folder).items(), reverse=True):
        found = _opened(folder / name, digest)
        if found is not None:
            return found
        on_damaged(f"{name} is damaged or missing and is passed over; an earlier checkpoint takes its place")
    return None


def _manifest(folder: Path) -> dict[str, str]:
    """SHA-256 by name; nothing where the manifest is missing or damaged."""
    try:
        named = read_json(folder / MANIFEST)
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): str(digest) for name, digest in named.items()} if isinstance(named, dict) else {}


def _opened(path: Path, digest: str) -> Checkpoint | None:
    """The checkpoint in a file, or None when its bytes are not those that were written."""
    try:
        data = path.read_bytes()
        if sha256(data).hexdigest() != digest:
            return None
        size = int.from_bytes(data[:HEADER], "little")
        values = json.loads(json.loads(data[HEADER : HEADER + size])["__metadata__"]["values"])
        return Checkpoint(load(data), values)
    except (FileNotFoundError, SafetensorError, ValueError, KeyError, TypeError):
        return None


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, on the CPU (copied only from elsewhere), with a prefix to their names."""
    return {f"{prefix}/{name}": tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def within(prefix: str, checkpoint: Checkpoint) -> dict[str, Tensor]:
    """The tensors that `under` gave this prefix."""
    start = f"{prefix}/"
    return {name.removeprefix(start): t for name, t in checkpoint.tensors.items() if name.startswith(start)}
