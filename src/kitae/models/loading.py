"""A base in memory: its model, its tokenizer, its facts."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kitae.core.chat import HOUSE_TEMPLATE
from kitae.core.method_settings import QLoraSettings
from kitae.errors import BaseError
from kitae.models.base import find_base
from kitae.models.facts import BaseFacts, facts
from kitae.models.memory import keep_freed_memory
from kitae.models.quantised import quantisation

Precision = Literal["bf16", "fp32"]


@dataclass(frozen=True)
class Loaded:
    """A model ready to run (evaluation mode, on the device it runs on), with its tokenizer and facts."""

    model: Any
    tokenizer: Any
    facts: BaseFacts


def load_tokenizer(base: str, *, folder: Path | None = None) -> Any:
    """The tokenizer of a base, with the house chat template where it has none, and a pad token ensured.

    Raises `BaseError` when its files cannot be used.
    """
    from transformers import AutoTokenizer

    found = find_base(base, folder=folder)
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(str(found.path), trust_remote_code=False, local_files_only=True)
    except (ValueError, OSError, KeyError, ImportError) as error:
        raise BaseError(
            "the tokenizer of this base cannot be opened",
            got=f"{found.name}: {_first_line(error)}",
            hint="Save it again with a current transformers (`tokenizer.save_pretrained(folder)`)",
        ) from error
    if tokenizer.eos_token_id is None:
        raise BaseError(
            "the tokenizer of this base has no end token, so an answer could never end",
            got=found.name,
            hint='Name one as "eos_token" in tokenizer_config.json',
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if not tokenizer.chat_template:
        tokenizer.chat_template = HOUSE_TEMPLATE
    return tokenizer


def load(
    base: str,
    *,
    precision: Precision,
    digest: str | None = None,
    folder: Path | None = None,
    quantised: QLoraSettings | None = None,
) -> Loaded:
    """A base in memory, in `precision`, on the first CUDA device when there is one and else on the CPU.

    With `quantised` its linear layers are held in few bits; the head and the embeddings stay as they are.
    Only safetensors weights are read and no code of the base is run. Raises `BaseError`, also when `digest` is given
    and the base's files are no longer those it was made from: an adapter on another base answers nonsense.
    """
    import torch
    from transformers import AutoModelForCausalLM

    known = facts(base, folder=folder)
    if digest is not None and known.digest != digest:
        raise BaseError(
            "the base has changed since it was planned with",
            got=f"{base} with digest {known.digest[:12]}, planned {digest[:12]}",
            hint="Run the recipe again from the start; the plan is then made for the base as it is",
        )
    keep_freed_memory()
    try:
        with quiet_transformers():
            model = AutoModelForCausalLM.from_pretrained(
                str(known.path),
                dtype={"bf16": torch.bfloat16, "fp32": torch.float32}[precision],
                trust_remote_code=False,
                use_safetensors=True,
                local_files_only=True,
                **({} if quantised is None else quantisation(quantised, precision)),
            )
    except (ValueError, OSError, KeyError, ImportError, RuntimeError) as error:
        raise BaseError(
            "this base cannot be loaded",
            got=f"{known.name} ({known.architecture}): {_first_line(error)}",
            hint="If its architecture is newer than the installed transformers, update transformers",
        ) from error
    tokenizer = load_tokenizer(base, folder=folder)
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise BaseError(
            "the tokenizer of this base has more tokens than the model has embeddings",
            got=f"{len(tokenizer)} tokens, {rows} embeddings",
            hint="The folder mixes two models: copy the tokenizer that belongs to the weights",
        )
    if quantised is None:
        # A quantised model is already where it runs, and cannot be moved.
        model = model.to("cuda" if torch.cuda.is_available() else "cpu")
    return Loaded(model.eval(), tokenizer, known)


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep progress bars and notes of transformers off the terminal; errors still come as exceptions."""
    from transformers.utils import logging as notes

    bars, level = notes.is_progress_bar_enabled(), notes.get_verbosity()
    notes.disable_progress_bar()
    notes.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        notes.set_verbosity(level)
        if bars:
            notes.enable_progress_bar()


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0][:300]
