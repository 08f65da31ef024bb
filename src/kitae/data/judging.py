"""What speaks against a record by itself: rules, private data where it may not be, questions that nobody can mark."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from kitae.core.data_settings import PolicySettings
from kitae.core.records import Edit, Record
from kitae.data.contamination import held_kind
from kitae.data.custody.admission import is_gone
from kitae.data.custody.policy import POLICY, breach
from kitae.data.intake import Quarantined
from kitae.data.privacy.redaction import masked
from kitae.data.quoting import QUOTED_CHARACTERS
from kitae.data.review.decisions import Decision
from kitae.data.rules import Norms, Rules, assess, empty_answer, judge

Fate = Literal["kept", "dropped", "quarantined"]
PAPERS = ("no_licence",)
"""Rules about the terms of a record: they hold for rows of a test split and of held-out sets, too."""


@dataclass(frozen=True)
class Judge:
    """All that is asked about a record, whichever worker asks it.

    The policy is asked of every record, whatever it is for. A `held_out` set is only measured, and a test split
    somebody else drew is never thinned for its quality: of those, rows go only for their terms, or to quarantine when
    nobody could mark an answer to them.
    """

    task: str
    norms: Norms
    rules: Rules
    policy: PolicySettings
    drop_private: bool
    held_out: bool
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    """Record id to what a person decided about it."""
    drop_contaminated: tuple[str, ...] = ()
    """What a record must hold of a benchmark to go: both, question, answer."""

    def fate(self, record: Record) -> tuple[Fate, Record | Quarantined]:
        """What becomes of a record: kept (with flags), dropped (with the reason last in its history), quarantined.

        Its terms come first, then whether it is in a benchmark, then what a person decided; a corrected record is
        asked about like any other.
        """
        lacking = None if is_gone(record) else breach(record, self.policy)
        if lacking is not None:
            return "dropped", record.with_edit(Edit(POLICY, lacking))
        if is_gone(record) or held_kind(record) in self.drop_contaminated:
            return "dropped", record
        if record.id in self.decisions:
            record, stays = self.decisions[record.id].on(record, self.task)
            if not stays:
                return "dropped", record
        if self.held_out or record.use == "test":
            return self._measured(record)
        return self._judged(record)

    def _judged(self, record: Record) -> tuple[Fate, Record | Quarantined]:
        found = assess(record, self.norms, self.rules)
        if found.against is not None and self.rules[found.against[0]].action == "quarantine":
            return "quarantined", _aside(record, "{}: {}".format(*found.against))
        verdict = found.against or (_private(record) if self.drop_private else None)
        if verdict is not None:
            return "dropped", record.with_edit(Edit(*verdict))
        return "kept", replace(record, history=(*record.history, *found.flags))

    def _measured(self, record: Record) -> tuple[Fate, Record | Quarantined]:
        papers = {name: asked for name, asked in self.rules.items() if name in PAPERS}
        verdict = judge(record, self.norms, papers)
        if verdict is not None:
            return "dropped", record.with_edit(Edit(*verdict))
        if all(message.role in {"system", "document"} for message in record.messages):
            return "kept", record  # raw text: nobody answers in it, and nobody marks it
        reason = empty_answer(record, self.norms, 1.0)
        if reason is None and self.held_out and not record.question.strip():
            reason = "nothing was asked"
        if reason is None:
            return "kept", record
        return "quarantined", _aside(record, f"it cannot be marked: {reason}")


def _aside(record: Record, reason: str) -> Quarantined:
    excerpt = masked(record.question)[:QUOTED_CHARACTERS]
    return Quarantined(record.origin, reason, excerpt, excerpt)


def _private(record: Record) -> tuple[str, str] | None:
    """Only what stands in the text counts: other columns are redacted, and nobody trains on them."""
    found = [edit.detail for edit in record.history if edit.rule == "privacy"]
    kinds = sorted({detail["kind"] for detail in found if detail["place"].startswith("turn ")})
    return ("privacy", f"holds private data: {', '.join(kinds)}") if kinds else None
