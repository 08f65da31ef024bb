"""A tokenizer built here: byte-level, with the special tokens that the templates of well-known bases write."""

from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

TEXTS = [
    "チェックインは15時です。",
    "What time is check-in? It is 3 pm.",
    "user assistant system model",
    "User: Assistant: ",
]


@pytest.fixture(scope="session")
def backend() -> Tokenizer:
    """Byte-level BPE, so that every text can be encoded and decoded without loss."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    special = ["<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    tokenizer.add_special_tokens(
        [AddedToken(t, special=True, normalized=False) for t in (*special, "<start_of_turn>", "<end_of_turn>")]
    )
    return tokenizer


@pytest.fixture(scope="session")
def tokenizer_with(backend: Tokenizer) -> Any:
    """A function from a chat template to a Hugging Face tokenizer that has it."""
    from transformers import PreTrainedTokenizerFast

    def build(template: str) -> Any:
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")
        tokenizer.chat_template = template
        return tokenizer

    return build
