"""Tiny random models of many families, with LoRA whose update is not zero, and rows to train them on."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from kitae.core.chat import Tokens
from kitae.core.records import Message, Origin, Record
from kitae.core.resolved import ResolvedLora
from kitae.models.adapters import attach
from kitae.train.rows import Row

VOCABULARY = 90
WINDOW = 6
"""Shorter than the documents below, so that sliding windows matter."""
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.2,
    "bos_token_id": None,
    "eos_token_id": 1,
    "pad_token_id": 0,
}
LAYERS = ["sliding_attention", "full_attention"]


def _config(kind: str, **changes: Any) -> Callable[[], Any]:
    def build() -> Any:
        import transformers

        return getattr(transformers, kind)(**{k: v for k, v in {**SIZES, **changes}.items() if v is not ...})

    return build


_GPT2 = {
    "vocab_size": VOCABULARY, "n_positions": 256, "n_embd": 32, "n_layer": 2, "n_head": 4, "initializer_range": 0.2,
    "bos_token_id": None, "eos_token_id": 1,
}  # fmt: skip


def _gpt2() -> Any:
    from transformers import GPT2Config

    return GPT2Config(**_GPT2)


CONFIGS: dict[str, Callable[[], Any]] = {
    "llama": _config("LlamaConfig", tie_word_embeddings=True),
    "qwen2": _config("Qwen2Config"),
    "qwen3": _config("Qwen3Config", head_dim=16),
    "gemma2": _config(
        "Gemma2Config",
        head_dim=16,
        query_pre_attn_scalar=20,
        sliding_window=WINDOW,
        layer_types=LAYERS,
        attn_logit_softcapping=2.0,
        final_logit_softcapping=3.0,
    ),
    "gemma3": _config(
        "Gemma3TextConfig", head_dim=16, query_pre_attn_scalar=20, sliding_window=WINDOW, layer_types=LAYERS
    ),
    "mistral": _config("MistralConfig", sliding_window=WINDOW),
    "phi3": _config("Phi3Config", sliding_window=WINDOW),
    "olmo2": _config("Olmo2Config"),
    "granite": _config("GraniteConfig", logits_scaling=4.0, attention_multiplier=0.3, residual_multiplier=0.5),
    "gpt_neox": _config("GPTNeoXConfig", num_key_value_heads=...),
    "gpt_oss": _config("GptOssConfig", head_dim=16, sliding_window=WINDOW, num_local_experts=2, num_experts_per_tok=1),
    "gpt2": _gpt2,
}
TARGETS: dict[str, list[str]] = {
    "phi3": ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"],
    "gpt_neox": ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"],
    "gpt_oss": ["q_proj", "k_proj", "v_proj", "o_proj"],
    "gpt2": ["c_attn", "c_proj", "c_fc"],
}
LLAMA_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def adapted(kind: str, *, embeddings: bool = False, seed: int = 5, dtype: torch.dtype = torch.float32) -> Any:
    """A tiny model with a LoRA whose B is random, so that every gradient is alive; the base's sinks are random too."""
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = AutoModelForCausalLM.from_config(CONFIGS[kind]()).to(dtype)
    for name, parameter in model.named_parameters():
        if name.endswith("sinks"):
            torch.nn.init.normal_(parameter)
    method = ResolvedLora(
        kind="lora",
        rank=3,
        alpha=6.0,
        dropout=0.0,
        targets=TARGETS.get(kind, LLAMA_TARGETS),
        train_embeddings=embeddings,
    )
    peft_model = attach(model, method, seed=seed)
    for name, parameter in peft_model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return peft_model


def rows(lengths: list[int] | tuple[int, ...] = (9, 23, 5, 23, 31, 12), *, seed: int = 1) -> list[Row]:
    """Rows of random tokens; about half of them, in runs, are trained."""
    generator = torch.Generator().manual_seed(seed)
    record = Record("0" * 16, (Message("user", "?"), Message("assistant", "!")), Origin("rows", 1))
    made = []
    for length in lengths:
        ids = torch.randint(2, VOCABULARY, (length,), generator=generator).tolist()
        trained = [t >= length // 3 and t % 7 != 3 for t in range(length)]
        made.append(Row(record, Tokens(tuple(ids), tuple(trained), turns=len(record.messages))))
    return made
