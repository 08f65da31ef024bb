"""Which records say the same: comparing forms, near pairs by MinHash-LSH, clusters by union-find.

MinHash (Broder 1997) with banding (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, section 3.4) only proposes
pairs; every pair is then measured exactly by the Jaccard similarity of its character n-grams, so nothing is called near
that is not. Japanese has no spaces and short words, so its n-grams are characters too, and shorter than English ones.
"""

import re
from collections import defaultdict
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
    grams: frozenset[str]
    """Character n-grams of `question`."""


def fingerprint(record: Record, task: str) -> Fingerprint:
    """The comparing forms of a record for a task."""
    asked = "\n".join(m.content for m in record.prompt if m.role != "system")
    answer = record.label if task == "classify" else record.answer
    question = compact(asked)
    return Fingerprint(
        exact=f"{normalise(asked)}\0{normalise(answer)}",
        question=question,
        answer=normalise(answer) if task == "classify" else compact(answer),
        numbers=tuple(_NUMBER.findall(question)),
        grams=grams_of(question),
    )


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


def near_pairs(prints: Sequence[Fingerprint], threshold: float) -> dict[tuple[int, int], float]:
    """(i, j) with i < j to the exact Jaccard similarity of their questions, for all found at or above `threshold`."""
    by_question: dict[str, list[int]] = defaultdict(list)
    for index, print_ in enumerate(prints):
        if print_.grams:
            by_question[print_.question].append(index)
    groups = list(by_question.values())
    grams = [prints[group[0]].grams for group in groups]
    found = {(group[0], other): 1.0 for group in groups for other in group[1:]}
    for one, other in _candidates(grams, threshold):
        small, large = sorted((len(grams[one]), len(grams[other])))
        if small < threshold * large:
            continue
        similarity = jaccard(grams[one], grams[other])
        if similarity >= threshold:
            found.update({(min(i, j), max(i, j)): similarity for i in groups[one] for j in groups[other]})
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

    def join_equal(self, keys: Iterable[Hashable]) -> None:
        """Join members with equal keys; None joins nothing."""
        first: dict[Hashable, int] = {}
        for member, key in enumerate(keys):
            if key is not None:
                self.join(first.setdefault(key, member), member)

    def members(self) -> dict[int, list[int]]:
        """Cluster name to its members, both ascending."""
        out: dict[int, list[int]] = defaultdict(list)
        for member in range(len(self._parent)):
            out[self.name(member)].append(member)
        return dict(out)
