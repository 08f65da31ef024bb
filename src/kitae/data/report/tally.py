"""The tally of a dataset: exact counts and bounded samples, which shards make each for itself and which add up."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kitae.core.records import Edit, Record
from kitae.data.counting import BoundedCounts
from kitae.data.intake import Quarantined
from kitae.data.privacy.redaction import masked

EXAMPLES = 3
EXAMPLE_CHARACTERS = 160
MOST_NAMES = 10_000
"""Different labels, licences and the like that are counted each for itself."""
KEPT = "kept"

Sample = dict[str, str]


def _names() -> BoundedCounts:
    return BoundedCounts(MOST_NAMES)


@dataclass
class Profile:
    """What a set of records is like."""

    records: int = 0
    question: Counter[int] = field(default_factory=Counter)
    """Length of the question in characters, to the number of records."""
    answer: Counter[int] = field(default_factory=Counter)
    """Length of the answer in characters, to the number of records."""
    languages: BoundedCounts = field(default_factory=_names)
    labels: BoundedCounts = field(default_factory=_names)
    licences: BoundedCounts = field(default_factory=_names)
    consents: BoundedCounts = field(default_factory=_names)
    rights_holders: BoundedCounts = field(default_factory=_names)
    uses: BoundedCounts = field(default_factory=_names)

    def add(self, record: Record) -> None:
        """Count a record."""
        self.records += 1
        self.question[len(record.question)] += 1
        self.answer[len(record.answer)] += 1
        self.languages.add([record.language or "?"])
        self.labels.add([record.label] if record.label else [])
        self.licences.add([record.terms.licence or "?"])
        self.consents.add([record.terms.consent or "?"])
        self.rights_holders.add([record.terms.rights_holder or "?"])
        self.uses.add([record.use or "split"])

    def merge(self, other: "Profile") -> None:
        """Add the records of another profile."""
        self.records += other.records
        self.question.update(other.question)
        self.answer.update(other.answer)
        for name in ("languages", "labels", "licences", "consents", "rights_holders", "uses"):
            getattr(self, name).merge(getattr(other, name))


@dataclass
class Tally:
    """What became of the records. Tallies of shards are merged in the order of the rows, for the samples' sake."""

    kept: Profile = field(default_factory=Profile)
    dropped: Profile = field(default_factory=Profile)
    quarantined: int = 0
    fates: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """File to what became of its records: "kept" or the rule that dropped them, to how many."""
    edits: Counter[str] = field(default_factory=Counter)
    """Rule to the number of kept records that it edited."""
    flags: Counter[str] = field(default_factory=Counter)
    """Rule to the number of kept records that it flagged."""
    privacy: Counter[str] = field(default_factory=Counter)
    """Kind of private data to the number of places, in kept and dropped records."""
    samples: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))
    """Rule to the first records that it dropped or flagged, with private data masked."""
    quarantine: list[dict[str, Any]] = field(default_factory=list)
    """The first rows that could not be read, with private data masked."""

    def keep(self, record: Record) -> None:
        """Count a record that stays."""
        self.kept.add(record)
        self.fates[record.origin.file][KEPT] += 1
        rules: dict[str, Edit] = {}
        for edit in record.history:
            rules.setdefault(edit.rule, edit)
        for rule, edit in rules.items():
            if edit.detail.get("action") == "flag":
                self.flags[rule] += 1
                self._sample(rule, edit.reason, record)
            else:
                self.edits[rule] += 1
        self._count_private(record)

    def drop(self, record: Record) -> None:
        """Count a record that goes by the last rule of its history."""
        why = record.history[-1]
        self.dropped.add(record)
        self.fates[record.origin.file][why.rule] += 1
        self._sample(why.rule, why.reason, record)
        self._count_private(record)

    def set_aside(self, row: Quarantined) -> None:
        """Count a row that could not be used."""
        self.quarantined += 1
        if len(self.quarantine) < EXAMPLES:
            excerpt = row.masked_excerpt[:EXAMPLE_CHARACTERS]
            self.quarantine.append({**row.as_dict(), "reason": masked(row.reason), "excerpt": excerpt})

    def merge(self, other: "Tally") -> None:
        """Add what became of the rows that follow."""
        self.kept.merge(other.kept)
        self.dropped.merge(other.dropped)
        self.quarantined += other.quarantined
        for file, fates in other.fates.items():
            self.fates[file].update(fates)
        self.edits.update(other.edits)
        self.flags.update(other.flags)
        self.privacy.update(other.privacy)
        for rule, samples in other.samples.items():
            self.samples[rule] = [*self.samples[rule], *samples][:EXAMPLES]
        self.quarantine = [*self.quarantine, *other.quarantine][:EXAMPLES]

    @property
    def rules(self) -> Counter[str]:
        """Rule to the number of records that it dropped."""
        total: Counter[str] = Counter()
        for fates in self.fates.values():
            total.update(fates)
        del total[KEPT]
        return total

    def _sample(self, rule: str, reason: str, record: Record) -> None:
        samples = self.samples[rule]
        if len(samples) < EXAMPLES:
            question, answer = _short(record.question), _short(record.answer)
            row = {"id": record.id, "origin": str(record.origin), "reason": reason}
            samples.append({**row, "question": question, "answer": answer})

    def _count_private(self, record: Record) -> None:
        self.privacy.update(e.detail["kind"] for e in record.history if e.rule == "privacy" and e.detail)


def tally_of(kept: Iterable[Record], dropped: Iterable[Record] = (), quarantined: Iterable[Quarantined] = ()) -> Tally:
    """The tally of records that are all at hand."""
    tally = Tally()
    for record in kept:
        tally.keep(record)
    for record in dropped:
        tally.drop(record)
    for row in quarantined:
        tally.set_aside(row)
    return tally


def _short(text: str) -> str:
    text = masked(text)
    return text if len(text) <= EXAMPLE_CHARACTERS else text[:EXAMPLE_CHARACTERS] + "…"
