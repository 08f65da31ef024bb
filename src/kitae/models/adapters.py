"""Methods on a base: attach, save, load, merge. What is saved is a plain PEFT adapter wherever PEFT has the method.

`full` and `freeze` train weights of the base itself; what they changed is saved as safetensors under its own names,
beside a `method.json` that says so. A quantised base leaves a `method.json` as well, so that answers come from the
very weights that were trained upon.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kitae.core.files import read_json, write_bytes, write_json
from kitae.core.method_settings import QLoraSettings
from kitae.errors import BaseError, DamagedArtifact, KitaeError, RecipeError
from kitae.models.loading import Loaded, load
from kitae.models.methods import CHANGES_THE_BASE, config_of, whole
from kitae.models.prompts import virtual_tokens

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
METHOD = "method.json"
CHANGED = "changed.safetensors"
WHOLE = frozenset({"full", "freeze"})
EVA_ROWS = 64
"""First training rows that an `eva` beginning looks at."""


def attach(model: Any, method: Any, *, seed: int, examples: Sequence[Sequence[int]] = ()) -> Any:
    """The model with what the method trains; only that is trainable, in fp32. Same seed, same weights.

    A `peft.PeftModel`, or the model itself for `full` and `freeze`. With `train_embeddings` the token embedding is
    trained as a whole, and a head tied to it stays tied. `examples` are token rows for a beginning that needs data.
    Raises `UnknownName` for a target that names no linear layer, `RecipeError` or `BaseError` for what cannot be.
    """
    import torch

    dtype = model.dtype
    with torch.random.fork_rng(), _peft_calls():
        torch.manual_seed(seed)
        adapted = _train_whole(model, method) if method.kind in WHOLE else _with_peft(model, method, examples)
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    if getattr(method, "train_embeddings", False) and dtype != torch.float32:
        # The layers go on in the base's number format; without this every one of them would be given fp32.
        model.get_input_embeddings().register_forward_hook(lambda _module, _inputs, hidden: hidden.to(dtype))
    adapted.method = method
    return adapted


def _train_whole(model: Any, method: Any) -> Any:
    """The model with some of its own weights trainable; from the first of them on it computes in fp32."""
    chosen = whole(model, method)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in chosen.names)
    if chosen.first_module is not None:

        def widen(_module: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
            return (inputs[0].float(), *inputs[1:])

        model.get_submodule(chosen.first_module).register_forward_pre_hook(widen)
    return model


def _with_peft(model: Any, method: Any, examples: Sequence[Sequence[int]]) -> Any:
    from peft import get_peft_model

    config = config_of(model, method)
    try:
        adapted = get_peft_model(model, config)
    except (ValueError, TypeError, NotImplementedError, AttributeError) as error:
        raise RecipeError(
            f"PEFT cannot put this method on this base: {str(error).strip().splitlines()[0][:200]}",
            got=f"method.kind: {method.kind}",
            hint="Look at method.targets or method.arguments, or use method: {kind: lora}",
        ) from error
    init = getattr(method, "init", "default")
    if init == "eva":
        _begin_with_eva(adapted, examples)
    if init in CHANGES_THE_BASE:
        import torch

        # PiSSA and OLoRA move part of the base into the adapter; the part that moved is kept to be taken off again.
        with torch.no_grad():
            adapted.moved = {n: p.detach().clone() for n, p in adapted.named_parameters() if "lora_" in n}
    return adapted


def _begin_with_eva(adapted: Any, examples: Sequence[Sequence[int]]) -> None:
    """EVA (Paischer et al. 2024, arXiv:2410.07170): A begins with the main directions of each layer's inputs."""
    import torch
    from peft import initialize_lora_eva_weights

    if not examples:
        raise RecipeError("method.init: eva needs training rows to look at", hint="Use method.init: default")
    device = adapted.device
    batches = [
        {
            "input_ids": torch.tensor([list(row)], device=device),
            "attention_mask": torch.ones(1, len(row), device=device),
        }
        for row in examples[:EVA_ROWS]
    ]
    initialize_lora_eva_weights(adapted, batches, show_progress_bar=False)


