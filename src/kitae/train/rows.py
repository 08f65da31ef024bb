"""Records as token rows: rendered as serving renders them, cut at whole turns, nothing left out without a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kitae.core.chat import Tokens, encode
from kitae.core.records import Record


@dataclass(frozen=True)
class Row:
    """One conversation of T tokens and which of them are trained; `cut` counts the turns left off at its end."""

    record: Record
    tokens: Tokens
    cut: int = 0

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.tokens)

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

    A longer conversation keeps the turns up to the last answer that still fits.
    """
    rows: list[Row] = []
    left_out: list[LeftOut] = []
    encoded = encode(tokenizer, [record.messages for record in records])
    for record, tokens in zip(records, encoded, strict=True):
        if not any(tokens.trained[1:]):
            left_out.append(LeftOut(record, "no answer, so nothing in it would be trained"))
            continue
        if len(tokens) <= max_row_tokens:
            rows.append(Row(record, tokens))
            continue
        row = _cut(tokenizer, record, max_row_tokens)
        if row is None:
            reason = f"its first answer ends beyond {max_row_tokens} tokens (the whole record has {len(tokens)})"
            left_out.append(LeftOut(record, reason))
        else:
            rows.append(row)
    return rows, left_out


def _cut(tokenizer: Any, record: Record, max_row_tokens: int) -> Row | None:
    """The longest beginning of the record that ends with an answer and fits."""
    ends = [i + 1 for i, message in enumerate(record.messages) if message.role == "assistant"]
    for end, tokens in zip(ends[::-1], encode(tokenizer, [record.messages[:end] for end in ends[::-1]]), strict=True):
        if len(tokens) <= max_row_tokens and any(tokens.trained[1:]):
            return Row(record, tokens, cut=len(record.messages) - end)
    return None
