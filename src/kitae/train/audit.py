"""The audit before the first step: what would train wrong silently is counted, said, and stopped.

A fine-tuning that goes wrong mostly goes wrong here: no token carries a label, answers never end, the training text
differs from the serving text, a special token stands twice. Each finding below is one of these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kitae.core.chat import end_token_ids, prompt_ids
from kitae.errors import BaseError, NothingToLearn
from kitae.train.rows import LeftOut, Row

SHOWN = 10
"""Offending rows that are named; the count says how many there are."""
COMPARED_PROMPTS = 2_000
"""Prompts rendered once more as serving does, evenly over the data: enough to find a template that differs."""


@dataclass(frozen=True)
class Audit:
    """Counts over the training rows."""

    records: int
    rows: int
    tokens: int
    trained_tokens: int
    rows_cut: int
    rows_left_out: int
    prompts_compared: int
    later_prompts_differ: int

    @property
    def sentence(self) -> str:
        """The audit for people."""
        share = self.trained_tokens / max(1, self.tokens)
        return (
            f"{self.rows:,} rows of {self.records:,} records, {self.tokens:,} tokens, "
            f"{self.trained_tokens:,} of them trained ({share:.0%}); "
            f"{self.rows_cut:,} rows cut, {self.rows_left_out:,} left out; every answer ends with its end token; "
            f"{self.prompts_compared:,} prompts equal what serving feeds"
        )


def audit(tokenizer: Any, rows: Sequence[Row], left_out: Sequence[LeftOut]) -> Audit:
    """Check the training rows.

    Raises `NothingToLearn` when no token would be trained, `BaseError` when the base's template or tokenizer would
    teach something wrong; both name the offending rows.
    """
    if not rows:
        raise NothingToLearn(
            "no token of the training data would be trained",
            got=_named([str(row) for row in left_out]) if left_out else "an empty training split",
            hint="Every record needs an answer (a turn of the role assistant) that fits train.max_row_tokens",
        )
    _check_ends(tokenizer, rows)
    _check_special_tokens(tokenizer, rows)
    compared, later = _compare_prompts(tokenizer, rows)
    return Audit(
        records=len({row.record.id for row in rows}),
        rows=len(rows),
        tokens=sum(map(len, rows)),
        trained_tokens=sum(row.labels for row in rows),
        rows_cut=sum(row.cut > 0 for row in rows),
        rows_left_out=len(left_out),
        prompts_compared=compared,
        later_prompts_differ=later,
    )


def _check_ends(tokenizer: Any, rows: Sequence[Row]) -> None:
    """Every trained span must end with a token that ends an answer, else the model never learns to stop."""
    ends = set(end_token_ids(tokenizer))
    endless = [row for row in rows if not _last_ids(row) <= ends]
    if endless:
        raise BaseError(
            "answers would be trained without their end, so the model would never stop",
            got=_named([f"{row.record.origin} ({row.record.id})" for row in endless]),
            known=sorted(tokenizer.convert_ids_to_tokens(sorted(ends))),
            hint="The chat template must write an end token after an answer; give the base another chat_template.jinja",
        )


def _last_ids(row: Row) -> set[int]:
    """The last token of each trained span."""
    ids, trained = row.tokens.ids, (*row.tokens.trained, False)
    return {ids[i] for i in range(len(ids)) if trained[i] and not trained[i + 1]}


def _check_special_tokens(tokenizer: Any, rows: Sequence[Row]) -> None:
    """Neither the begin token nor an end token may stand twice in a row: template and tokenizer both wrote it."""
    doubled = {tokenizer.bos_token_id, *end_token_ids(tokenizer)} - {None}
    wrong = [
        row
        for row in rows
        if any(a == b and a in doubled for a, b in zip(row.tokens.ids, row.tokens.ids[1:], strict=False))
    ]
    if wrong:
        raise BaseError(
            "a special token stands twice in a row in the training text",
            got=_named([f"{row.record.origin} ({row.record.id})" for row in wrong]),
            known=sorted(tokenizer.convert_ids_to_tokens(sorted(doubled))),
            hint="Take the special token out of the data, or out of the base's chat template",
        )


def _compare_prompts(tokenizer: Any, rows: Sequence[Row]) -> tuple[int, int]:
    """How many prompts were compared with serving, and how many prompts of later turns differ in their tokens.

    The first prompt of a record must be equal token by token. Later ones can differ where a tokenizer joins an answer
    to what follows it; that is counted and said.
    """
    step = max(1, -(-len(rows) // COMPARED_PROMPTS))
    wrong, later, compared = [], 0, 0
    for row in rows[::step]:
        starts = _answer_starts(row)
        answers = [i for i, message in enumerate(row.messages) if message.role == "assistant"][-len(starts) :]
        for number, (start, answer) in enumerate(zip(starts, answers, strict=False)):
            compared += 1
            if list(row.tokens.ids[:start]) == prompt_ids(tokenizer, row.messages[:answer]):
                continue
            if number or any(message.role == "assistant" for message in row.messages[1:answer]):
                later += 1
            else:
                wrong.append(row)
    if wrong:
        raise BaseError(
            "the tokens before an answer differ between training and serving",
            got=_named([f"{row.record.origin} ({row.record.id})" for row in wrong]),
            hint="The base's chat template is not consistent; give the base another chat_template.jinja",
        )
    return compared, later


def _answer_starts(row: Row) -> list[int]:
    trained = (False, *row.tokens.trained)
    return [i for i in range(len(row.tokens.ids)) if trained[i + 1] and not trained[i]]


def _named(rows: Sequence[str]) -> str:
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return "; ".join(rows[:SHOWN]) + more
