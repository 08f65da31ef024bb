"""Training records against the index: what of which benchmark rows they hold. Pure: the same records, the same hits.

A row of a benchmark is held in one of three ways, tried in this order:

- exact: a turn, or everything that was asked up to an answer, is the question (a turn is the answer);
- near: the Jaccard similarity of their character n-grams is at least `near`;
- spans: common spans of at least 8 words (15 characters) cover at least 13 words (30 characters) and `coverage` of the
  text; of a shorter text they cover all. 13 is the N of Brown et al. 2020 (arXiv:2005.14165, appendix C), the share
  the measure of Touvron et al. 2023 (arXiv:2307.09288, appendix A.6): it bears a changed word here and there, which
  one 13-gram does not. What is the benchmark's template counts neither as covered nor as to be covered.

Questions of fewer words count only where they are all that was asked: many say "thank you" on their way.

An answer alone is worth less than a question, and both together are worst: then a model has learnt the answer by heart.
"""

import itertools
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from kitae.core.records import Message, Record
from kitae.data.contamination.building import compacted
from kitae.data.contamination.index import NGRAM, WINDOW, Index, Near, found_in
from kitae.data.contamination.words import RECORD, TURN, Hashed, grams, words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["both", "question", "answer"]
KINDS: tuple[Kind, ...] = ("both", "question", "answer")
"""The worst first."""
HOWS = ("exact", "near", "spans")
BATCH_RECORDS = 512
MOST_HITS = 10
"""So many hits of a record are told, the worst first."""


@dataclass(frozen=True)
class Hit:
    """What a record holds of one row of a benchmark."""

    benchmark: str
    row: str
    kind: Kind
    how: str
    question: float
    """How much of the question is there: the covered share, or the similarity where it is near; 0 if it is not."""
    answer: float
    """The same of the answer."""
    spans: tuple[tuple[int, int, int], ...]
    """What is the same: a turn of `turns_of`, and the first word of it and the one after the last. Longest first."""
    item: int
    """The number of the row in the index."""


@dataclass(frozen=True)
class _Evidence:
    """How one text of the index was found, how much of it, and where in the batch's words."""

    how: str
    share: float
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class _Turn:
    """A turn in the batch's words, whose it is, and which of its turns."""

    start: int
    end: int
    record: int
    place: int
    role: str


@dataclass
class _Batch:
    """The words of several records in one list. A piece is a turn, or all that was asked up to an answer."""

    said: list[str] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)  # of each record
    turns: list[_Turn] = field(default_factory=list)
    asked: list[tuple[int, int, int]] = field(default_factory=list)  # start, end, record

    def add(self, record: Record) -> None:
        """Append a record's turns."""
        number, begin = len(self.begins), len(self.said)
        self.begins.append(begin)
        turns = turns_of(record)
        spoken = sum(message.role != "system" for message in record.messages)
        for place, message in enumerate(turns):
            start = len(self.said)
            self.said += words(message.content)
            self.turns.append(_Turn(start, len(self.said), number, place, message.role))
            ends = place + 1 >= spoken or turns[place + 1].role == "assistant"
            if place < spoken and message.role != "assistant" and ends:
                self.asked.append((begin, len(self.said), number))
            self.said.append(TURN)
        self.said.append(RECORD)

    def of(self, record: int) -> Iterator[_Turn]:
        """The turns of a record."""
        first = bisect_left(self.turns, record, key=lambda turn: turn.record)
        return itertools.takewhile(lambda turn: turn.record == record, itertools.islice(self.turns, first, None))


def turns_of(record: Record) -> list[Message]:
    """The turns that are looked through: the system's after the others, so that what was asked is one run of words."""
    spoken = [message for message in record.messages if message.role != "system"]
    return [*spoken, *(message for message in record.messages if message.role == "system"), *record.rejected]


Found = dict[int, dict[int, _Evidence]]
"""Record of the batch to text of the index to how it was found; the first way found stays."""


