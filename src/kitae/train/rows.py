"""Records as token rows: rendered as serving renders them, cut at whole turns, nothing left out without a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kitae.core.chat import Tokens, encode
from kitae.core.records import Message, Record
from kitae.errors import BaseError


@dataclass(frozen=True)
class Row:
    """A conversation of T tokens, or one answer of it with all before; `cut` counts the turns left off at its end."""

    record: Record
    tokens: Tokens
    cut: int = 0

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.tokens)

    @property
    def rows(self) -> "tuple[Row, ...]":
        """Itself: a row is trained by itself."""
        return (self,)

    @property
    def weight(self) -> float:
        """How often an epoch should hold it, relative to the others."""
        return self.record.weight

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages of the record that are in this row."""
        return tuple(self.record.messages[: self.tokens.turns])

    @property
    def labels(self) -> int:
        """Tokens that are trained: a trained first token has nothing before it to be predicted from."""
        return sum(self.tokens.trained[1:])


@dataclass(frozen=True)
class LeftOut:
    """A record that cannot be trained, and why."""

    record: Record
    reason: str

    def __str__(self) -> str:
        """`faq.csv:17 (5f3a…): no answer`."""
        return f"{self.record.origin} ({self.record.id}): {self.reason}"


def tokenise(tokenizer: Any, records: Sequence[Record], *, max_row_tokens: int) -> tuple[list[Row], list[LeftOut]]:
    """Every record as a row of at most `max_row_tokens` tokens, or among those left out with the reason.

    A longer conversation keeps the turns up to the last answer that still fits. With a template that renders earlier
    answers differently, each answer is a row of its own (see `kitae.core.chat.renderings`).
    """
    rows: list[Row] = []
    left_out: list[LeftOut] = []
    refused: dict[int, BaseError] = {}
    encoded = encode(tokenizer, [record.messages for record in records], on_refused=refused.__setitem__)
    for index, (record, found) in enumerate(zip(records, encoded, strict=True)):
        if index in refused:
            left_out.append(LeftOut(record, str(refused[index])))
            continue
        taught = [tokens for tokens in found if any(tokens.trained[1:])]
        if not taught:
            left_out.append(LeftOut(record, "no answer to a question, so nothing in it would be trained"))
            continue
        fitting = [tokens for tokens in taught if len(tokens) <= max_row_tokens]
        if len(taught) == 1 and not fitting:
            fitting = _cut(tokenizer, record, max_row_tokens)
        if not fitting:
            whole = max(map(len, taught))
            reason = f"its first answer ends beyond {max_row_tokens} tokens (the whole record has {whole})"
            left_out.append(LeftOut(record, reason))
        cut = taught[-1].turns - fitting[-1].turns if fitting else 0
        rows += [Row(record, tokens, cut if tokens is fitting[-1] else 0) for tokens in fitting]
    return rows, left_out


def _cut(tokenizer: Any, record: Record, max_row_tokens: int) -> list[Tokens]:
    """The longest beginning of the record that ends with an answer and fits; none when the first does not."""
    ends = [i + 1 for i, message in enumerate(record.messages) if message.role == "assistant"]
    beginnings = encode(tokenizer, [record.messages[:end] for end in ends[::-1]])
    fitting = (found for found in beginnings if len(found[0]) <= max_row_tokens and any(found[0].trained[1:]))
    return next(fitting, [])
