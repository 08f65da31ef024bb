"""Export: a version's weights in the form another runtime reads, and the proof that it still gives the same answers.

A format is a module with two verbs: `write(loaded, folder, source)` and `open_runtime(folder, source, facts)`. What it
wrote is opened again by its own runtime and compared with the model as it is served (`parity`); a difference beyond
the format's bounds raises `GateRefused`.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kitae.core.files import file_digest
from kitae.core.records import Message
from kitae.errors import DiskFull, GateRefused, UnknownName

if TYPE_CHECKING:
    from kitae.models.export.parity import Runtime
    from kitae.models.loading import Loaded

ROOM = 1.1
"""Free bytes wanted for each byte of weights, before anything is written."""


@dataclass(frozen=True)
class Bounds:
    """What an export may differ by: `logits` absolutely (None: not looked at), `perplexity` as a ratio minus one.

    `tokens` is the smallest share of greedy tokens that must be the same.
    """

    tokens: float
    perplexity: float
    logits: float | None = None


@dataclass(frozen=True)
class Format:
    """A form of export: its module, what it may differ by, and about how many bytes it takes for a weight."""

    module: str
    bounds: Bounds
    bytes_per_weight: float


FORMATS: dict[str, Format] = {
    "merged": Format("merged", Bounds(tokens=1.0, perplexity=1e-4, logits=1e-4), bytes_per_weight=4.0),
    "adapter": Format("adapter", Bounds(tokens=1.0, perplexity=1e-3, logits=1e-3), bytes_per_weight=0.5),
}
"""Every form of export. Beside the weights the adapter's sums run in another order than inside them."""
ROUNDED = Bounds(tokens=0.98, perplexity=2e-2)
"""For an adapter served in bf16 (on CUDA): beside the weights it is rounded otherwise than inside them."""


@dataclass(frozen=True)
class Source:
    """What is exported: the base, the adapter's folder, and the base's digest when it was trained."""

    base: str
    adapter_folder: Path
    base_digest: str | None = None


def write(
    source: Source,
    folder: Path,
    conversations: Sequence[Sequence[Message]],
    *,
    name: str,
    tell: Callable[[str], object] = lambda _text: None,
) -> dict[str, Any]:
    """Write an export into an empty folder and return its parity figures, JSON-ready.

    `conversations` are what the comparison asks. Raises `GateRefused` when the export answers otherwise than the served
    model, `UnknownName`, `InputError` without a prompt, `DiskFull`,
    `BaseError`.
    """
    from kitae.models import ready
    from kitae.models.export import parity

    if name not in FORMATS:
        raise UnknownName("export format", got=name, known=FORMATS)
    form = FORMATS[name]
    loaded = ready(source.base, source.adapter_folder, digest=source.base_digest)
    _check_room(folder, loaded, form)
    asked = parity.ask(loaded, conversations)
    tell(f"{len(asked.rows)} prompts answered by the version as it is served")
    module = import_module(f"kitae.models.export.{form.module}")
    module.write(loaded, folder, source=source)
    served_in = str(loaded.model.dtype)
    facts = loaded.facts
    del loaded  # two models at once need twice the memory
    tell(f"{name} written; opening it again")
    runtime: Runtime = module.open_runtime(folder, source=source, facts=facts)
    bounds = ROUNDED if name == "adapter" and served_in != "torch.float32" else form.bounds
    figures = parity.compare(asked, runtime, bounds)
    if figures["faults"]:
        raise GateRefused(
            f"the {name} export does not answer as the version does: {'; '.join(figures['faults'])}",
            got=f"compared on {figures['prompts']} prompts in {figures['runtime']}",
            hint="Nothing was kept. Try another --format, and report this",
        )
    return figures


def listing(folder: Path) -> list[dict[str, Any]]:
    """Every file of an export with its size in bytes and SHA-256."""
    return [
        {"file": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size, "sha256": file_digest(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]


def _check_room(folder: Path, loaded: "Loaded", form: Format) -> None:
    wanted = int(loaded.facts.parameters * form.bytes_per_weight * ROOM)
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise DiskFull(
            "the disk has no room for this export",
            got=f"{free / 2**30:.2f} GiB free, about {wanted / 2**30:.2f} GiB needed in {folder.parent}",
            hint="Free some space, or name a folder on another disk with --to",
        )