def check(records: Sequence[Record], index: Index) -> list[tuple[Hit, ...]]:
    """For each record, what it holds of the benchmarks, the worst first; most hold nothing."""
    if not index.items:
        return [()] * len(records)
    out: list[tuple[Hit, ...]] = []
    for first in range(0, len(records), BATCH_RECORDS):
        batch = _Batch()
        for record in records[first : first + BATCH_RECORDS]:
            batch.add(record)
        found = _search(batch, index)
        out += [_hits(batch, number, found.get(number, {}), index) for number in range(len(batch.begins))]
    return out


def _search(batch: _Batch, index: Index) -> Found:
    hashed = Hashed.of_words(batch.said)
    found: Found = defaultdict(dict)
    ways = (_exact, _near, _spans)
    for way in ways:
        for record, text, evidence in way(batch, hashed, index):
            found[record].setdefault(text, evidence)
    return found


_Finds = Iterator[tuple[int, int, _Evidence]]


def _exact(batch: _Batch, hashed: Hashed, index: Index) -> _Finds:
    """Whole texts."""
    import numpy as np

    pieces = [(*piece, True) for piece in batch.asked] + [(t.start, t.end, t.record, False) for t in batch.turns]
    starts, ends = (np.array([piece[side] for piece in pieces], dtype=np.int64) for side in (0, 1))
    for place, text in zip(*map(_plain, index.whole.find(hashed.pieces(starts, ends))), strict=True):
        start, end, record, alone = pieces[place]
        long_enough = alone or end - start >= WINDOW[bool(index.japanese[text])]
        if long_enough and batch.said[start:end] == index.words(text):
            yield record, text, _Evidence("exact", 1.0, ((start, end),))


def _near(batch: _Batch, _: Hashed, index: Index) -> _Finds:
    """Turns nearly equal to a question. What an assistant says in a word is an answer: no question is looked for."""
    alone = {(start, end) for start, end, _ in batch.asked}
    for is_ja, near in index.near.items():
        least = WINDOW[is_ja]
        turns = [t for t in batch.turns if t.end - t.start >= least or (t.start, t.end) in alone]
        texts = [compacted(batch.said[turn.start : turn.end]) for turn in turns]
        for number, hashes in _promising(texts, NGRAM[is_ja], near):
            turn = turns[number]
            for text in sorted(set(_plain(near.rare.find(near.rarest(hashes, index.limits.near or 1.0))[1]))):
                share = _jaccard(hashes, near.sets[text])
                if share >= (index.limits.near or 1.0):
                    yield turn.record, text, _Evidence("near", share, ((turn.start, turn.end),))


def _promising(texts: Sequence[str], size: int, near: Near) -> Iterator[tuple[int, "NDArray[np.uint64]"]]:
    """The texts that hold a rare n-gram of any question, looked up all at once, and their n-grams."""
    import numpy as np

    windows = Hashed.of_characters("\0".join(texts)).windows(size)
    ends = np.cumsum([len(text) + 1 for text in texts])
    hit, _ = found_in(near.rare.hashes, windows)
    for number in _plain(np.unique(np.searchsorted(ends, hit, side="right"))):
        end = int(ends[number])
        yield number, np.unique(windows[end - 1 - len(texts[number]) : end - size])


def _jaccard(one: "NDArray[np.uint64]", other: "NDArray[np.uint64]") -> float:
    shared = len(found_in(one, other)[0])
    return shared / max(len(one) + len(other) - shared, 1)


def _spans(batch: _Batch, hashed: Hashed, index: Index) -> _Finds:
    """Texts that common windows cover by enough; a hash proposes, the words decide."""
    for is_ja, table in index.windows.items():
        size = WINDOW[is_ja]
        windows = hashed.windows(size)
        starts, texts = table.find(windows)
        places: dict[tuple[int, int], list[int]] = defaultdict(list)
        for start, text, record in zip(_plain(starts), _plain(texts), _owners(batch, starts), strict=True):
            places[record, text].append(start)
        for (record, text), found in places.items():
            said = index.words(text)
            own = Hashed.of_words(said).windows(size)
            first = {number: place for place, number in reversed(list(enumerate(own.tolist())))}
            same = [
                start
                for start in found
                if batch.said[start : start + size] == said[(at := first[int(windows[start])]) : at + size]
            ]
            covered, of = _coverage(own, windows[same], index.template[is_ja], size)
            if covered >= index.limits.least(is_ja, of) > 0:
                yield record, text, _Evidence("spans", covered / of, _runs(same, size))


