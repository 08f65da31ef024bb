"""Which pairs of texts are worth measuring: MinHash signatures cut into bands, of which a pair must share several.

MinHash (Broder 1997) with banding (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, section 3.4): a pair of
similarity s shares each of b bands of r hashes with probability s^r, so the number of bands it shares is binomial. One
shared band is what the book asks for. Two are as easy to find, since the pairs of all bands are sorted anyway, and
spare nine tenths of the measuring: at a threshold of 0.8 a pair of similarity 0.4 shares one of 25 bands of 5 with
probability 0.23, two with 0.03. Signatures are rensa's.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import comb

import numpy as np

from kitae.data.alike.ragged import Array, Ragged

HASHES = 128
MISSED_SHARE = 1e-3
"""Largest probability with which a pair right at the threshold may be missed."""
SEED = 20_240_501
BUCKET_TEXTS = 64
"""In a larger bucket a text is compared with as many before it, those first that share the next band, too."""
TEXTS_AT_ONCE = 1 << 14
"""Texts that are paired at once: a million pairs where all buckets are large."""
_SIGNED_AT_ONCE = 256
"""rensa hands out Python numbers: few at a time stay in the processor's cache."""


@dataclass(frozen=True)
class Banding:
    """How signatures are cut, and how many bands two texts must share to be measured."""

    bands: int
    width: int
    """Hashes of a band."""
    needed: int


@cache
def banding(threshold: float) -> Banding:
    """The widest bands of which two or more can be asked for and a pair at the threshold is still found."""
    for width in range(16, 0, -1):
        bands = HASHES // width
        needed = _needed(bands, threshold**width)
        if needed >= 2:
            return Banding(bands, width, needed)
    return Banding(HASHES, 1, 1)


def _needed(bands: int, chance: float) -> int:
    """The largest n such that fewer than n of the bands, each shared with this chance, are rarely shared."""
    missed, needed = 0.0, 0
    while needed < bands:
        missed += comb(bands, needed) * chance**needed * (1 - chance) ** (bands - needed)
        if missed > MISSED_SHARE:
            break
        needed += 1
    return needed


def band_keys(sets: Ragged, threshold: float) -> Array:
    """A number (uint32) for each band of the MinHash signature of each set of n-gram hashes, [sets, bands].

    Two bands that are mixed into one number by chance only add a pair that is then measured and refused.
    """
    cut = banding(threshold)
    bands, width = cut.bands, cut.width
    mix_W = np.random.default_rng(SEED).integers(1, 2**63, size=width, dtype=np.uint64) | np.uint64(1)
    keys = np.empty((len(sets), bands), dtype=np.uint32)
    for start in range(0, len(sets), _SIGNED_AT_ONCE):
        stop = min(start + _SIGNED_AT_ONCE, len(sets))
        signatures_RBW = signatures(sets, slice(start, stop), bands * width).reshape(-1, bands, width)
        mixed_RB = (signatures_RBW * mix_W).sum(axis=2, dtype=np.uint64)
        keys[start:stop] = mixed_RB >> np.uint64(32)
    return keys


def signatures(sets: Ragged, rows: slice, hashes: int) -> Array:
    """The MinHash signatures of some of the sets, uint64 [rows, hashes], each number below 2**32."""
    from rensa import RMinHash

    offsets = sets.offsets[rows.start : rows.stop + 1]
    values = sets.values[offsets[0] : offsets[-1]].astype(np.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(values, offsets - offsets[0], hashes, SEED)
    flat = array("I")
    for row in matrix.to_rows():
        flat.fromlist(row)
    return np.frombuffer(flat, dtype=np.uint32).reshape(-1, hashes).astype(np.uint64)


def bucket_pairs(keys: Array, next_keys: Array, members: Array, *, asked: int) -> Iterator[Array]:
    """Pairs of these texts that have the same key, as `smaller << 32 | larger` (uint64), some at a time, each once.

    Of two texts at least one is below `asked`: what only earlier turns say is not compared among itself.
    """
    places = np.sort(keys[members].astype(np.uint64) << np.uint64(32) | members.astype(np.uint64))
    same = (places[1:] >> np.uint64(32)) == (places[:-1] >> np.uint64(32))
    shared = np.zeros(len(places), dtype=bool)
    shared[1:] |= same
    shared[:-1] |= same
    texts = (places[shared] & np.uint64(0xFFFF_FFFF)).astype(np.int64)
    texts = texts[np.lexsort((texts, next_keys[texts], keys[texts]))]
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        begin = max(0, start - BUCKET_TEXTS)
        block = texts[begin : start + TEXTS_AT_ONCE]
        ones, others = window_pairs(keys[block], BUCKET_TEXTS)
        fresh = others >= start - begin
        ones, others = block[ones[fresh]], block[others[fresh]]
        small, large = np.minimum(ones, others), np.maximum(ones, others)
        asks = small < asked
        yield small[asks].astype(np.uint64) << np.uint64(32) | large[asks].astype(np.uint64)


def window_pairs(groups: Array, window: int) -> tuple[Array, Array]:
    """Places (i < j) of equal values of `groups`, whose equal values stand together, at most `window` apart."""
    ones, others = [], []
    places = np.arange(len(groups))
    for distance in range(1, window + 1):
        # Who has no equal so far before it has none farther away.
        places = places[places >= distance]
        places = places[groups[places] == groups[places - distance]]
        if not len(places):
            break
        ones.append(places - distance)
        others.append(places)
    if not ones:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    return np.concatenate(ones), np.concatenate(others)
