"""A bilingual byte-level BPE of 8,192 tokens that gives back any text unchanged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PAD, END, SYSTEM, USER, ASSISTANT, TOOL, CALL = SPECIAL = (
    "<|pad|>",
    "<|end|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|tool|>",
    "<|call|>",
)
"""Ids 0 to 6. ``<|end|>`` closes a turn, ends a document and stops generation."""

ROLE_TOKENS = {"system": SYSTEM, "user": USER, "assistant": ASSISTANT, "tool": TOOL, "call": CALL}

# Runs of one script stay together: without this, BPE spends its vocabulary on whole
# phrases of the hotel data, and kanji stems never meet their other endings.
# Every digit is a token of its own, so that 1999 and 2001 share their parts.
PATTERN = (
    r"'(?:[sdmt]|ll|ve|re)"
    r"|[\p{Han}々〆]+"
    r"|\p{Hiragana}+"
    r"|[\p{Katakana}ー]+"
    r"| ?[\p{L}\p{M}&&[^\p{Han}\p{Hiragana}\p{Katakana}ー々〆]]+"
    r"| ?\p{N}"
    r"| ?[^\s\p{L}\p{M}\p{N}]+"
    r"|\s+(?!\S)"
    r"|\s+"
)

# Two marker tokens a turn. Tool calls follow the common `tool_calls` message field.
CHAT_TEMPLATE = """\
{%- if tools %}{{ '<|system|>' + (tools | tojson) + '<|end|>' }}{% endif -%}
{%- for message in messages -%}
{%- if message['role'] == 'assistant' -%}
{{ '<|assistant|>' }}{% generation %}{{ message['content'] or '' }}\
{%- for call in message['tool_calls'] or [] %}\
{{ '<|call|>' + ((call['function'] or call) | tojson) }}{% endfor -%}\
{{ '<|end|>' }}{% endgeneration %}
{%- else -%}
{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<|assistant|>' }}{% endif -%}
"""


def train(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """BPE over bytes; deterministic for the same texts in the same order."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[AddedToken(token, normalized=False, special=True) for token in SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=24,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def wrap(tokenizer: Tokenizer, context: int) -> PreTrainedTokenizerFast:
    """The same tokenizer as ``AutoTokenizer`` will load it."""
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        extra_special_tokens=[SYSTEM, USER, ASSISTANT, TOOL, CALL],
        model_max_length=context,
        padding_side="right",
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )


def save(tokenizer: Tokenizer, context: int, folder: Path) -> None:
    """tokenizer.json, tokenizer_config.json and chat_template.jinja."""
    wrap(tokenizer, context).save_pretrained(folder)
    # transformers 5 writes the name of its backend; this one loads in 4 as well.
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    path.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    # The indented form that is saved by default is three times the size.
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