def _coverage(
    own: "NDArray[np.uint64]", same: "NDArray[np.uint64]", template: "NDArray[np.uint64]", size: int
) -> tuple[int, int]:
    """How many of a text's words are in common windows, of how many that are not all template."""
    import numpy as np

    def covered(windows: "NDArray[np.bool_]") -> "NDArray[np.bool_]":
        steps = np.zeros(len(own) + size, dtype=np.int64)
        np.add.at(steps, np.flatnonzero(windows), 1)
        np.add.at(steps, np.flatnonzero(windows) + size, -1)
        return np.cumsum(steps)[:-1] > 0

    content = ~covered(np.isin(own, template))
    return int((covered(np.isin(own, same)) & content).sum()), int(content.sum())


def _runs(starts: Sequence[int], size: int) -> tuple[tuple[int, int], ...]:
    """Windows that touch as one span."""
    runs: list[list[int]] = []
    for start in sorted(set(starts)):
        if runs and start <= runs[-1][1]:
            runs[-1][1] = start + size
        else:
            runs.append([start, start + size])
    return tuple((start, end) for start, end in runs)


def _owners(batch: _Batch, starts: "NDArray[np.int64]") -> list[int]:
    """The record in which each word stands."""
    import numpy as np

    return _plain(np.searchsorted(np.array(batch.begins), starts, side="right") - 1)


def _plain(numbers: "NDArray[np.int64]") -> list[int]:
    out: list[int] = numbers.tolist()
    return out


def _hits(batch: _Batch, record: int, found: dict[int, _Evidence], index: Index) -> tuple[Hit, ...]:
    """Questions and answers that were found, put together row by row, the worst first."""
    hits = []
    for item in sorted({text // 2 for text in found}):
        question, answer = found.get(2 * item), found.get(2 * item + 1)
        if question and not answer:
            answer = _answer(batch, record, 2 * item + 1, index)
        kind: Kind = "answer" if not question else "both" if answer else "question"
        main = question or answer
        assert main is not None
        spans = [span for evidence in (question, answer) if evidence for span in evidence.spans]
        hits.append(
            Hit(
                *index.items[item],
                kind=kind,
                how=main.how,
                question=round(question.share, 3) if question else 0.0,
                answer=round(answer.share, 3) if answer else 0.0,
                spans=_located(batch, record, spans),
                item=item,
            )
        )
    hits.sort(key=lambda hit: (KINDS.index(hit.kind), HOWS.index(hit.how), -hit.question - hit.answer, hit.item))
    return tuple(hits[:MOST_HITS])


def _located(batch: _Batch, record: int, spans: Sequence[tuple[int, int]]) -> tuple[tuple[int, int, int], ...]:
    """Spans of the batch's words as parts of the record's turns, the longest first."""
    parts = {
        (turn.place, max(start, turn.start) - turn.start, min(end, turn.end) - turn.start)
        for turn in batch.of(record)
        for start, end in spans
        if start < turn.end and turn.start < end
    }
    return tuple(sorted(parts, key=lambda part: (part[1] - part[2], part)))


def _answer(batch: _Batch, record: int, text: int, index: Index) -> _Evidence | None:
    """Whether the record answers as the benchmark does, when it asks what that asks: short answers count, too.

    A turn of the assistant is the answer, ends with it ("so it is 72"), or is near it with the same numbers.
    """
    wanted = index.words(text)
    size = NGRAM[bool(index.japanese[text])]
    if not wanted:
        return None
    for turn in batch.of(record):
        if turn.role != "assistant":
            continue
        said = batch.said[turn.start : turn.end]
        if said[-len(wanted) :] == wanted:
            return _Evidence("exact", 1.0, ((turn.end - len(wanted), turn.end),))
        share = _jaccard(grams(compacted(said), size), grams(compacted(wanted), size))
        if index.limits.near and share >= index.limits.near and _numbers(said) == _numbers(wanted):
            return _Evidence("near", share, ((turn.start, turn.end),))
    return None


def _numbers(said: Sequence[str]) -> list[str]:
    return [word for word in said if word.isdigit()]
