"""Which records go, for which kept ones; the rules are told in `kitae.data.duplicates`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from kitae.core.data_settings import DuplicateSettings
from kitae.data.alike.banding import window_pairs
from kitae.data.alike.cases import TEST, Cases, Gone, Why
from kitae.data.alike.clusters import Clusters
from kitae.data.alike.fingerprints import JUDGED, ON_TERMS, USES
from kitae.data.alike.pairs import PAIRS_AT_ONCE, Pairs
from kitae.data.alike.ragged import Array, blocks, spread

ANSWERS_COMPARED = 32
"""Of the different answers to one question each is compared with so many before it."""
LEAKS = {"test": (Why.ASKS_TEST, Why.ASKS_NEARLY_TEST), "validation": (Why.ASKS_VALIDATION, Why.ASKS_NEARLY_VALIDATION)}


def decide(cases: Cases, settings: DuplicateSettings) -> Gone:
    """Apply the rules in their order."""
    near = settings.near or 1.0
    _drop_leaks(cases, "test")
    _find_conflicts(cases, near, drop=settings.conflicts == "drop")
    # A row of a drawn validation split may have gone for a contradiction; nothing leaks into what went.
    _drop_leaks(cases, "validation")
    if settings.exact:
        _drop_exact(cases)
    if settings.near is not None:
        _drop_near(cases, near)
    return cases.gone()


def _drop_leaks(cases: Cases, use: str) -> None:
    """Drop what stands outside a drawn split and asks, last or earlier, what one of its rows asks."""
    code = USES.index(use)
    held = np.flatnonzero(cases.stays & (cases.fact["use"] == code) & (cases.texts >= 0))
    if not len(held):
        return
    texts, firsts = np.unique(cases.texts[held], return_index=True)
    holders = held[firsts]
    equal, nearly = LEAKS[use]
    leaking = cases.fact["use"][cases.turn_owners] > code
    place, found = _find(texts, cases.turn_texts)
    turns = np.flatnonzero(found & leaking)
    cases.drop(cases.turn_owners[turns], equal, holders[place[turns]])

    taught, place, similarity = _taught_nearly(cases, texts)
    order = np.argsort(cases.turn_texts, kind="stable")
    starts, stops = (np.searchsorted(cases.turn_texts, taught, side=s, sorter=order) for s in ("left", "right"))
    turns = order[spread(starts, stops - starts)]
    place, similarity = np.repeat(place, stops - starts), np.repeat(similarity, stops - starts)
    nearest = np.lexsort((place, -similarity))
    nearest = nearest[leaking[turns[nearest]]]
    cases.drop(cases.turn_owners[turns[nearest]], nearly, holders[place[nearest]], similarity=similarity[nearest])


def _taught_nearly(cases: Cases, texts: Array) -> tuple[Array, Array, Array]:
    """What is near to one of these texts, that one's place among them, and how near."""
    found = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))]
    for pairs in cases.pairs.blocks():
        for asked, taught in ((pairs.ones, pairs.others), (pairs.others, pairs.ones)):
            place, here = _find(texts, asked)
            found.append((taught[here], place[here], pairs.similarity[here]))
    taught, place, similarity = (np.concatenate(column) for column in zip(*found, strict=True))
    return taught, place, similarity


def _find_conflicts(cases: Cases, near: float, *, drop: bool) -> None:
    """Of the answers to one question only the majority's stay, or none; or all of them stay with a flag."""
    rows = np.flatnonzero(cases.stays & (cases.fact["use"] != TEST) & (cases.texts >= 0))
    subjects = _subjects(cases, rows)
    answers = _ids(subjects, cases.fact["answer"][rows])
    contested = np.bincount(subjects[_firsts(answers)]) > 1
    rows = rows[contested[subjects]]
    if not len(rows):
        return
    subjects = _subjects(cases, rows)
    camps = _camps(cases, rows, subjects, near)
    firsts = _firsts(camps)
    of_subject, sizes = subjects[firsts], np.bincount(camps)
    largest = np.zeros(subjects.max() + 1, dtype=np.int64)
    np.maximum.at(largest, of_subject, sizes)
    top = sizes == largest[of_subject]
    alone = np.bincount(of_subject[top]) == 1
    winner = np.full(len(largest), -1)
    winner[of_subject[top]] = np.flatnonzero(top)
    winner[~alone] = -1
    counts = np.bincount(of_subject)
    named = np.where(alone, rows[firsts[winner]], -1)[subjects]
    several = counts[subjects] > 1
    if not drop:
        cases.contested(rows[several], counts[subjects[several]], flag=True)
        return
    losing = several & (camps != winner[subjects])
    why = np.where(named < 0, Why.NO_MAJORITY, Why.AGAINST_MAJORITY).astype(np.uint8)
    cases.drop(rows[losing], why[losing], named[losing])
    cases.contested(rows[losing], counts[subjects[losing]], flag=False)


