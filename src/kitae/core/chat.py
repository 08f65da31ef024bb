"""One rendering of a conversation, used by training, evaluation and serving alike.

Most wrong fine-tunings come from a training text that differs from the serving text. Here both come from the same
chat template by the same calls: the text before an answer is what `prompt_text` gives for serving, letter by letter,
and what is trained is that answer up to and including the token that ends the turn.

Works with any Hugging Face tokenizer that has a chat template; templates need no generation markers. Tokenizers are
passed in (this package imports none).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kitae.core.records import Message
from kitae.errors import BaseError

HOUSE_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}User: {{ message['content'] }}\n"
    "{% elif message['role'] == 'assistant' %}Assistant: {{ message['content'] }}{{ eos_token }}\n"
    "{% else %}{{ message['content'] }}\n{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}Assistant: {% endif %}"
)
"""For bases that come without a template (plain pre-trained models)."""


@dataclass(frozen=True)
class Segment:
    """A piece of the rendered text; `trained` pieces are answers with their end of turn."""

    text: str
    trained: bool


@dataclass(frozen=True)
class Tokens:
    """A conversation as token ids (T tokens) and, of the same length, which of them are trained."""

    ids: tuple[int, ...]
    trained: tuple[bool, ...]

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.ids)


def prompt_text(tokenizer: Any, messages: Sequence[Message]) -> str:
    """The text a model is given when it is to answer after `messages`."""
    return _template(tokenizer, messages, prompt=True)


def prompt_ids(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """`prompt_text` as token ids; the template writes the special tokens, so none are added."""
    ids: list[int] = tokenizer(prompt_text(tokenizer, messages), add_special_tokens=False)["input_ids"]
    return ids


def segments(tokenizer: Any, messages: Sequence[Message]) -> list[Segment]:
    """Cut the rendered conversation into trained and untrained pieces that join to the whole text.

    Raises `BaseError` when the template rewrites earlier turns, so that no training text could equal serving text.
    """
    whole = _template(tokenizer, messages)
    pieces: list[Segment] = []
    at = 0
    for index, message in enumerate(messages):
        if message.role != "assistant":
            continue
        before = _template(tokenizer, messages[:index], prompt=True)
        through = _template(tokenizer, messages[: index + 1])
        if not (through.startswith(before) and whole.startswith(before) and whole.startswith(through.rstrip())):
            raise BaseError(
                "the chat template of this base renders an earlier turn differently once another follows",
                got=f"turn {index + 1} of {len(messages)}",
                hint="Train single-turn records with this base, or give its folder another chat_template.jinja",
            )
        turn = through[len(before) :].rstrip()
        pieces += [
            Segment(before[at:], trained=False),
            Segment(turn + _missing_end(tokenizer, turn, message.content), trained=True),
        ]
        at = len(before) + len(turn)
    if whole[at:].strip():
        pieces.append(Segment(whole[at:], trained=False))
    return [piece for piece in pieces if piece.text]


def encode(tokenizer: Any, conversations: Sequence[Sequence[Message]]) -> list[Tokens]:
    """Token ids and trained flags of many conversations.

    Pieces are tokenised apart, so that the tokens before an answer are exactly those that serving will feed.
    """
    cut = [segments(tokenizer, messages) for messages in conversations]
    texts = [piece.text for pieces in cut for piece in pieces]
    encoded = iter(tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else [])
    rows = []
    for pieces in cut:
        ids: list[int] = []
        trained: list[bool] = []
        for piece in pieces:
            piece_ids = next(encoded)
            ids += piece_ids
            trained += [piece.trained] * len(piece_ids)
        rows.append(Tokens(tuple(ids), tuple(trained)))
    return rows


def end_token_ids(tokenizer: Any) -> list[int]:
    """Ids that end an answer: the tokenizer's EOS, and whatever single token the template writes after an answer."""
    probe = (Message("user", "?"), Message("assistant", "!"))
    answer = segments(tokenizer, probe)[-1].text
    last = tokenizer(answer, add_special_tokens=False)["input_ids"][-1]
    special = last in set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    ids = [last] if special else []
    if tokenizer.eos_token_id is not None and tokenizer.eos_token_id not in ids:
        ids.append(tokenizer.eos_token_id)
    return ids


def _template(tokenizer: Any, messages: Sequence[Message], *, prompt: bool = False) -> str:
    rows = [message.as_dict() for message in messages]
    text: str = tokenizer.apply_chat_template(rows, tokenize=False, add_generation_prompt=prompt)
    return text


def _missing_end(tokenizer: Any, turn: str, content: str) -> str:
    """EOS when the template writes nothing after an answer, which would teach the model never to stop; else ""."""
    return str(tokenizer.eos_token) if turn.strip() == content.strip() and tokenizer.eos_token else ""
