"""Sentences that say nearly the same, found without any label.

TF-IDF over character pieces and words, reduced by a truncated SVD (latent semantic
analysis), gives neighbours; spherical k-means over the same vectors gives groups. A
group is named by its own most typical words and stood for by its own most central
sentence. No annotation of the corpora is used.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections import Counter
from dataclasses import dataclass

import torch

from nano.noise import is_japanese, words

BUCKETS = 8_192


@dataclass(frozen=True)
class Likeness:
    """For N sentences: K neighbours each, the group of each, and each group's name and centre."""

    texts: list[str]
    neighbours: list[list[int]]
    group: list[int]
    names: list[str]
    centres: list[list[int]]


def _pieces(text: str) -> Counter[int]:
    if is_japanese(text):
        parts = [text[i : i + n] for n in (2, 3) for i in range(len(text) - n + 1)]
        parts += [w for w in words(text) for _ in range(3)]
    else:
        low = text.lower()
        stems = [w[:5] for w in words(text)]
        parts = [*stems, *stems, *low.split()]
        parts += [f"{a}+{b}" for a, b in itertools.pairwise(stems)]
    return Counter(zlib.crc32(p.encode()) % BUCKETS for p in parts)


def _vectors(texts: list[str], rank: int) -> torch.Tensor:
    counts = [_pieces(t) for t in texts]
    seen = Counter(piece for c in counts for piece in c)
    matrix = torch.zeros(len(texts), BUCKETS)
    for row, count in enumerate(counts):
        for piece, times in count.items():
            matrix[row, piece] = (1 + math.log(times)) * math.log(len(texts) / seen[piece])
    matrix = torch.nn.functional.normalize(matrix)
    left, singular, _ = torch.svd_lowrank(matrix, q=rank, niter=3)
    reduced = torch.nn.functional.normalize(left * singular)
    # Half meaning of the whole corpus, half the very words of the sentence.
    return torch.cat([reduced, matrix], dim=1) * 0.5**0.5


def find(texts: list[str], groups: int, seed: int, nearest: int = 6) -> Likeness:
    """Neighbours and groups of distinct sentences; deterministic for a seed."""
    texts = sorted(set(texts))
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    vectors = _vectors(texts, rank=96)
    neighbours: list[list[int]] = []
    for start in range(0, len(texts), 2_048):
        near = vectors[start : start + 2_048] @ vectors.T
        near[torch.arange(near.shape[0]), torch.arange(start, start + near.shape[0])] = -1
        neighbours += near.topk(nearest).indices.tolist()
    reduced = torch.nn.functional.normalize(vectors[:, :96])
    centre = reduced[torch.randperm(len(texts), generator=generator)[:groups]]
    for _ in range(25):
        group = (reduced @ centre.T).argmax(1)
        total = torch.zeros_like(centre).index_add_(0, group, reduced)
        centre = torch.nn.functional.normalize(total + 1e-6 * centre)
    typical = [(reduced @ c).topk(8).indices.tolist() for c in centre]
    members: list[list[int]] = [[] for _ in range(groups)]
    for index, number in enumerate(group.tolist()):
        members[number].append(index)
    everywhere = Counter(w for t in texts for w in set(words(t)))
    names = [_name([texts[i] for i in m], everywhere, len(texts)) for m in members]
    return Likeness(texts, neighbours, group.tolist(), names, typical)


def _name(members: list[str], everywhere: Counter[str], total: int) -> str:
    # Words in the order of the sentences: a set's own order changes from process to process, and would decide ties.
    inside = Counter(w for t in members for w in dict.fromkeys(words(t)))
    if not inside:
        return ""

    def strength(word: str) -> float:
        return inside[word] * math.log(total / everywhere[word])

    best = sorted(inside, key=strength, reverse=True)[:3]
    joiner = "・" if is_japanese("".join(best)) else " "
    return joiner.join(best)
