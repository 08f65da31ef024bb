"""One rendering of a conversation, used by training, evaluation and serving alike.

Most wrong fine-tunings come from a training text that differs from the serving text. Here both come from the same
chat template by the same calls: the text before an answer is what `prompt_text` gives for serving, letter by letter,
and what is trained is that answer up to and including the token that ends the turn.

Works with any Hugging Face tokenizer that has a chat template; templates need no generation markers. Tokenizers are
passed in (this package imports none).
"""

from collections.abc import Callable, Sequence
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
    """A conversation as token ids (T tokens) and, of the same length, which of them are trained.

    `turns` counts its messages that are rendered here, from the first on.
    """

    ids: tuple[int, ...]
    trained: tuple[bool, ...]
    turns: int

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.ids)


def prompt_text(tokenizer: Any, messages: Sequence[Message]) -> str:
    """The text a model is given when it is to answer after `messages`; no messages give no text.

    Raises `BaseError` when the base's template refuses the conversation (a role it does not know, two turns of a kind).
    """
    return _template(tokenizer, messages, prompt=True) if messages else ""


def prompt_ids(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """`prompt_text` as token ids, however many: whoever feeds them to a model says when they do not fit."""
    return _ids(tokenizer, [prompt_text(tokenizer, messages)])[0]


@dataclass(frozen=True)
class Rendering:
    """The first `turns` messages of a conversation as rendered, in pieces that join to the whole text."""

    pieces: tuple[Segment, ...]
    turns: int


def renderings(tokenizer: Any, messages: Sequence[Message]) -> list[Rendering]:
    """The texts that teach a conversation, cut into pieces: mostly one text, with every answer trained.

    Some templates render an earlier answer differently once another turn follows (Qwen3's leaves its thoughts out). No
    single text then holds every answer as serving has it, so each answer gets a text of its own: what serving renders
    before it, and the answer. An assistant turn that nothing precedes (a greeting) answers nothing and is only read.

    Raises `BaseError` when the template refuses the conversation, or an answer does not begin as its own prompt.
    """
    whole = _template(tokenizer, messages)
    asked = [index for index, message in enumerate(messages) if index and message.role == "assistant"]
    answers = [_answer(tokenizer, messages, index, whole) for index in asked]
    if not all(whole.startswith(before + answer) for _, before, answer, _ in answers):
        return [
            Rendering((Segment(before, trained=False), Segment(answer + end, trained=True)), index + 1)
            for index, before, answer, end in answers
        ]
    pieces: list[Segment] = []
    at = 0
    for _, before, answer, end in answers:
        pieces += [Segment(before[at:], trained=False), Segment(answer + end, trained=True)]
        at = len(before) + len(answer)
    if whole[at:].strip():
        pieces.append(Segment(whole[at:], trained=False))
    return [Rendering(tuple(piece for piece in pieces if piece.text), len(messages))]


def encode(
    tokenizer: Any,
    conversations: Sequence[Sequence[Message]],
    *,
    on_refused: Callable[[int, BaseError], None] | None = None,
) -> list[list[Tokens]]:
    """For each conversation its `renderings` as token ids and trained flags.

    Pieces are tokenised apart, so that the tokens before an answer are exactly those that serving will feed. With
    `on_refused(index, error)` a conversation that the template refuses gives no tokens; without it the error is raised.
    """
    rendered: list[list[Rendering]] = []
    for index, messages in enumerate(conversations):
        try:
            rendered.append(renderings(tokenizer, messages))
        except BaseError as error:
            if on_refused is None:
                raise
            rendered.append([])
            on_refused(index, error)
    pieces = [piece.text for several in rendered for text in several for piece in text.pieces]
    encoded = iter(_ids(tokenizer, pieces))

    def tokens(text: Rendering) -> Tokens:
        ids: list[int] = []
        trained: list[bool] = []
        for piece in text.pieces:
            piece_ids = next(encoded)
            ids += piece_ids
            trained += [piece.trained] * len(piece_ids)
        return Tokens(tuple(ids), tuple(trained), text.turns)

    return [[tokens(text) for text in several] for several in rendered]


def end_token_ids(tokenizer: Any) -> list[int]:
    """Ids that end an answer: the tokenizer's EOS, and whatever single token the template writes after an answer."""
    probe = (Message("user", "?"), Message("assistant", "!"))
    answer = renderings(tokenizer, probe)[0].pieces[-1].text
    last = _ids(tokenizer, [answer])[0][-1]
    special = last in set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    ids = [last] if special else []
    if tokenizer.eos_token_id is not None and tokenizer.eos_token_id not in ids:
        ids.append(tokenizer.eos_token_id)
    return ids


def _ids(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Texts as token ids. The template writes the special tokens, so none are added; transformers warns of nothing."""
    ids: list[list[int]] = tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"] if texts else []
    return ids


def _template(tokenizer: Any, messages: Sequence[Message], *, prompt: bool = False) -> str:
    """The rendered text. Templates that can think are told not to: the answers that teach them hold no thoughts."""
    from jinja2 import TemplateError

    rows = [message.as_dict() for message in messages]
    try:
        text: str = tokenizer.apply_chat_template(
            rows, tokenize=False, add_generation_prompt=prompt, enable_thinking=False
        )
    except TemplateError as error:
        raise BaseError(
            "the chat template of this base refuses a conversation",
            got=f"{' '.join(str(error).split())} (roles: {', '.join(message.role for message in messages)})",
            hint="Change the conversation, or give the folder of the base another chat_template.jinja",
        ) from error
    return text


def _answer(tokenizer: Any, messages: Sequence[Message], index: int, whole: str) -> tuple[int, str, str, str]:
    """Message `index` as it is taught: the prompt before it, the answer as rendered after it, and an end it lacks.

    `whole` is the rendering of all messages.
    """
    before = _template(tokenizer, messages[:index], prompt=True)
    through = whole if index + 1 == len(messages) else _template(tokenizer, messages[: index + 1])
    if not through.startswith(before):
        raise BaseError(
            "the chat template of this base writes an answer otherwise than it asks for one",
            got=f"turn {index + 1} of {len(messages)}",
            hint="Give the folder of the base another chat_template.jinja",
        )
    answer = through[len(before) :].rstrip()
    return index, before, answer, _missing_end(tokenizer, answer, messages[index].content)


def _missing_end(tokenizer: Any, turn: str, content: str) -> str:
    """EOS when the template writes nothing after an answer, which would teach the model never to stop; else ""."""
    return str(tokenizer.eos_token) if turn.strip() == content.strip() and tokenizer.eos_token else ""
