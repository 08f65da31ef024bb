"""What is known of a base before it is loaded: read from its configuration and the headers of its weights. No torch."""

import json
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from kitae.core.files import file_digest
from kitae.core.settings import digest_of
from kitae.errors import BaseError
from kitae.models.base import TOKENIZER_FILES, WEIGHTS, find_base, read_config

DIGESTED = (
    WEIGHTS,
    "*.safetensors.index.json",
    "config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template*",
    "merges.txt",
    *TOKENIZER_FILES,
)
"""Files that decide what the model computes."""
KEYS: dict[str, tuple[str, ...]] = {
    "layers": ("num_hidden_layers", "n_layer", "num_layers"),
    "width": ("hidden_size", "n_embd", "d_model"),
    "heads": ("num_attention_heads", "n_head", "num_heads"),
    "vocabulary": ("vocab_size",),
    "max_positions": ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"),
}
"""The names that families give to the same figure."""
UNLIMITED_POSITIONS = 1 << 20
EMBEDDING = re.compile(r"(^|\.)(embed_tokens|wte|word_embeddings|embed_in|tok_embeddings|embeddings?)\.weight$")
HEAD = re.compile(r"(^|\.)(lm_head|embed_out)\.weight$")
LINEAR = re.compile(r"\.\d+\.(?:.*\.)?(?P<name>[^.]+)\.weight$")
"""A weight inside a numbered layer; the group is the module's own name."""
EXPERTS = ".experts."
"""The part of a name that says that a weight belongs to an expert of a mixture."""
MAX_HEADER_BYTES = 100 << 20


@dataclass(frozen=True)
class BaseFacts:
    """A base in figures.

    `digest` is over the files that decide what it computes; `parameters` counts tied weights once; `linear_names` are
    the last parts of the names of its linear layers, the head left out.
    """

    name: str
    path: Path
    digest: str
    architecture: str
    parameters: int
    embedding_parameters: int
    layers: int
    width: int
    heads: int
    vocabulary: int
    max_positions: int
    tied: bool
    dtype: str
    licence: str
    linear_names: tuple[str, ...]


def facts(base: str, *, folder: Path | None = None) -> BaseFacts:
    """The facts of a base (see `find_base` for names). Raises `BaseError` or `UnknownName`."""
    found = find_base(base, folder=folder)
    config = read_config(found.path)
    shapes = _shapes(found.path)
    heads = [name for name in shapes if HEAD.search(name)]
    tied = not heads or bool(config.get("tie_word_embeddings"))
    counted = {name: shape for name, (shape, _) in shapes.items() if not (tied and name in heads)}
    return BaseFacts(
        name=found.name,
        path=found.path,
        digest=_digest(found.path),
        architecture=config["architectures"][0],
        parameters=sum(map(prod, counted.values())),
        embedding_parameters=sum(prod(shape) for name, shape in counted.items() if EMBEDDING.search(name)),
        tied=tied,
        dtype=max((dtype for _, dtype in shapes.values()), default="", key=_bytes_of(shapes).get),  # type: ignore[arg-type]
        licence=found.licence,
        linear_names=tuple(sorted(set(_linear_names(counted)))),
        **{key: _figure(config, key) for key in KEYS},
    )


def _figure(config: Mapping[str, Any], key: str) -> int:
    value = next((config[name] for name in KEYS[key] if isinstance(config.get(name), int)), None)
    if value is None and key == "max_positions":
        return UNLIMITED_POSITIONS
    if value is None:
        raise BaseError(
            f"config.json does not say the {key} of this base", known=KEYS[key], hint="Write the missing key into it"
        )
    return int(value)


def _shapes(path: Path) -> dict[str, tuple[list[int], str]]:
    """Shape and number format of every tensor, from the headers of the safetensors files."""
    shapes: dict[str, tuple[list[int], str]] = {}
    for file in sorted(path.glob(WEIGHTS)):
        shapes |= {name: (value["shape"], value["dtype"].lower()) for name, value in _header(file).items()}
    return shapes


def _header(file: Path) -> dict[str, Any]:
    """The header of a safetensors file: 8 bytes of length (little endian), then JSON."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > min(size - 8, MAX_HEADER_BYTES):
            raise BaseError(
                "a weight file is cut off or is not safetensors", got=str(file), hint="Download the base again"
            )
        text = stream.read(length)
    try:
        header = json.loads(text)
    except ValueError as error:
        raise BaseError("a weight file is damaged", got=str(file), hint="Download the base again") from error
    tensors = {name: value for name, value in header.items() if name != "__metadata__"}
    end = max((value["data_offsets"][1] for value in tensors.values()), default=0)
    if size != 8 + length + end:
        raise BaseError(
            "a weight file is cut off",
            got=f"{file}, {size} of {8 + length + end} bytes",
            hint="Download the base again",
        )
    return tensors


def _bytes_of(shapes: Mapping[str, tuple[list[int], str]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for shape, dtype in shapes.values():
        totals[dtype] = totals.get(dtype, 0) + prod(shape)
    return totals


def _linear_names(shapes: Mapping[str, list[int]]) -> Iterator[str]:
    """Names of layers that transformers holds as linear layers.

    The experts of a mixture are held as one block, and what stands beside them chooses among them: neither is one.
    """
    mixtures = {name.partition(EXPERTS)[0] for name in shapes if EXPERTS in name}
    for name, shape in shapes.items():
        match = LINEAR.search(name)
        beside = name.removesuffix(".weight").rpartition(".")[0] in mixtures
        if match and len(shape) == 2 and EXPERTS not in name and not beside:
            yield match["name"]


def _digest(path: Path) -> str:
    files = sorted({file for pattern in DIGESTED for file in path.glob(pattern) if file.is_file()})
    return digest_of({file.name: _content_digest(file) for file in files})


def _content_digest(file: Path) -> str:
    """SHA-256 of a file; the hub's cache names large files by it, which saves reading gigabytes."""
    target = file.resolve()
    named = re.fullmatch(r"[0-9a-f]{64}", target.name)
    return target.name if named and file.is_symlink() and target.parent.name == "blobs" else file_digest(file)
