"""Samples for the report: the first few of each kind, short, and with private data masked whatever the recipe says."""

from collections.abc import Callable, Iterable, Mapping

from kitae.core.records import Message, Record
from kitae.data.privacy.redaction import masked

EXAMPLES = 3
EXAMPLE_CHARACTERS = 160
_BEFORE, _AROUND = 16, 72
PRIVACY = "privacy"
MENDED = ("mojibake", "normalise")
"""Edits that change text when a row is read."""

Sample = dict[str, str]
Samples = dict[str, list[Sample]]


def short(text: str) -> str:
    """A text without private data, cut to a length that can be read at a glance."""
    text = masked(text)
    return text if len(text) <= EXAMPLE_CHARACTERS else text[:EXAMPLE_CHARACTERS] + "…"


def sample_of(record: Record, reason: str) -> Sample:
    """What a record says, and a reason."""
    row = {"id": record.id, "origin": str(record.origin), "reason": reason}
    return {**row, "question": short(record.question), "answer": short(record.answer)}


def add_samples(mine: Samples, more: Mapping[str, Iterable[Sample]]) -> None:
    """Add the samples of rows that follow, as far as there is room."""
    for kind, samples in more.items():
        mine[kind] = [*mine.get(kind, []), *samples][:EXAMPLES]


def mended_sample(before: Iterable[Message], record: Record, rule: str) -> Sample | None:
    """A place that `rule` put right, before and after: `before` are the turns as they were read.

    Where there is private data only what came out is shown, masked: garbled, nothing would find it. None when the
    edited place is no turn.
    """
    turns = {edit.detail["turn"] for edit in record.history if edit.rule == rule and "turn" in edit.detail}
    places = [edit.detail.get("place") for edit in record.history if edit.rule == PRIVACY]
    redacted = {number for number in turns if f"turn {number}" in places}
    for number, (was, now) in enumerate(zip(before, record.messages, strict=False), start=1):
        if number not in turns or not now.content:
            continue
        at = next((place for place, (a, b) in enumerate(zip(was.content, now.content, strict=False)) if a != b), 0)
        start = max(0, at - _BEFORE)
        private = number in redacted or masked(now.content) != now.content
        shown = masked(now.content)[:_AROUND] if private else now.content[start : start + _AROUND]
        return {
            "id": record.id,
            "origin": str(record.origin),
            "before": "" if private else was.content[start : start + _AROUND],
            "after": shown,
        }
    return None


def mended_samples(rows: Iterable[tuple[Record, Callable[[], Iterable[Message]]]]) -> Samples:
    """The first places of each rule of `MENDED` among records; the functions give their turns as they were read."""
    samples: Samples = {}
    for record, as_read in rows:
        for rule in MENDED:
            if len(samples.get(rule, ())) < EXAMPLES and any(edit.rule == rule for edit in record.history):
                sample = mended_sample(as_read(), record, rule)
                add_samples(samples, {rule: [sample] if sample else []})
    return samples
