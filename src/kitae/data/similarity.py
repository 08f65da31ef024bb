"""Which records say the same: comparing forms, near pairs by MinHash-LSH, clusters by union-find.

MinHash (Broder 1997) with banding (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, section 3.4) only proposes
pairs; every pair is then measured exactly by the Jaccard similarity of its character n-grams, so nothing is called near
that is not. Japanese has no spaces and short words, so its n-grams are characters too, and shorter than English ones.

Training teaches every answer of a conversation, an evaluation asks for the last one. So what a record asks is its last
question with all before it, and what it teaches is that and each earlier question with all before it: "yes please" says
nothing alone. What many conversations begin with is a greeting and joins nothing; should a test row ask it and no more,
the verdict counts that row among those that training had seen.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from kitae.core.records import Record
from kitae.core.text import compact, is_japanese, ngrams, normalise

NGRAM_JAPANESE = 3
NGRAM_ENGLISH = 5
HASHES = 128
MISSED_SHARE = 1e-4
"""Largest probability with which a pair right at the threshold may be missed."""
SEED = 20_240_501
COMMON_TALKS = 10
"""An earlier question, with all before it, that more records than these teach is a greeting or a menu."""
BUCKET_RECORDS = 256
"""A record is compared with at most so many earlier ones of the same bucket."""

_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Fingerprint:
    """The comparing forms of a record: everything asked before the answer, and the answer (or the label)."""

    exact: str
    """Question and answer, normalised: equal for exact duplicates."""
    question: str
    """Letters and digits of the question."""
    answer: str
    """Letters and digits of the answer, or the label."""
    numbers: tuple[str, ...]
    """Numbers in the question: "room 101" and "room 102" are never the same."""
    earlier: tuple[str, ...] = ()
    """Letters and digits of everything before each answer but the last."""


def fingerprint(record: Record, task: str) -> Fingerprint:
    """The comparing forms of a record for a task."""
    *earlier, asked = _asked(record)
    answer = record.label if task == "classify" else record.answer
    question = compact(asked)
    return Fingerprint(
        exact=f"{normalise(asked)}\0{normalise(answer)}",
        question=question,
        answer=normalise(answer) if task == "classify" else compact(answer),
        numbers=tuple(_NUMBER.findall(question)),
        earlier=tuple(map(compact, earlier)),
    )


def _asked(record: Record) -> list[str]:
    """Everything but the system's words before each answer; all of it where there is no answer."""
    ends = [end for end, message in enumerate(record.messages) if message.role == "assistant"]
    before = [record.messages[:end] for end in ends or [len(record.messages)]]
    return ["\n".join(message.content for message in said if message.role != "system") for said in before]


@dataclass(frozen=True)
class Turns:
    """The questions that records teach: the last ones in the records' order, then the earlier ones but greetings."""

    questions: tuple[str, ...]
    """Letters and digits of each with all before it."""
    owners: tuple[int, ...]
    """The record of each."""
    asked: int
    """How many are last ones: turn i below this is what record i asks."""

    @staticmethod
    def of(prints: Sequence[Fingerprint]) -> "Turns":
        """The turns of records by their comparing forms."""
        talks = Counter(question for print_ in prints for question in set(print_.earlier))
        earlier = [
            (question, owner)
            for owner, print_ in enumerate(prints)
            for question in print_.earlier
            if talks[question] <= COMMON_TALKS
        ]
        return Turns(
            questions=(*(print_.question for print_ in prints), *(question for question, _ in earlier)),
            owners=(*range(len(prints)), *(owner for _, owner in earlier)),
            asked=len(prints),
        )

    def shared(self) -> list[str | None]:
        """The questions that some record asks; None for the others, on which nothing hangs, and for empty ones."""
        asked = set(self.questions[: self.asked]) - {""}
        return [question if question in asked else None for question in self.questions]


