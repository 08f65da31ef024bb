"""From resolved settings to a configuration of PEFT: one builder for each kind that PEFT carries."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kitae.core.method_settings import AdapterSettings, PeftSettings, PrefixSettings, PromptSettings, PTuningSettings
from kitae.core.resolved import ResolvedIA3, ResolvedLora, ResolvedQLora
from kitae.errors import BaseError, RecipeError, UnknownName

TASK = "CAUSAL_LM"
NEEDS_MORE = {
    "adalora": "it moves ranks between layers while it is trained",
    "cpt": "it needs to know which tokens of a row are which",
    "multitask_prompt_tuning": "it needs the number of a task with every row",
    "poly": "it needs the number of a task with every row",
    "xlora": "it mixes adapters that were trained before",
}
"""Methods of PEFT that would be trained wrong by a loop that knows nothing of them, and why."""
CHANGES_THE_BASE = frozenset({"pissa", "olora"})
"""Beginnings that take their first update off the base's weights."""


def config_of(model: Any, method: Any) -> Any:
    """The PEFT configuration of a method for a model. Raises `UnknownName`, `RecipeError` or `BaseError`."""
    return BUILDERS[method.kind](model, method)


def _lora(model: Any, method: ResolvedLora | ResolvedQLora) -> Any:
    """Hu et al. 2021, arXiv:2106.09685, section 4.1: W x + (alpha / r) B A x, B zero at first."""
    from peft import EvaConfig, LoraConfig

    if method.init in CHANGES_THE_BASE and (method.variant == "dora" or method.kind == "qlora"):
        raise RecipeError(
            f"method.init: {method.init} changes the base's weights, which dora and qlora need as they are",
            got=f"method.kind: {method.kind}, method.variant: {method.variant}",
            hint="Use method.init: default or eva",
        )
    layers = check_targets(model, method.targets)
    embeddings = embedding_names(model) if method.train_embeddings else []
    return LoraConfig(
        task_type=TASK,
        r=method.rank,
        lora_alpha=method.alpha,
        lora_dropout=method.dropout,
        target_modules=sorted(method.targets),
        # GPT-2 keeps its weights transposed (Conv1D); PEFT must know.
        fan_in_fan_out=any(_is_transposed(layers[target]) for target in method.targets),
        modules_to_save=embeddings or None,
        ensure_weight_tying=len(embeddings) > 1,
        use_rslora=method.variant == "rslora",
        use_dora=method.variant == "dora",
        init_lora_weights=True if method.init == "default" else method.init,
        # rho 1: every layer keeps the rank that was asked for.
        eva_config=EvaConfig(rho=1.0) if method.init == "eva" else None,
    )


def _adapter(model: Any, method: AdapterSettings) -> Any:
    from kitae.models.bottleneck import BottleneckConfig, ends_of_sublayers

    attention, feedforward = ends_of_sublayers(model)
    targets = [*attention, *feedforward] if method.placement == "houlsby" else feedforward
    if not feedforward or (method.placement == "houlsby" and not attention):
        raise BaseError(
            "this base has no plain linear layer at the end of each sublayer, behind which an adapter could stand",
            got=f"{type(model).__name__}, method.placement: {method.placement}",
            hint="Use method: {kind: lora}",
        )
    return BottleneckConfig(task_type=TASK, width=method.width, target_modules=sorted(targets))


def _prefix(model: Any, method: PrefixSettings) -> Any:
    from peft import PrefixTuningConfig

    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return PrefixTuningConfig(
        task_type=TASK,
        num_virtual_tokens=method.tokens,
        num_attention_heads=heads,
        token_dim=heads * width,
        prefix_projection=method.encoder_width > 0,
        encoder_hidden_size=method.encoder_width or None,
    )


def _prompt(_model: Any, method: PromptSettings) -> Any:
    from peft import PromptTuningConfig

    return PromptTuningConfig(task_type=TASK, num_virtual_tokens=method.tokens, prompt_tuning_init="SAMPLE_VOCAB")


def _p_tuning(_model: Any, method: PTuningSettings) -> Any:
    from peft import PromptEncoderConfig

    return PromptEncoderConfig(
        task_type=TASK, num_virtual_tokens=method.tokens, encoder_hidden_size=method.encoder_width
    )


