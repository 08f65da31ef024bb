"""Merged safetensors: the base with the adapter inside its weights, for everything that loads a transformers folder."""

from pathlib import Path
from typing import Any

from kitae.core.files import disk_errors
from kitae.errors import DiskFull
from kitae.models.export.parity import Plain
from kitae.models.loading import Loaded, quiet_transformers

NO_ROOM = ("os error 28", "os error 122", "os error 27")
"""How the safetensors library says that the disk is full, the quota used up, the file too large."""


def write(loaded: Loaded, folder: Path, **_: Any) -> None:
    """Write configuration, weights, tokenizer and chat template. Raises `DiskFull`."""
    from safetensors import SafetensorError

    try:
        with disk_errors(folder / "model.safetensors"), quiet_transformers():
            loaded.model.save_pretrained(folder)
            loaded.tokenizer.save_pretrained(folder)
    except SafetensorError as error:
        if not any(said in str(error) for said in NO_ROOM):
            raise
        raise DiskFull(
            "no room left on the disk while writing the weights",
            got=str(folder.parent),
            hint="Free some space, or name a folder on another disk with --to",
        ) from error


def open_runtime(folder: Path, **_: Any) -> Plain:
    """The export as anyone opens it: by `AutoModelForCausalLM` and `AutoTokenizer`, with nothing of kitae."""
    import torch
    import transformers

    with quiet_transformers():
        model = transformers.AutoModelForCausalLM.from_pretrained(str(folder), dtype="auto", local_files_only=True)
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Plain(model.to(device).eval(), tokenizer, f"transformers {transformers.__version__}")
