"""Tiny random models with a small tokenizer, built where a test needs them: every family that kitae promises."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

TEXTS = [
    "チェックインは何時からですか。チェックインは十五時からです。",
    "朝食は七時から十時まで、一階の食堂でご用意しております。",
    "温泉は二十四時間ご利用いただけます。駐車場は無料です。",
    "What time is check-in? Check-in starts at three in the afternoon.",
    "Breakfast is served from seven to ten in the dining room on the first floor.",
    "The hot spring is open all day. Parking is free of charge.",
]
TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"]
WITHOUT_TEMPLATE = frozenset({"gpt2"})
POSITIONS = 256
WINDOW = 8
"""Sliding windows are shorter than the tests' prompts, so that they matter."""


def _llama(sizes: dict[str, Any]) -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(**sizes, num_key_value_heads=2, tie_word_embeddings=True)


def _qwen3(sizes: dict[str, Any]) -> Any:
    from transformers import Qwen3Config

    return Qwen3Config(**sizes, num_key_value_heads=2, head_dim=16, tie_word_embeddings=False)


def _gemma3(sizes: dict[str, Any]) -> Any:
    from transformers import Gemma3TextConfig

    return Gemma3TextConfig(
        **sizes,
        num_key_value_heads=1,
        head_dim=16,
        query_pre_attn_scalar=16,
        sliding_window=WINDOW,
        layer_types=["sliding_attention", "full_attention"],
    )


def _mistral(sizes: dict[str, Any]) -> Any:
    from transformers import MistralConfig

    return MistralConfig(**sizes, num_key_value_heads=2, head_dim=16, sliding_window=WINDOW, tie_word_embeddings=False)


def _gpt2(sizes: dict[str, Any]) -> Any:
    from transformers import GPT2Config

    return GPT2Config(
        vocab_size=sizes["vocab_size"],
        n_positions=sizes["max_position_embeddings"],
        n_embd=sizes["hidden_size"],
        n_layer=sizes["num_hidden_layers"],
        n_head=sizes["num_attention_heads"],
        **{key: sizes[key] for key in ("initializer_range", "bos_token_id", "eos_token_id", "pad_token_id")},
    )


def _qwen3_moe(sizes: dict[str, Any]) -> Any:
    from transformers import Qwen3MoeConfig

    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
    return Qwen3MoeConfig(**sizes, **experts, num_key_value_heads=2, head_dim=16, tie_word_embeddings=False)


KINDS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "llama": _llama,
    "qwen3": _qwen3,
    "qwen3_moe": _qwen3_moe,
    "gemma3": _gemma3,
    "mistral": _mistral,
    "gpt2": _gpt2,
}


@cache
def tokenizer_json() -> str:
    """A byte-level BPE tokenizer of 384 tokens, learned from `TEXTS`."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=384,
        special_tokens=SPECIAL,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    text: str = tokenizer.to_str()
    return text


def build_tokenizer(*, template: str | None = TEMPLATE) -> Any:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(tokenizer_json()), eos_token="<|end|>", pad_token="<|pad|>"
    )
    if template:
        tokenizer.chat_template = template
    return tokenizer


def build_tiny(kind: str, folder: Path, *, seed: int = 3, width: int = 32, layers: int = 2) -> Path:
    """Write a loadable base (config, safetensors in fp32, tokenizer) of one of `KINDS` into `folder`; returns it.

    Weights are drawn wide, so that the likeliest token is decided by more than rounding.
    """
    import torch
    from transformers import AutoModelForCausalLM

    tokenizer = build_tokenizer(template=None if kind in WITHOUT_TEMPLATE else TEMPLATE)
    config = KINDS[kind](
        {
            "vocab_size": len(tokenizer),
            "hidden_size": width,
            "num_hidden_layers": layers,
            "num_attention_heads": 2,
            "max_position_embeddings": POSITIONS,
            "initializer_range": 0.3,
            "bos_token_id": None,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        }
        | ({} if kind == "gpt2" else {"intermediate_size": 2 * width})
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
