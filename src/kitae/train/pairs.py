"""Preference pairs as token rows: one prompt, the answer that was chosen and the one that was not.

Only the last answer of each is judged; everything before it is the prompt, which both share and which the layout in
trees computes once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from kitae.core.chat import Tokens, encode
from kitae.core.records import Record
from kitae.errors import BaseError
from kitae.train.rows import LeftOut, Row


@dataclass(frozen=True)
class Pair:
    """The two rows of a preference, and the log-probability of each answer before training, once it is known."""

    chosen: Row
    rejected: Row
    reference: tuple[float, float] | None = None

    def __len__(self) -> int:
        """Tokens of both rows."""
        return len(self.chosen) + len(self.rejected)

    @property
    def rows(self) -> tuple[Row, ...]:
        """Both rows, the chosen one first."""
        return (self.chosen, self.rejected)

    @property
    def weight(self) -> float:
        """How often an epoch should hold it, relative to the others."""
        return self.chosen.weight


def tokenise_pairs(
    tokenizer: Any, records: Sequence[Record], *, max_row_tokens: int
) -> tuple[list[Pair], list[LeftOut]]:
    """Every record as a pair, or among those left out with the reason. Nothing is cut: a cut answer is another answer.

    Each row's record holds the messages of that row.
    """
    both = [record for record in records if record.rejected]
    left_out = [LeftOut(record, "no rejected answer to compare with") for record in records if not record.rejected]
    refused: dict[int, BaseError] = {}
    sides = [replace(r, messages=messages) for r in both for messages in (r.messages, (*r.prompt, *r.rejected))]
    encoded = encode(tokenizer, [side.messages for side in sides], on_refused=refused.__setitem__)
    pairs: list[Pair] = []
    for number, record in enumerate(both):
        fault = refused.get(2 * number) or refused.get(2 * number + 1)
        chosen, rejected = (
            Row(sides[i], _last_answer(encoded[i][-1])) if encoded[i] else None for i in (2 * number, 2 * number + 1)
        )
        reason = str(fault) if fault else _fault(chosen, rejected, max_row_tokens)
        if reason or chosen is None or rejected is None:
            left_out.append(LeftOut(record, reason))
        else:
            pairs.append(Pair(chosen, rejected))
    return pairs, left_out


def _fault(chosen: Row | None, rejected: Row | None, max_row_tokens: int) -> str:
    if chosen is None or rejected is None or not chosen.labels or not rejected.labels:
        return "no answer to a question, so nothing in it would be judged"
    if chosen.tokens.ids == rejected.tokens.ids:
        return "both answers are the same"
    longest = max(len(chosen), len(rejected))
    return f"longer than {max_row_tokens} tokens ({longest})" if longest > max_row_tokens else ""


def _last_answer(tokens: Tokens) -> Tokens:
    """The same tokens with only the last run of trained ones trained."""
    trained = list(tokens.trained)
    end = max((i + 1 for i, t in enumerate(trained) if t), default=0)
    begin = end
    while begin and trained[begin - 1]:
        begin -= 1
    return replace(tokens, trained=tuple(begin <= i < end for i in range(len(trained))))
