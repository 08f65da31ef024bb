"""From the name of a base (catalogue name, local folder, hub id) to a folder on this machine. No torch here."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from kitae.core.files import disk_errors, read_json
from kitae.errors import BaseError, UnknownName

HERE = Path(__file__).parent
HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+(@[\w./-]+)?$")
WEIGHTS = "*.safetensors"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model", "vocab.txt", "tekken.json")
"""Any of these makes a tokenizer; which one depends on its kind."""
WANTED = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template*",
    "vocab.*",
    "merges.txt",
    "spiece.model",
    "tekken.json",
    "README.md",
)
"""What is fetched from the hub: no code and no pickled weights."""
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")


@dataclass(frozen=True)
class FoundBase:
    """A base on this machine: the name it was asked for by, its folder, its licence ("" when none is stated)."""

    name: str
    path: Path
    licence: str


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """The bases that have a short name: where they are, their licence and a summary."""
    return tomllib.loads((HERE / "catalogue.toml").read_text(encoding="utf-8"))


def find_base(base: str, *, folder: Path | None = None) -> FoundBase:
    """The folder of a base, downloaded when it is a hub id that is not here yet, and checked to be usable.

    `base` is a catalogue name, a folder (relative to `folder`, or else to the working folder), or a hub id, which
    may end in `@revision`. Raises `BaseError` with what to do, or `UnknownName`.
    """
    found = find_here(base, folder=folder)
    if found is not None:
        return found
    entry = catalogue().get(base)
    path = _from_hub(base if entry is None else entry["hub"])
    return _checked(FoundBase(base, path, _stated_licence(path) if entry is None else entry["licence"]))


def find_here(base: str, *, folder: Path | None = None) -> FoundBase | None:
    """As `find_base`, but None for a base of the hub: nothing is asked of the network."""
    entry = catalogue().get(base)
    if entry is not None:
        if "folder" not in entry:
            return None
        path = HERE / entry["folder"]
        if not path.is_dir():
            raise BaseError(f"the embedded base {base} is missing from this installation", hint="Reinstall kitae")
        return _checked(FoundBase(base, path, entry["licence"]))
    written = Path(base).expanduser()
    for place in (written,) if written.is_absolute() else ((folder or Path()) / written, written):
        if place.is_dir():
            return _checked(FoundBase(base, place.resolve(), _stated_licence(place)))
    if HUB_ID.match(base) and not base.startswith((".", "/", "~")):
        return None
    if "/" in base or "\\" in base:
        raise BaseError(
            "there is no folder with this base",
            got=base,
            hint="`base` is a catalogue name, a folder (relative to the recipe) or a hub id such as owner/name",
        )
    raise UnknownName("base", got=base, known=catalogue(), hint="A folder or a hub id such as owner/name also works")


def read_config(path: Path) -> dict[str, Any]:
    """The `config.json` of a base. Raises `BaseError` when it is missing or no JSON object."""
    file = path / "config.json"
    if not file.is_file():
        raise BaseError(
            "this folder holds no model: config.json is missing",
            got=str(path),
            hint="Name the folder that `save_pretrained` wrote, or a hub id",
        )
    try:
        config = read_json(file)
    except ValueError as error:
        raise BaseError(f"{file} is not valid JSON", got=str(error), hint="Download the base again") from error
    if not isinstance(config, dict):
        raise BaseError(f"{file} is not a model configuration", got=type(config).__name__)
    return config


def _checked(found: FoundBase) -> FoundBase:
    """The base when it is a causal language model with safetensors weights and a tokenizer, else `BaseError`."""
    config = read_config(found.path)
    _check_causal(config, found)
    if not any(found.path.glob(WEIGHTS)):
        pickled = sorted(path.name for pattern in PICKLED for path in found.path.glob(pattern))
        raise BaseError(
            "the weights of this base are only pickled, and loading a pickle can run any program"
            if pickled
            else "this base has no weights in the safetensors format",
            got=", ".join(pickled) or f"no {WEIGHTS} in {found.name}",
            hint="Take a base with safetensors, or convert it on a machine you trust (`model.save_pretrained(folder)`)",
        )
    missing = missing_shards(found.path)
    if missing:
        raise BaseError("weight files of this base are missing", got=", ".join(missing), hint="Download the base again")
    if not any((found.path / name).is_file() for name in TOKENIZER_FILES):
        raise BaseError(
            "this base has no tokenizer",
            got=f"none of {', '.join(TOKENIZER_FILES)} in {found.name}",
            hint="Put the tokenizer's files beside the weights (`tokenizer.save_pretrained(folder)`)",
        )
    return found


def missing_shards(path: Path) -> list[str]:
    """Weight files that the index of a base names and that are not in its folder."""
    named = {
        shard for index in path.glob("*.safetensors.index.json") for shard in read_json(index)["weight_map"].values()
    }
    return sorted(shard for shard in named if not (path / shard).is_file())


def _check_causal(config: dict[str, Any], found: FoundBase) -> None:
    architectures = config.get("architectures") or []
    name = str(architectures[0]) if architectures else ""
    causal = name.endswith(("ForCausalLM", "LMHeadModel")) and not config.get("is_encoder_decoder")
    if "AutoModelForCausalLM" in (config.get("auto_map") or {}):
        raise BaseError(
            "this base needs Python code of its own to load, and kitae runs no code from a model",
            got=found.name,
            hint="Take a base whose architecture is part of transformers",
        )
    if not causal:
        raise BaseError(
            "this base is not a causal language model (a decoder that writes text from left to right)",
            got=name or f"model_type {config.get('model_type', 'unknown')}, no architectures in config.json",
            hint="Take a base whose config.json says ...ForCausalLM, for example kitae-nano or Qwen/Qwen3-0.6B",
        )


def _from_hub(name: str) -> Path:
    """The snapshot of a hub id: what is in the cache is used without asking the network."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HFValidationError,
        IncompleteSnapshotError,
        LocalEntryNotFoundError,
        RevisionNotFoundError,
    )

    repo, _, revision = name.partition("@")
    try:
        path = Path(
            snapshot_download(repo, revision=revision or None, allow_patterns=list(WANTED), local_files_only=True)
        )
        if any(path.glob(WEIGHTS)) and (path / "config.json").is_file() and not missing_shards(path):
            return path
    except (LocalEntryNotFoundError, RevisionNotFoundError, IncompleteSnapshotError):
        pass
    except HFValidationError as error:
        raise BaseError("this is no hub id", got=name, hint="Hub ids look like Qwen/Qwen3-0.6B") from error
    return _download(repo, revision or None)