def grams_of(compacted: str) -> frozenset[str]:
    """Character n-grams of a compact text: 3 in Japanese, 5 otherwise."""
    return frozenset(ngrams(compacted, NGRAM_JAPANESE if is_japanese(compacted) else NGRAM_ENGLISH))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Size of the intersection over size of the union; 0 for two empty sets."""
    common = len(one & other)
    union = len(one) + len(other) - common
    return common / union if union else 0.0


def same_answer(one: Fingerprint, other: Fingerprint, threshold: float) -> bool:
    """Whether two answers are the same but for punctuation or a few letters; other numbers are another answer."""
    if one.answer == other.answer:
        return True
    if _NUMBER.findall(one.answer) != _NUMBER.findall(other.answer):
        return False
    return jaccard(grams_of(one.answer), grams_of(other.answer)) >= threshold


def near_pairs(turns: Turns, threshold: float) -> dict[tuple[int, int], float]:
    """(i, j) with i < j to the exact Jaccard similarity of these turns, for all found at or above `threshold`.

    At least i is what a record asks: two earlier turns are no pair.
    """
    by_question: dict[str, list[int]] = defaultdict(list)
    for index, question in enumerate(turns.questions):
        if question:
            by_question[question].append(index)
    groups = list(by_question.values())
    grams = [grams_of(question) for question in by_question]
    found = {(group[0], other): 1.0 for group in groups for other in group[1:] if group[0] < turns.asked}
    for one, other in _candidates(grams, threshold):
        small, large = sorted((len(grams[one]), len(grams[other])))
        if small < threshold * large or min(groups[one][0], groups[other][0]) >= turns.asked:
            continue
        similarity = jaccard(grams[one], grams[other])
        if similarity >= threshold:
            pairs = ((min(i, j), max(i, j)) for i in groups[one] for j in groups[other])
            found.update({pair: similarity for pair in pairs if pair[0] < turns.asked})
    return dict(sorted(found.items()))


def banding(threshold: float) -> tuple[int, int]:
    """(bands, hashes per band): the most selective banding that misses a pair at the threshold at most once in 10^4.

    A pair of similarity s shares one of b bands of r hashes with probability 1 - (1 - s^r)^b.
    """
    rows = [r for r in range(1, 17) if (1 - threshold**r) ** (HASHES // r) <= MISSED_SHARE]
    best = max(rows, default=1)
    return HASHES // best, best


def _candidates(grams: Sequence[frozenset[str]], threshold: float) -> set[tuple[int, int]]:
    """Pairs (i < j) of n-gram sets that share a band of their MinHash signatures."""
    import numpy as np
    from rensa import RMinHash

    if len(grams) < 2:
        return set()
    bands, width = banding(threshold)
    rows = RMinHash.digest_matrix_from_token_sets(grams, bands * width, SEED).to_rows()
    signatures_RH = np.asarray(rows, dtype=np.uint64)  # R records, H hashes
    mix_H = np.random.default_rng(SEED).integers(1, 2**63, size=width, dtype=np.uint64) | np.uint64(1)
    pairs: set[tuple[int, int]] = set()
    for band in range(bands):
        # Two bands that are mixed into one number by chance only add a pair that is then measured and refused.
        keys_R = (signatures_RH[:, band * width : (band + 1) * width] * mix_H).sum(axis=1, dtype=np.uint64)
        order_R = np.argsort(keys_R, kind="stable")
        starts = np.flatnonzero(np.diff(keys_R[order_R], prepend=~keys_R[order_R[:1]]))
        sizes = np.diff(starts, append=len(order_R))
        for start, size in zip(starts[sizes > 1].tolist(), sizes[sizes > 1].tolist(), strict=True):
            pairs.update(_pairs_of(order_R[start : start + size].tolist()))
    return pairs


def _pairs_of(bucket: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Each member with at most `BUCKET_RECORDS` members before it; members ascend."""
    for place, index in enumerate(bucket):
        for earlier in bucket[max(0, place - BUCKET_RECORDS) : place]:
            yield earlier, index


class Clusters:
    """Union-find with path halving over 0..size-1 (Tarjan 1975); a cluster's name is its smallest member."""

    def __init__(self, size: int) -> None:
        """Begin with every member alone."""
        self._parent = list(range(size))

    def name(self, member: int) -> int:
        """The smallest member of the cluster."""
        while self._parent[member] != member:
            self._parent[member] = self._parent[self._parent[member]]
            member = self._parent[member]
        return member

    def join(self, one: int, other: int) -> None:
        """Make two clusters one."""
        a, b = sorted((self.name(one), self.name(other)))
        self._parent[b] = a

    def join_equal(self, keys: Iterable[Hashable], members: Iterable[int]) -> None:
        """Join members with equal keys, of which a member may have several; None joins nothing."""
        first: dict[Hashable, int] = {}
        for member, key in zip(members, keys, strict=True):
            if key is not None:
                self.join(first.setdefault(key, member), member)

    def members(self) -> dict[int, list[int]]:
        """Cluster name to its members, both ascending."""
        out: dict[int, list[int]] = defaultdict(list)
        for member in range(len(self._parent)):
            out[self.name(member)].append(member)
        return dict(out)