def _ia3(model: Any, method: ResolvedIA3) -> Any:
    from peft import IA3Config

    names = sorted({*method.targets, *method.feedforward})
    layers = check_targets(model, names)
    return IA3Config(
        task_type=TASK,
        target_modules=names,
        feedforward_modules=sorted(method.feedforward),
        fan_in_fan_out=any(_is_transposed(layers[name.rpartition(".")[2]]) for name in names),
    )


def _peft(model: Any, method: PeftSettings) -> Any:
    """Any other method, by the name and the arguments that PEFT gives it."""
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    known = {str(getattr(name, "value", name)).lower(): config for name, config in PEFT_TYPE_TO_CONFIG_MAPPING.items()}
    if method.name.lower() not in known:
        raise UnknownName("PEFT method", got=method.name, known=known)
    if method.name.lower() in NEEDS_MORE:
        raise RecipeError(
            f"{method.name} cannot be trained here: {NEEDS_MORE[method.name.lower()]}",
            got=f"method.name: {method.name}",
            hint="Use method: {kind: lora}",
        )
    config = known[method.name.lower()]
    fields = set(config.__dataclass_fields__)
    unknown = next((name for name in method.arguments if name not in fields), None)
    if unknown is not None:
        raise UnknownName(f"argument of {method.name}", got=unknown, known=fields)
    arguments = dict(method.arguments)
    if "target_modules" in fields:
        arguments.setdefault("target_modules", sorted(linear_layers(model)))
    try:
        return config(**{"task_type": TASK, **arguments})
    except (TypeError, ValueError) as error:
        raise RecipeError(f"method.arguments do not suit {method.name}", got=str(error)) from error


BUILDERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "lora": _lora,
    "qlora": _lora,
    "adapter": _adapter,
    "prefix": _prefix,
    "prompt": _prompt,
    "p_tuning": _p_tuning,
    "ia3": _ia3,
    "peft": _peft,
}


@dataclass(frozen=True)
class Whole:
    """Which weights of the base itself are trained, by their names."""

    names: tuple[str, ...]
    first_module: str | None
    """Where hidden states are brought to fp32; None when they are from the start."""


def whole(model: Any, method: Any) -> Whole:
    """The weights that `full` or `freeze` trains. Raises `RecipeError` for more layers than there are."""
    from kitae.models.bottleneck import decoder_layers

    if method.kind == "full":
        return Whole(tuple(name for name, _ in model.named_parameters()), None)
    layers = decoder_layers(model)
    if method.layers > len(layers):
        raise RecipeError(
            "method.layers is more than the base has",
            got=method.layers,
            hint=f"It has {len(layers)}; see also kind: full",
        )
    last = layers[len(layers) - method.layers :]
    chosen = {id(parameter) for parameter in last.parameters()}
    # The norm before the head stands beside the layers, as a child with vectors only.
    holder = next(m for m in model.modules() if any(child is layers for child in m.children()))
    beside = [child for child in holder.children() if child is not layers]
    chosen |= {id(p) for child in beside for p in child.parameters() if all(q.ndim == 1 for q in child.parameters())}
    first = next(name for name, module in model.named_modules() if module is last[0])
    return Whole(tuple(name for name, p in model.named_parameters() if id(p) in chosen), first)


def check_targets(model: Any, targets: list[str]) -> dict[str, Any]:
    """The linear layers by their names; raises `UnknownName` for a target that names none."""
    layers = linear_layers(model)
    for target in targets:
        if target.rpartition(".")[2] not in layers:
            raise UnknownName("target layer", got=target, known=layers, hint="`method.targets: auto` takes all of them")
    return layers


def linear_layers(model: Any) -> dict[str, Any]:
    """One linear layer by each last name part, the head left out."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    return {
        name.rpartition(".")[2]: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D) and module is not head
    }


def embedding_names(model: Any) -> list[str]:
    """Names of the token embedding and, where it shares the embedding's weights, of the head."""
    inputs, head = model.get_input_embeddings(), model.get_output_embeddings()
    tied = head is not None and head.weight is inputs.weight
    return [name for name, module in model.named_modules() if module is inputs or (tied and module is head)]


def _is_transposed(layer: Any) -> bool:
    from transformers.pytorch_utils import Conv1D

    return isinstance(layer, Conv1D)
