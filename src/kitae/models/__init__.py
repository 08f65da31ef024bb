"""Models: a base and its adapters, from a name to answers. Importing this loads no torch; the first use does."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kitae.core.resolved import ResolvedMethod
from kitae.models.facts import BaseFacts, facts

if TYPE_CHECKING:
    from kitae.models.loading import Loaded

__all__ = [
    "BaseFacts",
    "attach",
    "check",
    "choose",
    "facts",
    "generate",
    "load",
    "load_tokenizer",
    "ready",
    "save_adapter",
]


def check(base: str, *, folder: Path) -> None:
    """Refuse a base that cannot be used, as far as this machine alone can tell; of the hub nothing is asked yet.

    Raises `BaseError`, `UnknownName`.
    """
    from kitae.models.base import find_here

    find_here(base, folder=folder)


def load_tokenizer(base: str, *, folder: Path | None = None) -> Any:
    """The tokenizer of a base; see `kitae.models.loading.load_tokenizer`."""
    from kitae.models import loading

    return loading.load_tokenizer(base, folder=folder)


def load(
    base: str, *, precision: Literal["bf16", "fp32"], digest: str | None = None, folder: Path | None = None
) -> "Loaded":
    """A base in memory; see `kitae.models.loading.load`."""
    from kitae.models import loading

    return loading.load(base, precision=precision, digest=digest, folder=folder)


def attach(model: Any, method: ResolvedMethod, *, seed: int) -> Any:
    """The model with fresh adapters; see `kitae.models.adapters.attach`."""
    from kitae.models import adapters

    return adapters.attach(model, method, seed=seed)


def save_adapter(peft_model: Any, folder: Path, *, base: str) -> None:
    """Write an adapter; see `kitae.models.adapters.save_adapter`."""
    from kitae.models import adapters

    adapters.save_adapter(peft_model, folder, base=base)


def ready(base: str, adapter_folder: Path | None, *, digest: str | None = None, folder: Path | None = None) -> "Loaded":
    """A base, with an adapter or without, as it is measured and served; see `kitae.models.adapters.ready`."""
    from kitae.models import adapters

    return adapters.ready(base, adapter_folder, digest=digest, folder=folder)


def generate(
    loaded: "Loaded",
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    batch_rows: int,
    stop_ids: Collection[int],
    on_done: Callable[[int, list[int]], None] | None = None,
    known: Mapping[int, Sequence[int]] | None = None,
) -> list[list[int]]:
    """Greedy answers to many prompts; see `kitae.models.decoding.generate`."""
    from kitae.models import decoding

    limits = decoding.Limits(max_new_tokens, batch_rows, frozenset(stop_ids))
    return decoding.generate(loaded, prompts, limits, on_done=on_done, known=known)


def choose(
    loaded: "Loaded",
    prompts: Sequence[Sequence[int]],
    choices: Sequence[Sequence[int]],
    *,
    batch_rows: int,
    on_done: Callable[[int, int], None] | None = None,
    known: Mapping[int, int] | None = None,
) -> list[int]:
    """The likeliest of the choices for each prompt; see `kitae.models.scoring.choose`."""
    from kitae.models import scoring

    return scoring.choose(loaded, prompts, choices, batch_rows=batch_rows, on_done=on_done, known=known)
