"""Adapters on a base: attach, save, load, merge. What is saved is a plain PEFT adapter."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

from kitae.core.files import read_json, write_bytes, write_json
from kitae.core.resolved import ResolvedMethod
from kitae.errors import BaseError, DamagedArtifact, UnknownName
from kitae.models.loading import Loaded, load

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"


def attach(model: Any, method: ResolvedMethod, *, seed: int) -> Any:
    """The model with fresh adapters (a `peft.PeftModel`); only they are trainable, in fp32. Same seed, same weights.

    LoRA (Hu et al. 2021, arXiv:2106.09685, section 4.1): W x + (alpha / r) B A x, B zero at first. With
    `train_embeddings` the token embedding is trained as a whole, and a head tied to it stays tied.
    Raises `UnknownName` for a target that names no linear layer.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers.pytorch_utils import Conv1D

    layers = _linear_layers(model)
    for target in method.targets:
        if target not in layers:
            raise UnknownName("target layer", got=target, known=layers, hint="`method.targets: auto` takes all of them")
    embeddings = _embeddings(model) if method.train_embeddings else []
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=method.rank,
        lora_alpha=method.alpha,
        lora_dropout=method.dropout,
        target_modules=sorted(method.targets),
        # GPT-2 keeps its weights transposed (Conv1D); PEFT must know.
        fan_in_fan_out=any(isinstance(layers[target], Conv1D) for target in method.targets),
        modules_to_save=embeddings or None,
        ensure_weight_tying=len(embeddings) > 1,
    )
    dtype = model.dtype
    with torch.random.fork_rng(), _peft_calls():
        torch.manual_seed(seed)
        adapted = get_peft_model(model, config)
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    if embeddings and dtype != torch.float32:
        # The layers go on in the base's number format; without this every one of them would be given fp32.
        model.get_input_embeddings().register_forward_hook(lambda _module, _inputs, hidden: hidden.to(dtype))
    return adapted


def save_adapter(peft_model: Any, folder: Path, *, base: str) -> None:
    """Write the adapter as PEFT writes it: `adapter_model.safetensors` and `adapter_config.json`.

    Each file is written whole or not at all. `base` is what the configuration names as its base: the name the user
    gave, never a path of this machine's own choosing. Equal adapters give equal bytes. Raises `DiskFull`.
    """
    from peft import get_peft_model_state_dict
    from safetensors.torch import save

    state = get_peft_model_state_dict(peft_model, save_embedding_layers=False)
    write_bytes(folder / WEIGHTS, save(_own_memory(state), metadata={"format": "pt"}))
    config = peft_model.peft_config["default"]
    values = config.to_dict() | {"base_model_name_or_path": base, "inference_mode": True}
    # PEFT takes a tied head off this list when it attaches, and asks for it when it attaches again.
    tied = getattr(config, "modules_to_tie", None) or ()
    values["modules_to_save"] = sorted({*(config.modules_to_save or ()), *tied}) or None
    write_json(folder / CONFIG, {key: _plain(value) for key, value in values.items()})


def load_adapter(loaded: Loaded, folder: Path) -> Loaded:
    """The base with the adapter of a folder on it, for answering. The model in `loaded` is changed by this.

    Raises `BaseError` when the adapter belongs to another base, `DamagedArtifact` when its files are broken.
    """
    from peft import PeftModel
    from safetensors import SafetensorError

    if not (folder / CONFIG).is_file() or not (folder / WEIGHTS).is_file():
        raise DamagedArtifact(
            f"there is no adapter in {folder}", known=(CONFIG, WEIGHTS), hint="Run the recipe again; training is redone"
        )
    try:
        with _peft_calls():
            model = PeftModel.from_pretrained(loaded.model, str(folder))
    except SafetensorError as error:
        raise DamagedArtifact(
            "the adapter's weights are damaged", got=str(folder), hint="Run the recipe again; training is redone"
        ) from error
    except (RuntimeError, ValueError) as error:
        raise BaseError(
            "this adapter was made for another base",
            got=f"adapter of {read_json(folder / CONFIG).get('base_model_name_or_path')}, base {loaded.facts.name}",
            hint="Load it on the base it was trained on",
        ) from error
    return Loaded(model.eval(), loaded.tokenizer, loaded.facts)


def merge(loaded: Loaded) -> Loaded:
    """The same model with its adapter added into the weights: same answers, nothing extra to compute.

    The model in `loaded` is used up. In bf16 the sum is rounded to bf16; merge in fp32 where that matters.
    """
    from peft import PeftModel

    if not isinstance(loaded.model, PeftModel):
        return loaded
    return Loaded(loaded.model.merge_and_unload().eval(), loaded.tokenizer, loaded.facts)


def ready(base: str, adapter_folder: Path | None, *, digest: str | None = None, folder: Path | None = None) -> Loaded:
    """A base with the adapter of a folder merged into it (or without one), as it is measured and served.

    In fp32 on a CPU, where bf16 answers no faster and merging in fp32 loses nothing; in bf16 on CUDA.
    Raises `BaseError`, `UnknownName` or `DamagedArtifact`.
    """
    import torch

    loaded = load(base, precision="bf16" if torch.cuda.is_available() else "fp32", digest=digest, folder=folder)
    return loaded if adapter_folder is None else merge(load_adapter(loaded, adapter_folder))


@contextmanager
def _peft_calls() -> Iterator[None]:
    """PEFT 0.21 asks transformers 5 for a property by its former name, which warns; nobody here can act on it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        yield


def _linear_layers(model: Any) -> dict[str, Any]:
    """One linear layer by each last name part, the head left out."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    return {
        name.rpartition(".")[2]: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D) and module is not head
    }


def _embeddings(model: Any) -> list[str]:
    """Names of the token embedding and, where it shares the embedding's weights, of the head."""
    inputs, head = model.get_input_embeddings(), model.get_output_embeddings()
    tied = head is not None and head.weight is inputs.weight
    return [name for name, module in model.named_modules() if module is inputs or (tied and module is head)]


def _own_memory(state: dict[str, Any]) -> dict[str, Any]:
    """Tensors on the CPU, none sharing memory: PEFT asks for a tied head under its own name when it loads."""
    seen: set[int] = set()
    own = {}
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        own[name] = tensor.clone() if tensor.data_ptr() in seen else tensor
        seen.add(tensor.data_ptr())
    return own


def _plain(value: Any) -> Any:
    """A value of PEFT's configuration as JSON, sets in order, so that equal adapters are equal bytes."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