def _download(repo: str, revision: str | None) -> Path:
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    elsewhere = (
        f"On a machine with network: `hf download {repo} --local-dir FOLDER`, copy FOLDER here, and write it as `base`"
    )
    try:
        with disk_errors(Path(HF_HUB_CACHE) / repo):
            return Path(snapshot_download(repo, revision=revision, allow_patterns=list(WANTED)))
    except GatedRepoError as error:
        raise BaseError(
            "the owner of this base asks you to accept its terms first",
            got=repo,
            hint=f"Accept them at https://huggingface.co/{repo}, then set HF_TOKEN to a read token of that account",
        ) from error
    except RevisionNotFoundError as error:
        raise BaseError(
            "this base has no such revision", got=f"{repo}@{revision}", hint="See its page's history"
        ) from error
    except RepositoryNotFoundError as error:
        raise BaseError(
            "the hub has no such base, or it is private",
            got=repo,
            hint="Check the spelling; for a private one set HF_TOKEN to a token that may read it",
        ) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, httpx.TransportError) as error:
        raise BaseError(
            "this base is not on this machine and the hub cannot be reached", got=repo, hint=elsewhere
        ) from error
    except HfHubHTTPError as error:
        raise BaseError(
            "the hub refused the download", got=f"{repo}: {error}", hint=f"Try later. {elsewhere}"
        ) from error


def _stated_licence(path: Path) -> str:
    """The licence in the front matter of the model card, or "" when it states none."""
    card = path / "README.md"
    if not card.is_file():
        return ""
    match = re.match(r"---\n(.*?)\n---", card.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
    stated = re.search(r"^license:\s*[\"']?([\w.+-]+)", match.group(1), re.MULTILINE) if match else None
    return stated.group(1) if stated else ""
