"""Models: a base and its adapters, from a name to answers. Importing this loads no torch; the first use does."""

from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kitae.core.method_settings import QLoraSettings
from kitae.core.resolved import ResolvedMethod
from kitae.models.facts import BaseFacts, facts
from kitae.models.limits import Limits, before_stop

if TYPE_CHECKING:
    from kitae.models.loading import Loaded

__all__ = [
    "BaseFacts",
    "Limits",
    "attach",
    "before_stop",
    "check",
    "facts",
    "generate",
    "likelihood",
    "load",
    "load_tokenizer",
    "ready",
    "save_adapter",
    "weigh",
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
    base: str,
    *,
    precision: Literal["bf16", "fp32"],
    digest: str | None = None,
    folder: Path | None = None,
    quantised: QLoraSettings | None = None,
) -> "Loaded":
    """A base in memory; see `kitae.models.loading.load`."""
    from kitae.models import loading

    return loading.load(base, precision=precision, digest=digest, folder=folder, quantised=quantised)


def attach(model: Any, method: ResolvedMethod, *, seed: int, examples: Sequence[Sequence[int]] = ()) -> Any:
    """The model with what a method trains; see `kitae.models.adapters.attach`."""
    from kitae.models import adapters

    return adapters.attach(model, method, seed=seed, examples=examples)


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
    limits: Limits,
    *,
    on_done: Callable[[int, list[int]], None] | None = None,
    known: Mapping[int, Sequence[int]] | None = None,
) -> list[list[int]]:
    """Answers to many prompts; see `kitae.models.decoding.generate`."""
    from kitae.models import decoding

    return decoding.generate(loaded, prompts, limits, on_done=on_done, known=known)


def weigh(
    loaded: "Loaded",
    prompts: Sequence[Sequence[int]],
    choices: Sequence[Sequence[int]],
    *,
    batch_rows: int,
    on_done: Callable[[int, list[float]], None],
    known: Container[int] = (),
) -> None:
    """The log-probability of every choice after each prompt; see `kitae.models.scoring.weigh`."""
    from kitae.models import scoring

    scoring.weigh(loaded, prompts, choices, batch_rows=batch_rows, on_done=on_done, known=known)


def likelihood(
    loaded: "Loaded",
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    *,
    batch_rows: int,
    on_done: Callable[[int, float], None],
    known: Container[int] = (),
) -> None:
    """The log-probability of the one answer to each prompt; see `kitae.models.scoring.likelihood`."""
    from kitae.models import scoring

    scoring.likelihood(loaded, prompts, answers, batch_rows=batch_rows, on_done=on_done, known=known)