def _subjects(cases: Cases, rows: Array) -> Array:
    """What these records may contradict each other about, [rows].

    Under two system messages it is not the same question. But where one asks without any, the answer is said to hold
    whatever the system says, and all who ask this are compared. Answers that are judged only meet their like.
    """
    subject, text = cases.fact["subject"][rows], cases.texts[rows]
    plain = subject & np.uint64(ON_TERMS) == 0
    whoever = np.isin(text, text[plain]) & (subject & np.uint64(JUDGED) == 0)
    return _ids(np.where(whoever, text, -1), np.where(whoever, np.uint64(0), subject))


def _camps(cases: Cases, rows: Array, subjects: Array, near: float) -> Array:
    """Those of a subject whose answers are the same but for a few letters stand in one camp, [rows]."""
    answers = _ids(subjects, cases.fact["answer"][rows])
    firsts = _firsts(answers)
    order = np.lexsort((firsts, subjects[firsts]))
    ones, others = (order[side] for side in window_pairs(subjects[firsts][order], ANSWERS_COMPARED))
    same = cases.same_answer(rows[firsts[ones]], rows[firsts[others]], near)
    clusters = Clusters(len(firsts))
    clusters.join(ones[same], others[same])
    return _ids(clusters.names()[answers])


def _drop_exact(cases: Cases) -> None:
    """Of records that say the same keep the best."""
    order = cases.preference()
    order = order[cases.stays[order]]
    exact = cases.fact["exact"][order]
    says = _ids(exact["high"], exact["low"])
    best = order[_firsts(says)][says]
    again = (order != best) & (cases.fact["use"][order] != TEST)
    cases.drop(order[again], Why.SAYS_SAME, best[again])


def _drop_near(cases: Cases, near: float) -> None:
    """Keep the best first; what is near to a kept one, with the same numbers and the same answer, goes."""
    rows = np.flatnonzero(cases.stays & (cases.texts >= 0))
    says = _ids(cases.texts[rows], cases.fact["answer"][rows])
    ones, others, similarity = _alike(cases, rows, says, near)
    joined = np.bincount(says) > 1
    joined[ones] = joined[others] = True
    say = np.full(len(cases.rows), -1)
    say[rows[joined[says]]] = says[joined[says]]
    order = cases.preference()
    order = order[say[order] >= 0]
    neighbours = _Neighbours.of(ones, others, similarity, len(joined))
    gone, twins, values = keep_the_best(order, say[order], cases.fact["use"][order] == TEST, neighbours)
    cases.drop(gone, Why.SAYS_NEARLY_SAME, twins, similarity=values)


def _alike(cases: Cases, rows: Array, says: Array, near: float) -> tuple[Array, Array, Array]:
    """Pairs of different sayings (question and answer) that are near, and how near their questions are."""
    firsts = _firsts(says)
    examples = rows[firsts]
    texts, of_text = np.unique(cases.texts[examples], return_inverse=True)
    numbers = cases.fact["numbers"][examples]

    def agreeing(ones: Array, others: Array, similarity: Array) -> tuple[Array, Array, Array]:
        alike = np.flatnonzero(numbers[ones] == numbers[others])
        alike = alike[cases.same_answer(examples[ones[alike]], examples[others[alike]], near)]
        return ones[alike], others[alike], similarity[alike]

    # Sayings are numbered by text, then by answer.
    same_ones, same_others = window_pairs(of_text, ANSWERS_COMPARED)
    found = [agreeing(same_ones, same_others, np.ones(len(same_ones)))]
    found += [agreeing(*block) for pairs in cases.pairs.blocks() for block in _across(pairs, texts, of_text)]
    ones, others, similarity = (np.concatenate(column) for column in zip(*found, strict=True))
    return ones, others, similarity


