"""The PEFT adapter as it was trained, with tokenizer and chat template; the base is named, not contained."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kitae.core.files import disk_errors, read_json, write_bytes, write_json
from kitae.models.adapters import CONFIG, WEIGHTS, load_adapter
from kitae.models.export.parity import Plain
from kitae.models.facts import BaseFacts
from kitae.models.loading import Loaded, load, load_tokenizer, quiet_transformers

if TYPE_CHECKING:
    from kitae.models.export import Source


def write(loaded: Loaded, folder: Path, *, source: "Source", **_: Any) -> None:
    """Copy the adapter and write the tokenizer beside it. Raises `DiskFull`.

    A base in a folder of this machine is named by that folder's last part: the whole path means nothing elsewhere.
    """
    config = read_json(source.adapter_folder / CONFIG)
    named = Path(source.base)
    config["base_model_name_or_path"] = named.name if named.is_absolute() else source.base
    write_bytes(folder / WEIGHTS, (source.adapter_folder / WEIGHTS).read_bytes())
    write_json(folder / CONFIG, config)
    with disk_errors(folder / "tokenizer.json"), quiet_transformers():
        loaded.tokenizer.save_pretrained(folder)


def open_runtime(folder: Path, *, source: "Source", facts: BaseFacts) -> Plain:
    """The adapter on its base by `peft.PeftModel`, not merged."""
    import peft
    import torch

    base = load(source.base, precision="bf16" if torch.cuda.is_available() else "fp32", digest=facts.digest)
    adapted = load_adapter(base, folder)
    return Plain(adapted.model, load_tokenizer_of(folder, source), f"peft {peft.__version__}")


def load_tokenizer_of(folder: Path, source: "Source") -> Any:
    """The tokenizer written beside the adapter; it is what a user of the export loads."""
    from transformers import AutoTokenizer

    with quiet_transformers():
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    return tokenizer if tokenizer.chat_template else load_tokenizer(source.base)
