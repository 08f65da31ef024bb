"""What a set of records is like: lengths, languages, papers, feeling, who appears. Profiles of shards add up."""

from collections import Counter
from dataclasses import dataclass, field

from kitae.core.records import Record
from kitae.data.counting import BoundedCounts
from kitae.data.rules.attributes import attributes
from kitae.data.rules.emotion import MOST, emotion
from kitae.data.rules.seen import Seen

MOST_NAMES = 10_000
"""Different labels, licences and the like that are counted each for itself."""
NAMES = ("languages", "labels", "licences", "consents", "rights_holders", "uses")
"""What is counted by name."""


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
    feelings: dict[str, list[int]] = field(default_factory=dict)
    """File to how many of its records have each score of feeling, lowest first."""
    attributes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Who and where appears (gender, age, region), to the number of records."""

    def add(self, record: Record) -> None:
        """Count a record."""
        self.records += 1
        question, answer = record.question, record.answer
        self.question[len(question)] += 1
        self.answer[len(answer)] += 1
        self.languages.add([record.language or "?"])
        self.labels.add([record.label] if record.label else [])
        self.licences.add([record.terms.licence or "?"])
        self.consents.add([record.terms.consent or "?"])
        self.rights_holders.add([record.terms.rights_holder or "?"])
        self.uses.add([record.use or "split"])
        seen = Seen(record, "classify" if record.label and record.label == answer.strip() else "chat")
        self._feelings_of(record.origin.file)[MOST + emotion(seen.text, seen.found)] += 1
        self.attributes.update(attributes(seen.text, seen.found))

    def merge(self, other: "Profile") -> None:
        """Add the records of another profile."""
        self.records += other.records
        self.question.update(other.question)
        self.answer.update(other.answer)
        self.attributes.update(other.attributes)
        for name in NAMES:
            getattr(self, name).merge(getattr(other, name))
        for file, counts in other.feelings.items():
            mine = self._feelings_of(file)
            self.feelings[file] = [one + more for one, more in zip(mine, counts, strict=True)]

    def _feelings_of(self, file: str) -> list[int]:
        return self.feelings.setdefault(file, [0] * (2 * MOST + 1))