def _across(pairs: Pairs, texts: Array, of_text: Array) -> Iterator[tuple[Array, Array, Array]]:
    """Each saying of the one text of a near pair with each of the other, and how near, block by block."""
    starts = np.searchsorted(of_text, np.arange(len(texts)))
    counts = np.minimum(np.bincount(of_text, minlength=len(texts)), ANSWERS_COMPARED)
    (one, one_found), (other, other_found) = _find(texts, pairs.ones), _find(texts, pairs.others)
    found = one_found & other_found
    one, other, similarity = one[found], other[found], pairs.similarity[found]
    times = counts[one] * counts[other]
    for block in blocks(times, PAIRS_AT_ONCE):
        place = spread(np.zeros(block.stop - block.start, dtype=np.int64), times[block])
        width = np.repeat(counts[other[block]], times[block])
        ones = np.repeat(starts[one[block]], times[block]) + place // width
        others = np.repeat(starts[other[block]], times[block]) + place % width
        yield ones, others, np.repeat(similarity[block], times[block])


@dataclass(frozen=True)
class _Neighbours:
    """For each saying those that are alike, and how near."""

    others: Array
    similarity: Array
    starts: Array

    @staticmethod
    def of(ones: Array, others: Array, similarity: Array, count: int) -> "_Neighbours":
        """Both directions of each pair, by saying."""
        sayings = np.concatenate([ones, others])
        order = np.argsort(sayings, kind="stable")
        starts = np.searchsorted(sayings, np.arange(count + 1), sorter=order)
        return _Neighbours(np.concatenate([others, ones])[order], np.tile(similarity, 2)[order], starts)

    def __getitem__(self, saying: int) -> Iterator[tuple[int, float]]:
        mine = slice(self.starts[saying], self.starts[saying + 1])
        return zip(self.others[mine].tolist(), self.similarity[mine].tolist(), strict=True)


def keep_the_best(
    order: Array, says: Array, spared: Array, neighbours: "Mapping[int, list[tuple[int, float]]] | _Neighbours"
) -> tuple[Array, Array, Array]:
    """Records that go, the nearest kept one of each, and how near it is; `order` has the best record first."""
    kept: dict[int, int] = {}
    gone: list[tuple[int, int, float]] = []
    for record, saying, spare in zip(order.tolist(), says.tolist(), spared.tolist(), strict=True):
        near = [(saying, 1.0), *neighbours[saying]]
        twins = [] if spare else [(-value, kept[other]) for other, value in near if other in kept]
        if twins:
            value, twin = min(twins)
            gone.append((record, twin, -value))
        else:
            kept[saying] = min(record, kept.get(saying, record))
    records, twins_of, values = zip(*gone, strict=True) if gone else ((), (), ())
    return np.array(records, dtype=np.int64), np.array(twins_of, dtype=np.int64), np.array(values, dtype=np.float64)


def _ids(*values: Array) -> Array:
    """Numbers 0, 1, … for the different combinations of values, in their order."""
    ids = np.zeros(len(values[0]), dtype=np.int64)
    for value in values:
        different, places = np.unique(value, return_inverse=True)
        ids = np.unique(ids * (len(different) + 1) + places, return_inverse=True)[1]
    return ids


def _firsts(ids: Array) -> Array:
    """The first place of every id."""
    firsts: Array = np.unique(ids, return_index=True)[1]
    return firsts


def _find(values: Array, wanted: Array) -> tuple[Array, Array]:
    """Where each wanted value stands among ascending values (any place if it does not), and whether it does."""
    if not len(values):
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=bool)
    place = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
    return place, values[place] == wanted
