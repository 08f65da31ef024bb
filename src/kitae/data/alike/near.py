"""Near pairs: candidates of all bands, gathered on disk, each measured once by the n-grams of its two texts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from kitae.data.alike.banding import banding, bucket_pairs
from kitae.data.alike.columns import Columns
from kitae.data.alike.fingerprints import band_name
from kitae.data.alike.grams import gram_sets, similarities
from kitae.data.alike.ragged import Array, Ragged, blocks
from kitae.data.alike.turns import KEYS_AT_ONCE, Turns

TEXTS_PER_FILE = 1 << 18
"""Candidates are gathered in one file for so many texts; one file is sorted in memory at once."""
LETTERS_AT_ONCE = 1 << 19
_PAIR = np.dtype([("one", np.int64), ("other", np.int64), ("similarity", np.float64)])
_LOW = np.uint64(0xFFFF_FFFF)

Progress = Callable[[int, int, str], None]
"""Told how much of how much is done, and of what."""


@dataclass(frozen=True)
class Pairs:
    """Turns that are alike, ascending: `ones[i] < others[i]`, each the first of its text, and `ones[i]` is asked."""

    ones: Array
    others: Array
    similarity: Array

    @staticmethod
    def none() -> "Pairs":
        """No pair at all."""
        return Pairs(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))

    def __getitem__(self, chosen: Array) -> "Pairs":
        return Pairs(self.ones[chosen], self.others[chosen], self.similarity[chosen])


def near_pairs(columns: Columns, turns: Turns, near: float, *, scratch: Path, progress: Progress) -> Pairs:
    """All found pairs of different texts whose n-grams have a Jaccard similarity of at least `near`.

    The result lies in `scratch` and is read through a memory map.
    """
    columns.check_bands(near)
    letters = partial(turns.letters, columns)
    texts = turns.different()
    files = _candidates(columns, turns, texts, near, scratch=scratch, progress=progress)
    found = scratch / "near.pairs"
    with found.open("wb") as out:
        for number, file in enumerate(files, start=1):
            pairs = _shared(np.fromfile(file, dtype=np.uint64), banding(near).needed)
            file.unlink()
            ones, others = texts[pairs >> np.uint64(32)], texts[pairs & _LOW]
            for block, similarity in measured(letters, turns.lengths, ones, others):
                rows = np.rec.fromarrays([ones[block], others[block], similarity], dtype=_PAIR)
                out.write(rows[similarity >= near].tobytes())
            progress(number, len(files), "files of pairs")
    if not found.stat().st_size:
        return Pairs.none()
    mapped = np.memmap(found, dtype=_PAIR, mode="r")
    return Pairs(mapped["one"], mapped["other"], mapped["similarity"])


def _candidates(
    columns: Columns, turns: Turns, texts: Array, near: float, *, scratch: Path, progress: Progress
) -> list[Path]:
    """Files of pairs of places in `texts`, as `smaller << 32 | larger`; a pair may stand there once for each band."""
    bands = banding(near).bands
    asked = int(np.searchsorted(texts, turns.records))
    files = [scratch / f"candidates-{number:05}.pairs" for number in range(-(-len(texts) // TEXTS_PER_FILE))]
    for file in files:
        file.write_bytes(b"")
    shares = max(1, -(-len(texts) // KEYS_AT_ONCE))
    first = keys = _band(columns, turns, texts, 0, bands)
    for band in range(bands):
        following = first if band == bands - 1 else _band(columns, turns, texts, band + 1, bands)
        for share in range(shares):
            members = np.flatnonzero(keys % shares == share) if shares > 1 else np.arange(len(keys))
            _append(files, bucket_pairs(keys, following, members, asked=asked))
        keys = following
        progress(band + 1, bands, "bands")
    return files


def _shared(pairs: Array, needed: int) -> Array:
    """Those pairs that stand there at least so many times, ascending."""
    pairs.sort()
    often: Array = pairs[needed - 1 :][pairs[needed - 1 :] == pairs[: len(pairs) - needed + 1]]
    fresh = np.ones(len(often), dtype=bool)
    fresh[1:] = often[1:] != often[:-1]
    return often[fresh]


def _band(columns: Columns, turns: Turns, texts: Array, band: int, bands: int) -> Array:
    """The keys of one band of these turns."""
    asked = texts[texts < turns.records]
    earlier = texts[len(asked) :] - turns.records
    keys = columns.whole(band_name(band))[asked]
    if not len(earlier):
        return keys
    return np.concatenate([keys, columns.values("earlier_bands", first=band, step=bands)[earlier]])


def _append(files: list[Path], pairs: Array) -> None:
    """Add ascending pairs to the files of their smaller members."""
    bounds = np.searchsorted(pairs >> np.uint64(32), np.arange(len(files) + 1) * TEXTS_PER_FILE)
    for file, start, stop in zip(files, bounds[:-1], bounds[1:], strict=True):
        if stop > start:
            with file.open("ab") as out:
                out.write(pairs[start:stop].tobytes())


def measured(
    letters: Callable[[Array], Ragged], lengths: Array, ones: Array, others: Array
) -> Iterator[tuple[slice, Array]]:
    """The Jaccard similarity of the n-grams of each pair of texts, block by block.

    `letters` gives the texts of these numbers, `lengths` holds how long each text is.
    """
    for block in blocks(lengths[ones].astype(np.int64) + lengths[others], LETTERS_AT_ONCE):
        wanted, places = np.unique(np.concatenate([ones[block], others[block]]), return_inverse=True)
        half = len(places) // 2
        yield block, similarities(gram_sets(letters(wanted)), places[:half], places[half:])
