"""Duplicates: which records go because another says the same, and which because their answers contradict each other.

Four rules, in this order. A split somebody else drew (`use: test`) is never thinned; what repeats it leaves training.

- `leaks_into_test`, `leaks_into_validation`: a question, the last or an earlier one, is that of a test (validation)
  row, or near it.
- `conflicting_answers`: the same question with different answers; the majority's stays, on a tie none.
- `exact_duplicate`: question and answer are equal after normalisation (NFKC, case, spaces).
- `near_duplicate`: questions near, numbers equal, and the same answer: a paraphrase with the same answer is no
  duplicate as long as its wording differs.

Of records that say the same, the best is kept: a row of a drawn split first, then the one that needed the fewest
repairs, then the longest question, then the first in file order. A record goes only for a kept one it names.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kitae.core.data_settings import DuplicateSettings
from kitae.core.records import Edit, Record
from kitae.data.similarity import Clusters, Fingerprint, Turns, fingerprint, near_pairs, same_answer

HELD_OUT_FIRST = {"test": 0, "validation": 1}
LEAKS = ("test", "validation")


@dataclass
class _Search:
    """The state of one search: what has gone so far, and why."""

    records: Sequence[Record]
    prints: Sequence[Fingerprint]
    turns: Turns
    near: Mapping[tuple[int, int], float]
    threshold: float
    gone: dict[int, Edit] = field(default_factory=dict)
    kept_for: dict[int, int] = field(default_factory=dict)

    def stays(self, index: int) -> bool:
        return index not in self.gone

    def drop(self, index: int, rule: str, reason: str, kept: int | None = None, similarity: float = 1.0) -> None:
        self.gone[index] = Edit(rule, reason, {} if kept is None else {"similarity": round(similarity, 3)})
        if kept is not None:
            self.kept_for[index] = kept

    def edits(self) -> dict[int, Edit]:
        """What went and why; where the record it went for went as well, the one that stayed in the end is named."""
        out = {}
        for index, edit in self.gone.items():
            last = index
            while last in self.kept_for:
                last = self.kept_for[last]
            named = {"kept": self.records[last].id} if last != index and last not in self.gone else {}
            out[index] = Edit(edit.rule, edit.reason, {**named, **edit.detail})
        return out


def find_duplicates(records: Sequence[Record], settings: DuplicateSettings, task: str) -> dict[int, Edit]:
    """Index of every record that goes, to the edit that says by which rule and for which kept record."""
    prints = [fingerprint(record, task) for record in records]
    turns = Turns.of(prints)
    near = {} if settings.near is None else near_pairs(turns, settings.near)
    search = _Search(records, prints, turns, near, settings.near or 1.0)
    for use in LEAKS:
        _drop_leaks(search, use)
    if settings.conflicts == "drop":
        _drop_conflicts(search)
    order = sorted(range(len(records)), key=lambda index: _preference(records[index], index))
    if settings.exact:
        _drop_exact(search, order)
    if settings.near is not None:
        _drop_near(search, order)
    return search.edits()


def duplicate_clusters(turns: Turns, near: float | None) -> Clusters:
    """Clusters that no split may cut: who asks or teaches what another asks, or nearly that; numbers do not matter."""
    clusters = Clusters(turns.asked)
    clusters.join_equal(turns.shared(), turns.owners)
    if near is not None:
        for one, other in near_pairs(turns, near):
            clusters.join(turns.owners[one], turns.owners[other])
    return clusters


def _preference(record: Record, index: int) -> tuple[int, int, int, int]:
    repairs = sum(edit.rule == "mojibake" for edit in record.history)
    return HELD_OUT_FIRST.get(record.use, 2), repairs, -len(record.question), index


def _drop_leaks(search: _Search, use: str) -> None:
    """Drop what stands outside a drawn split and asks, last or earlier, what one of its rows asks."""
    lower = {"train", "", "validation"} if use == "test" else {"train", ""}
    turns = search.turns
    held: dict[str, int] = {}
    for index, record in enumerate(search.records):
        if record.use == use and search.prints[index].question:
            held.setdefault(search.prints[index].question, index)
    for question, index in zip(turns.questions, turns.owners, strict=True):
        kept = held.get(question)
        if search.records[index].use in lower and kept is not None and search.stays(index):
            search.drop(index, f"leaks_into_{use}", f"asks what a {use} row asks", kept)
    for pair, similarity in search.near.items():
        for turn, kept in (pair, pair[::-1]):
            index = turns.owners[turn]
            leaks = kept < turns.asked and search.records[kept].use == use and search.records[index].use in lower
            if leaks and search.stays(index):
                search.drop(index, f"leaks_into_{use}", f"asks nearly what a {use} row asks", kept, similarity)


def _drop_conflicts(search: _Search) -> None:
    groups: dict[str, list[int]] = defaultdict(list)
    for index, print_ in enumerate(search.prints):
        if search.stays(index) and search.records[index].use != "test" and print_.question:
            groups[print_.question].append(index)
    for members in groups.values():
        camps = _camps(search, members)
        if len(camps) < 2:
            continue
        sizes = sorted((len(camp) for camp in camps), reverse=True)
        winner = max(camps, key=len) if sizes[0] > sizes[1] else []
        says = "the majority's stays" if winner else "no answer has a majority"
        for index in members:
            if index not in winner:
                reason = f"the same question has {len(camps)} different answers; {says}"
                search.drop(index, "conflicting_answers", reason, winner[0] if winner else None)


def _camps(search: _Search, members: Sequence[int]) -> list[list[int]]:
    """Members by answer: those whose answers are the same but for a few letters stand together."""
    camps: list[list[int]] = []
    for index in members:
        print_ = search.prints[index]
        camp = next((c for c in camps if same_answer(search.prints[c[0]], print_, search.threshold)), None)
        if camp is None:
            camps.append([index])
        else:
            camp.append(index)
    return camps


def _drop_exact(search: _Search, order: Sequence[int]) -> None:
    kept: dict[str, int] = {}
    for index in order:
        if not search.stays(index):
            continue
        first = kept.setdefault(search.prints[index].exact, index)
        if first != index and search.records[index].use != "test":
            search.drop(index, "exact_duplicate", f"says the same as {search.records[first].origin}", first)


def _drop_near(search: _Search, order: Sequence[int]) -> None:
    neighbours: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for (one, other), similarity in search.near.items():
        if other < search.turns.asked:
            neighbours[one].append((other, similarity))
            neighbours[other].append((one, similarity))
    kept: set[int] = set()
    for index in order:
        if not search.stays(index):
            continue
        twin = None if search.records[index].use == "test" else _twin(search, index, neighbours[index], kept)
        if twin is None:
            kept.add(index)
        else:
            reason = f"says nearly the same as {search.records[twin[0]].origin} (similarity {twin[1]:.2f})"
            search.drop(index, "near_duplicate", reason, *twin)


def _twin(
    search: _Search, index: int, neighbours: Sequence[tuple[int, float]], kept: set[int]
) -> tuple[int, float] | None:
    """The nearest kept record with the same numbers and the same answer, and how near it is."""
    mine = search.prints[index]
    twins = [
        (other, similarity)
        for other, similarity in neighbours
        if other in kept
        and search.prints[other].numbers == mine.numbers
        and same_answer(search.prints[other], mine, search.threshold)
    ]
    return min(twins, key=lambda twin: (-twin[1], twin[0]), default=None)
