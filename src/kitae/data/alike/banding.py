"""Which pairs of texts are worth measuring: MinHash signatures cut into bands.

MinHash (Broder 1997) with banding (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, section 3.4): a pair of
similarity s shares one of b bands of r hashes with probability 1 - (1 - s^r)^b. Signatures are rensa's.
"""

from array import array

import numpy as np

from kitae.data.alike.ragged import Array, Ragged

HASHES = 128
MISSED_SHARE = 1e-4
"""Largest probability with which a pair right at the threshold may be missed."""
SEED = 20_240_501
BUCKET_TEXTS = 64
"""In a larger bucket a text is compared with as many before it, those first that share the next band, too."""
_TEXTS_AT_ONCE = 256
"""rensa hands out Python numbers: few at a time stay in the processor's cache."""


def banding(threshold: float) -> tuple[int, int]:
    """(bands, hashes per band): the most selective banding that misses a pair at the threshold at most once in 10^4."""
    rows = [r for r in range(1, 17) if (1 - threshold**r) ** (HASHES // r) <= MISSED_SHARE]
    best = max(rows, default=1)
    return HASHES // best, best


def band_keys(sets: Ragged, threshold: float) -> Array:
    """A number (uint32) for each band of the MinHash signature of each set of n-gram hashes, [sets, bands].

    Two bands that are mixed into one number by chance only add a pair that is then measured and refused.
    """
    bands, width = banding(threshold)
    mix_W = np.random.default_rng(SEED).integers(1, 2**63, size=width, dtype=np.uint64) | np.uint64(1)
    keys = np.empty((len(sets), bands), dtype=np.uint32)
    for start in range(0, len(sets), _TEXTS_AT_ONCE):
        stop = min(start + _TEXTS_AT_ONCE, len(sets))
        signatures_RBW = _signatures(sets, slice(start, stop), bands * width).reshape(-1, bands, width)
        mixed_RB = (signatures_RBW * mix_W).sum(axis=2, dtype=np.uint64)
        keys[start:stop] = mixed_RB >> np.uint64(32)
    return keys


def _signatures(sets: Ragged, rows: slice, hashes: int) -> Array:
    from rensa import RMinHash

    offsets = sets.offsets[rows.start : rows.stop + 1]
    values = sets.values[offsets[0] : offsets[-1]].astype(np.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(values, offsets - offsets[0], hashes, SEED)
    flat = array("I")
    for row in matrix.to_rows():
        flat.fromlist(row)
    return np.frombuffer(flat, dtype=np.uint32).reshape(-1, hashes).astype(np.uint64)


def bucket_pairs(keys: Array, next_keys: Array, members: Array, *, asked: int) -> Array:
    """Pairs of these texts that have the same key, as `smaller << 32 | larger`, ascending (uint64).

    Of two texts at least one is below `asked`: what only earlier turns say is not compared among itself.
    """
    places = np.sort(keys[members].astype(np.uint64) << np.uint64(32) | members.astype(np.uint64))
    same = (places[1:] >> np.uint64(32)) == (places[:-1] >> np.uint64(32))
    shared = np.zeros(len(places), dtype=bool)
    shared[1:] |= same
    shared[:-1] |= same
    texts = (places[shared] & np.uint64(0xFFFF_FFFF)).astype(np.int64)
    texts = texts[np.lexsort((texts, next_keys[texts], keys[texts]))]
    ones, others = (texts[side] for side in window_pairs(keys[texts], BUCKET_TEXTS))
    small, large = np.minimum(ones, others), np.maximum(ones, others)
    asks = small < asked
    return np.sort(small[asks].astype(np.uint64) << np.uint64(32) | large[asks].astype(np.uint64))


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
