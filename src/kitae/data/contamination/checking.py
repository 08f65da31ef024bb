"""From hits to edits: what is written into the history of a training record that holds rows of a benchmark."""

from collections.abc import Sequence
from typing import Any

from kitae.core.records import Edit, Record
from kitae.data.contamination.index import Index
from kitae.data.contamination.matching import Hit, check, turns_of
from kitae.data.contamination.showing import quote

RULE = "contaminated"
SPANS = 3
SPAN_CHARACTERS = 300
TRAINED = ("", "train")
"""Uses of records that may be trained on; a drawn test or validation row contaminates nothing."""
SAYS = {"both": "the question and the answer", "question": "the question", "answer": "the answer"}
HOW = {
    "exact": "word for word",
    "near": "nearly word for word ({share:.0%} alike)",
    "spans": "{share:.0%} of it in common spans",
}


def contamination_edits(records: Sequence[Record], index: Index) -> list[Edit | None]:
    """For each record, the edit that says what it holds of the benchmarks, or None. Pure.

    Call it before privacy replaces names on one side only; what the edit quotes is masked.
    """
    hits = check([record for record in records if record.use in TRAINED], index)
    found = iter(hits)
    return [_edit(record, next(found)) if record.use in TRAINED else None for record in records]


def held_kind(record: Record) -> str | None:
    """What a record holds of the benchmarks when that was the last thing found about it: both, question, answer."""
    edit = record.history[-1] if record.history else None
    return edit.detail["kind"] if edit is not None and edit.rule == RULE else None


def _edit(record: Record, hits: Sequence[Hit]) -> Edit | None:
    if not hits:
        return None
    worst = hits[0]
    how = HOW[worst.how].format(share=worst.question or worst.answer)
    more = f", and of {len(hits) - 1} more rows" if len(hits) > 1 else ""
    reason = f"holds {SAYS[worst.kind]} of {worst.benchmark}, {worst.row}, {how}{more}"
    turns = turns_of(record)
    spans = [quote(turns[turn].content, start, end)[:SPAN_CHARACTERS] for turn, start, end in worst.spans[:SPANS]]
    rows = [_row(hit) for hit in hits]
    return Edit(RULE, reason, {"kind": worst.kind, "how": worst.how, "spans": spans, "rows": rows})


def _row(hit: Hit) -> dict[str, Any]:
    return {
        "benchmark": hit.benchmark,
        "row": hit.row,
        "kind": hit.kind,
        "how": hit.how,
        "question": hit.question,
        "answer": hit.answer,
    }
