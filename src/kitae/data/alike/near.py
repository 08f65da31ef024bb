"""Near pairs: candidates of all bands, gathered on disk, each measured once by the n-grams of its two texts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from kitae.data.alike.banding import BUCKET_TEXTS, banding, bucket_pairs
from kitae.data.alike.columns import Columns
from kitae.data.alike.fingerprints import band_name
from kitae.data.alike.grams import gram_sets, similarities
from kitae.data.alike.pairs import PairFile, Pairs
from kitae.data.alike.ragged import Array, Ragged, blocks, joined
from kitae.data.alike.turns import KEYS_AT_ONCE, Turns

CANDIDATES_AT_ONCE = 1 << 23
"""Candidates that are sorted in memory at once, at most."""
LETTERS_HELD = 1 << 24
"""Letters of pairs whose texts are in memory while they are measured."""
LETTERS_AT_ONCE = 1 << 19
"""Letters of the pairs that are measured at once, so that they stay in the processor's cache."""
FOUND = "near.pairs"
_LOW = np.uint64(0xFFFF_FFFF)

Progress = Callable[[int, int, str], None]
"""Told how much of how much is done, and of what."""


@dataclass(frozen=True)
class Wanted:
    """Which pairs somebody asks for: where the numbers are equal, and where one question is of a split drawn before."""

    numbers: Array
    """A key of the numbers in the question of each record."""
    held: Array
    """Whether the text is a question of such a split, by turn."""

    def __call__(self, ones: Array, others: Array) -> Array:
        """Whether each pair of turns is wanted."""
        equal = others < len(self.numbers)
        equal[equal] = self.numbers[ones[equal]] == self.numbers[others[equal]]
        wanted: Array = equal | self.held[ones] | self.held[others]
        return wanted


def near_pairs(
    columns: Columns, turns: Turns, near: float, *, scratch: Path, progress: Progress, wanted: Wanted | None = None
) -> PairFile:
    """All found pairs of different texts whose n-grams have a Jaccard similarity of at least `near`, ascending.

    Or only those that are `wanted`: in data full of numbers few are, and measuring is what takes the time.
    """
    columns.check_bands(near)
    letters = partial(turns.letters, columns)
    texts = turns.different()
    files = _candidates(columns, turns, texts, near, scratch=scratch, progress=progress, wanted=wanted)
    with (scratch / FOUND).open("wb") as out:
        for number, file in enumerate(files, start=1):
            pairs = found_often(np.fromfile(file, dtype=np.uint64), banding(near).needed)
            file.unlink()
            ones, others = _turns(texts, pairs)
            for block, similarity in measured(letters, turns.lengths, ones, others):
                alike = similarity >= near
                out.write(Pairs(ones[block][alike], others[block][alike], similarity[alike]).packed())
            progress(number, len(files), "files of pairs")
    return PairFile.of(scratch / FOUND)


def _candidates(
    columns: Columns,
    turns: Turns,
    texts: Array,
    near: float,
    *,
    scratch: Path,
    progress: Progress,
    wanted: Wanted | None,
) -> list[Path]:
    """Files of pairs of places in `texts`, as `smaller << 32 | larger`; a pair may stand there once for each band."""
    bands = banding(near).bands
    asked = int(np.searchsorted(texts, turns.records))
    per_file = max(1, CANDIDATES_AT_ONCE // (bands * BUCKET_TEXTS))
    out = _Sorted([scratch / f"candidates-{at:05}.pairs" for at in range(-(-len(texts) // per_file))], per_file)
    shares = max(1, -(-len(texts) // KEYS_AT_ONCE))
    first = keys = _band(columns, turns, texts, 0, bands)
    for band in range(bands):
        following = first if band == bands - 1 else _band(columns, turns, texts, band + 1, bands)
        for share in range(shares):
            members = np.flatnonzero(keys % shares == share) if shares > 1 else np.arange(len(keys))
            for pairs in bucket_pairs(keys, following, members, asked=asked):
                out.add(pairs if wanted is None else pairs[wanted(*_turns(texts, pairs))])
        keys = following
        progress(band + 1, bands, "bands")
    out.flush()
    return out.files


def _turns(texts: Array, pairs: Array) -> tuple[Array, Array]:
    """Both turns of each pair of places."""
    return texts[pairs >> np.uint64(32)], texts[pairs & _LOW]


class _Sorted:
    """Pairs on their way into the files of their smaller members, each of which is for so many texts."""

    def __init__(self, files: list[Path], texts_per_file: int) -> None:
        """Begin with empty files."""
        self.files = files
        self._bounds = np.arange(len(files) + 1) * texts_per_file
        self._held: list[Array] = []
        self._count = 0
        for file in files:
            file.write_bytes(b"")

    def add(self, pairs: Array) -> None:
        """Take some pairs; they are written when there are many, so that no file is opened for a few."""
        self._held.append(pairs)
        self._count += len(pairs)
        if self._count >= CANDIDATES_AT_ONCE // 2:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        pairs = np.concatenate([np.empty(0, dtype=np.uint64), *self._held])
        self._held, self._count = [], 0
        pairs.sort()
        cuts = np.searchsorted(pairs, self._bounds.astype(np.uint64) << np.uint64(32))
        for file, start, stop in zip(self.files, cuts[:-1], cuts[1:], strict=True):
            if stop > start:
                with file.open("ab") as out:
                    out.write(pairs[start:stop].tobytes())


def found_often(pairs: Array, needed: int) -> Array:
    """Those pairs that stand there at least so many times, ascending."""
    pairs.sort()
    last = pairs[needed - 1 :]
    often: Array = last[last == pairs[: len(last)]]
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


def measured(
    letters: Callable[[Array], Ragged], lengths: Array, ones: Array, others: Array
) -> Iterator[tuple[slice, Array]]:
    """The Jaccard similarity of the n-grams of each pair of texts, block by block.

    `letters` gives the texts of these numbers, `lengths` holds how long each text is.
    """
    for held in blocks(lengths[ones].astype(np.int64) + lengths[others], LETTERS_HELD):
        wanted, places = np.unique(np.concatenate([ones[held], others[held]]), return_inverse=True)
        left, right = np.split(places, 2)
        sets = _sets(letters(wanted))
        for block in blocks(sets.lengths[left] + sets.lengths[right], LETTERS_AT_ONCE):
            found = slice(held.start + block.start, held.start + block.stop)
            yield found, similarities(sets, left[block], right[block])


def _sets(texts: Ragged) -> Ragged:
    """The n-grams of each text, as `gram_sets` gives them."""
    return joined([gram_sets(texts.between(block)) for block in blocks(texts.lengths, LETTERS_AT_ONCE)])
