"""The tally of a dataset: exact counts and bounded samples, which shards make each for itself and which add up."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from kitae.core.records import Edit, Record
from kitae.data.counting import BoundedCounts
from kitae.data.intake import Quarantined
from kitae.data.privacy.redaction import masked
from kitae.data.report.profile import Profile
from kitae.data.report.samples import EXAMPLE_CHARACTERS, EXAMPLES, PRIVACY, Sample, Samples, add_samples, sample_of

KEPT = "kept"
MOST_REASONS = 1_000
"""Different reasons for quarantine that are counted each for itself."""
MOST_CLUSTERS = 100_000
"""Clusters of duplicates whose sizes are known; of more, those with the smallest digests (a fixed sample)."""


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
    samples: Samples = field(default_factory=dict)
    """Rule to the first records that it dropped, flagged or redacted, with private data masked."""
    quarantine: list[dict[str, Any]] = field(default_factory=list)
    """The first rows that could not be read, with private data masked."""
    reasons: BoundedCounts = field(default_factory=lambda: BoundedCounts(MOST_REASONS))
    """Why rows were set aside, to how many."""
    clusters: BoundedCounts = field(default_factory=lambda: BoundedCounts(MOST_CLUSTERS))
    """Id of a kept record to the number of records that went as its duplicates."""

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
        private = [edit for edit in record.history if edit.rule == PRIVACY and edit.detail]
        self.privacy.update(edit.detail["kind"] for edit in private)
        said = [edit.reason for edit in private if str(edit.detail.get("place")).startswith("turn")]
        if said:
            self._sample(PRIVACY, "; ".join(dict.fromkeys(said)), record)

    def drop(self, record: Record) -> None:
        """Count a record that goes by the last rule of its history."""
        why = record.history[-1]
        self.dropped.add(record)
        self.fates[record.origin.file][why.rule] += 1
        self._sample(why.rule, why.reason, record)
        self.privacy.update(e.detail["kind"] for e in record.history if e.rule == PRIVACY and e.detail.get("kind"))
        if "kept" in why.detail:
            self.clusters.add([why.detail["kept"]])

    def set_aside(self, row: Quarantined) -> None:
        """Count a row that could not be used."""
        self.quarantined += 1
        reason = _masked(row.reason)
        self.reasons.add([reason])
        if len(self.quarantine) < EXAMPLES:
            excerpt = row.masked_excerpt[:EXAMPLE_CHARACTERS]
            self.quarantine.append({**row.as_dict(), "reason": reason, "excerpt": excerpt})

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
        self.reasons.merge(other.reasons)
        self.clusters.merge(other.clusters)
        add_samples(self.samples, other.samples)
        self.quarantine = [*self.quarantine, *other.quarantine][:EXAMPLES]

    @property
    def rules(self) -> Counter[str]:
        """Rule to the number of records that it dropped."""
        total: Counter[str] = Counter()
        for fates in self.fates.values():
            total.update(fates)
        del total[KEPT]
        return total

    def samples_of(self, rule: str) -> list[Sample]:
        """The first records that a rule dropped, flagged or redacted."""
        return self.samples.get(rule, [])

    def _sample(self, rule: str, reason: str, record: Record) -> None:
        if len(self.samples_of(rule)) < EXAMPLES:
            add_samples(self.samples, {rule: [sample_of(record, reason)]})


@lru_cache(maxsize=4096)
def _masked(reason: str) -> str:
    """A reason without private data; many rows share one."""
    return masked(reason)


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
