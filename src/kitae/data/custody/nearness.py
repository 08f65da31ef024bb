"""Nearly what was erased: a text that returns with a word or a letter changed is named, and never dropped unseen.

Nobody may keep what was erased to compare with, so what is kept are keyed digests of MinHash bands (see
`kitae.data.alike.banding`): of 16 bands of 8 hashes a text of similarity s shares one with a probability of
1 - (1 - s^8)^16, that is 0.9999 at 0.9, 0.95 at 0.8, 0.06 at 0.5. One shared band is a hint for people to look at.
"""

from collections.abc import Sequence

import numpy as np

from kitae.core.records import Edit, Record
from kitae.data.alike.banding import signatures
from kitae.data.alike.fingerprints import units
from kitae.data.alike.grams import gram_sets
from kitae.data.alike.letters import compacted, normalised
from kitae.data.custody.erased import MARK_BYTES, NUMBER_BYTES, Erased, Handle, mark_of
from kitae.data.privacy.redaction import masked

LIKE_ERASED = "like_erased"
"""The rule by which such records are flagged."""
BANDS, WIDTH = 16, 8
LEAST = 20
"""Letters and digits that a text must have: of shorter ones one letter is too much."""
AT_ONCE = 256


def near_handles(records: Sequence[Record]) -> list[list[Handle]]:
    """For each record the handles by which one that says nearly the same is known; private data is masked."""
    texts = ["\n".join(masked(m.content) for m in record.messages if m.role != "system") for record in records]
    letters = compacted(normalised(texts))
    sets = gram_sets(units(letters))
    found: list[list[Handle]] = []
    for start in range(0, len(records), AT_ONCE):
        rows = slice(start, min(start + AT_ONCE, len(records)))
        cut = signatures(sets, rows, BANDS * WIDTH).astype(np.uint32).reshape(-1, BANDS, WIDTH)
        for bands, length in zip(cut, letters.lengths[rows].tolist(), strict=True):
            handles = [("near", f"{number} {band.tobytes().hex()}") for number, band in enumerate(bands)]
            found.append(handles if length >= LEAST else [])
    return found


def like_erased(records: Sequence[Record], erased: Erased) -> list[Edit | None]:
    """A flag for each record that says nearly what an erased one said; None for others, and where nothing was."""
    if not erased.marks:
        return [None] * len(records)
    return [_edit(erased.first(handles)) for handles in _maybe_known(near_handles(records), erased)]


def _maybe_known(found: Sequence[Sequence[Handle]], erased: Erased) -> list[list[Handle]]:
    """Those handles whose marks begin as one of the erased ones does: nearly none of the rest is looked up singly."""
    heads = np.frombuffer(
        erased.marks, dtype=np.dtype([("head", ">u8"), ("rest", f"V{MARK_BYTES + NUMBER_BYTES - 8}")])
    )["head"].astype(np.uint64)
    handles = [handle for one in found for handle in one]
    asked = np.array([int.from_bytes(mark_of(erased.key, *one)[:8], "big") for one in handles], dtype=np.uint64)
    place = np.minimum(np.searchsorted(heads, asked), len(heads) - 1)
    known = iter((heads[place] == asked).tolist())
    return [[handle for handle in one if next(known)] for one in found]


def _edit(why: Handle | None) -> Edit | None:
    if why is None:
        return None
    reason = f"says nearly what an erased record said (erasure {why[1]}); if it is the same, erase it as well"
    return Edit(LIKE_ERASED, reason, {"action": "flag", "erasure": why[1]})
