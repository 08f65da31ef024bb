"""Sets of character n-grams of many texts at once, as sorted hashes, and how alike two sets are.

An n-gram is hashed to 32 bits: of two texts of a thousand n-grams each, one pair in four thousand has an n-gram too
many in common, which moves its similarity by less than a thousandth.
"""

import numpy as np

from kitae.data.alike.letters import japanese
from kitae.data.alike.ragged import Array, Ragged, gathered

NGRAM_JAPANESE = 3
NGRAM_OTHER = 5
_MIX = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xFF51AFD7ED558CCD],
    dtype=np.uint64,
)


def gram_sets(texts: Ragged) -> Ragged:
    """For each compact text the sorted distinct hashes (uint32) of its n-grams: 3 letters in Japanese, 5 otherwise.

    A shorter text is its own only n-gram, an empty one has none.
    """
    sizes = np.where(japanese(texts), NGRAM_JAPANESE, NGRAM_OTHER)
    lengths = texts.lengths
    counts = np.where(lengths > 0, np.maximum(lengths - sizes + 1, 1), 0)
    hashes = gathered(_windows(texts, np.minimum(sizes, lengths)), texts.offsets[:-1], counts)
    keys = np.sort(hashes.owners().astype(np.uint64) << np.uint64(32) | hashes.values)
    fresh = np.ones(len(keys), dtype=bool)
    fresh[1:] = keys[1:] != keys[:-1]
    return Ragged((keys & np.uint64(0xFFFF_FFFF)).astype(np.uint32), hashes.offsets).where(fresh)


def _windows(texts: Ragged, sizes: Array) -> Array:
    """A hash (uint32) of the letters from every place on, as many as the text's n-grams have."""
    letters = np.concatenate([texts.values, np.zeros(len(_MIX), dtype=texts.values.dtype)]).astype(np.uint64)
    total = len(texts.values)
    sums = np.zeros(total, dtype=np.uint64)
    size = np.repeat(sizes, texts.lengths)
    for place, mix in enumerate(_MIX):
        # A letter is counted from one on, so that a text and the same with a NUL behind it are two.
        term = (letters[place : place + total] + np.uint64(1)) * mix
        sums += term if place == 0 else np.where(place < size, term, np.uint64(0))
    sums ^= sums >> np.uint64(29)
    sums *= _MIX[-1]
    return (sums >> np.uint64(32)).astype(np.uint32)


def similarities(sets: Ragged, ones: Array, others: Array) -> Array:
    """Jaccard similarity of the sets of each pair (rows of `sets`), [pairs]; 0 for two empty sets."""
    lengths = sets.lengths
    common = _common(sets, ones, others)
    union = lengths[ones] + lengths[others] - common
    alike: Array = np.divide(common, union, out=np.zeros(len(common)), where=union > 0)
    return alike


def _common(sets: Ragged, ones: Array, others: Array) -> Array:
    """How many hashes the sets of each pair share, [pairs]."""
    sides = [sets.take(side) for side in (ones, others)]
    keys = [side.owners().astype(np.uint64) << np.uint64(32) | side.values for side in sides]
    # Two ascending runs: the stable sort of numpy merges them in one go.
    merged = np.sort(np.concatenate(keys), kind="stable")
    twice = merged[1:][merged[1:] == merged[:-1]] >> np.uint64(32)
    return np.bincount(twice.astype(np.int64), minlength=len(ones))