def save_adapter(model: Any, folder: Path, *, base: str) -> None:
    """Write what was trained: `adapter_model.safetensors` and `adapter_config.json`, as PEFT writes them.

    For `full` and `freeze` `changed.safetensors` and `method.json`. Each file is written whole or not at all. `base` is
    what the configuration names as its base: the name the user gave, never a path of this machine's own choosing.
    Equal adapters give equal bytes. Raises `DiskFull`.
    """
    from safetensors.torch import save

    method: Any = getattr(model, "method", None)
    kind = getattr(method, "kind", "lora")
    if kind in WHOLE:
        state = {name: p for name, p in model.named_parameters() if p.requires_grad}
        write_bytes(folder / CHANGED, save(_own_memory(state), metadata={"format": "pt"}))
        write_json(folder / METHOD, {**method.plain(), "base": base})
        return
    state, values = _as_peft_stores(model)
    write_bytes(folder / WEIGHTS, save(_own_memory(state), metadata={"format": "pt"}))
    write_json(
        folder / CONFIG, {key: _plain(value) for key, value in (values | {"base_model_name_or_path": base}).items()}
    )
    if kind == "qlora":
        write_json(folder / METHOD, {**method.plain(), "base": base})


def _as_peft_stores(model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tensors of an adapter and its configuration."""
    from peft import get_peft_model_state_dict

    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    config = model.peft_config["default"]
    values = config.to_dict() | {"inference_mode": True}
    # PEFT takes a tied head off this list when it attaches, and asks for it when it attaches again.
    tied = getattr(config, "modules_to_tie", None) or ()
    if "modules_to_save" in values:
        values["modules_to_save"] = sorted({*(config.modules_to_save or ()), *tied}) or None
    moved = getattr(model, "moved", None)
    if hasattr(getattr(model, "method", None), "init"):
        # Where the adapter began is no matter for one that is loaded, and eva would ask for data again.
        values |= {"init_lora_weights": True, "eva_config": None}
    if moved is not None:
        state, values = _without_moved(state, values, moved)
    return state, values


def _without_moved(state: dict[str, Any], values: dict[str, Any], moved: dict[str, Any]) -> tuple[Any, Any]:
    """The same update for the unchanged base: B A - B0 A0 as one adapter of twice the rank, so any loader takes it."""
    import torch

    first = {name.replace(".default.", "."): tensor for name, tensor in moved.items()}
    stored = {
        name: torch.cat([t, first[name]], dim=0)
        if "lora_A" in name
        else torch.cat([t, -first[name]], dim=1)
        if "lora_B" in name
        else t
        for name, t in state.items()
    }
    # The scale must stay: alpha / r, or alpha / sqrt(r) for rslora.
    factor = math.sqrt(2.0) if values["use_rslora"] else 2.0
    return stored, values | {"r": 2 * values["r"], "lora_alpha": factor * values["lora_alpha"]}


def load_adapter(loaded: Loaded, folder: Path) -> Loaded:
    """The base with the adapter of a folder on it, for answering. The model in `loaded` is changed by this.

    Raises `BaseError` when the adapter belongs to another base, `DamagedArtifact` when its files are broken.
    """
    from peft import PeftModel
    from safetensors import SafetensorError

    from kitae.models.bottleneck import register

    register()
    if (folder / CHANGED).is_file():
        return _with_changed(loaded, folder)
    if not (folder / CONFIG).is_file() or not (folder / WEIGHTS).is_file():
        raise DamagedArtifact(
            f"there is no adapter in {folder}", known=(CONFIG, WEIGHTS), hint="Run the recipe again; training is redone"
        )
    try:
        with _peft_calls():
            model = PeftModel.from_pretrained(loaded.model, str(folder))
    except SafetensorError as error:
        raise _damaged(folder) from error
    except (RuntimeError, ValueError) as error:
        raise _another_base(read_json(folder / CONFIG).get("base_model_name_or_path"), loaded) from error
    # Virtual tokens take positions that prompts then have no longer.
    facts = replace(loaded.facts, max_positions=loaded.facts.max_positions - virtual_tokens(model))
    return Loaded(model.eval(), loaded.tokenizer, facts)


def _with_changed(loaded: Loaded, folder: Path) -> Loaded:
    """The base with the weights of `full` or `freeze` in the place of its own."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        changed = load_file(folder / CHANGED)
    except SafetensorError as error:
        raise _damaged(folder) from error
    own = dict(loaded.model.named_parameters())
    if any(name not in own or own[name].shape != tensor.shape for name, tensor in changed.items()):
        raise _another_base(read_json(folder / METHOD).get("base"), loaded)
    with torch.no_grad():
        for name, tensor in changed.items():
            own[name].copy_(tensor)
    return Loaded(loaded.model.eval(), loaded.tokenizer, loaded.facts)


def _damaged(folder: Path) -> KitaeError:
    return DamagedArtifact(
        "the adapter's weights are damaged", got=str(folder), hint="Run the recipe again; training is redone"
    )


def _another_base(base: object, loaded: Loaded) -> KitaeError:
    return BaseError(
        "this adapter was made for another base",
        got=f"adapter of {base}, base {loaded.facts.name}",
        hint="Load it on the base it was trained on",
    )


def merge(loaded: Loaded) -> Loaded:
    """The same model with its adapter added into the weights: same answers, nothing extra to compute.

    What has no place in the weights stays beside them: bottleneck adapters, prompts, prefixes. The model in `loaded` is
    used up. In bf16 the sum is rounded to bf16; merge in fp32 where that matters.
    """
    from peft import PeftModel
    from peft.tuners.tuners_utils import BaseTunerLayer

    if not isinstance(loaded.model, PeftModel) or virtual_tokens(loaded.model):
        return loaded
    if not all(_merges(module) for module in loaded.model.modules() if isinstance(module, BaseTunerLayer)):
        return loaded
    return Loaded(loaded.model.merge_and_unload().eval(), loaded.tokenizer, loaded.facts)


def _merges(layer: Any) -> bool:
    """Whether a layer of PEFT knows how to add its adapter into the weights."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    from kitae.models.bottleneck import BottleneckLayer

    if isinstance(layer, BottleneckLayer):
        return False
    return type(layer).merge is not BaseTunerLayer.merge


def ready(base: str, adapter_folder: Path | None, *, digest: str | None = None, folder: Path | None = None) -> Loaded:
    """A base with the adapter of a folder merged into it (or without one), as it is measured and served.

    In fp32 on a CPU, where bf16 answers no faster and merging in fp32 loses nothing; in bf16 on CUDA. A base that was
    quantised for training is quantised in the same way, and its layers are then written out as plain ones: merging
    is exact there, and answers need no quantised products.
    Raises `BaseError`, `UnknownName` or `DamagedArtifact`.
    """
    import torch

    quantised = None if adapter_folder is None else _quantised(adapter_folder)
    precision = "bf16" if torch.cuda.is_available() else "fp32"
    loaded = load(base, precision=precision, digest=digest, folder=folder, quantised=quantised)  # type: ignore[arg-type]
    if quantised is not None:
        from kitae.models.quantised import written_out

        written_out(loaded.model)
    return loaded if adapter_folder is None else merge(load_adapter(loaded, adapter_folder))


def _quantised(folder: Path) -> QLoraSettings | None:
    """How the base of an adapter was quantised, if it was."""
    if not (folder / METHOD).is_file():
        return None
    values = {key: value for key, value in read_json(folder / METHOD).items() if key != "base"}
    if values.get("kind") != "qlora":
        return None
    try:
        return QLoraSettings.model_validate(values)
    except ValidationError as error:
        raise _damaged(folder) from error


@contextmanager
def _peft_calls() -> Iterator[None]:
    """Keep two warnings back that nobody here can act on.

    PEFT 0.21 asks transformers 5 for a property by its former name, and gives advice on memory to `eva`.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        warnings.filterwarnings("ignore", message=".*low_cpu_mem_usage", category=UserWarning)
        yield


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
