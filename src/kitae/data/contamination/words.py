"""Texts as words, and windows of words as numbers: what is compared, and how it is found fast.

A word is a run of letters and digits, or one kana or kanji: Japanese has no spaces, so its windows are windows of
characters. Case, width, spaces and punctuation do not matter (the filtering of Brown et al. 2020, arXiv:2005.14165,
appendix C, and OpenAI 2023, arXiv:2303.08774, appendix C). Windows are found by their rolling hashes (Karp and Rabin
1987); a hash only proposes, and whoever uses it compares the words.
"""

import re
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_KANA_OR_KANJI = "぀-ヿㇰ-ㇿ㐀-䶿一-鿿豈-﫿々〆"
_WORD = re.compile(rf"[{_KANA_OR_KANJI}]|[^\W_{_KANA_OR_KANJI}]+")
_BETWEEN = "\0"
TURN, RECORD = "\n", "\n\n"
"""Stand between two turns, and two records, where their words are listed together; no word is one of these."""
_BASE = 0x9E37_79B9_7F4A_7C15
"""Of the rolling hash; odd, so that it has an inverse modulo 2^64."""


def wide(text: str) -> str:
    """The text whose places `places` speaks of: NFKC."""
    return unicodedata.normalize("NFKC", text)


def words(text: str) -> list[str]:
    """The words of a text in lower case."""
    found = _WORD.findall(wide(text))
    return _BETWEEN.join(found).casefold().split(_BETWEEN) if found else []


def places(text: str) -> list[tuple[int, int]]:
    """Where each of `words` begins and ends in `wide(text)`."""
    return [match.span() for match in _WORD.finditer(wide(text))]


@dataclass(frozen=True)
class Hashed:
    """Words (or characters), with the sums that give the hash of any run of them at once."""

    sums: "NDArray[np.uint64]"  # W + 1 for W words

    @staticmethod
    def of_words(said: Sequence[str]) -> "Hashed":
        """Hash a list of words."""
        import numpy as np

        return _hashed(np.fromiter((zlib.crc32(word.encode()) for word in said), np.uint64, len(said)))

    @staticmethod
    def of_characters(text: str) -> "Hashed":
        """Hash the characters of a text."""
        import numpy as np

        return _hashed(np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64))

    def windows(self, size: int) -> "NDArray[np.uint64]":
        """The hash of every window of `size` words; none when there are fewer words."""
        import numpy as np

        count = len(self.sums) - size
        if count <= 0:
            return np.empty(0, dtype=np.uint64)
        hashes: NDArray[np.uint64] = (self.sums[size:] - self.sums[:-size]) * _powers(_size(count))[1][:count]
        return hashes

    def pieces(self, starts: "NDArray[np.int64]", ends: "NDArray[np.int64]") -> "NDArray[np.uint64]":
        """The hashes of the pieces from each start up to each end, in words."""
        hashes: NDArray[np.uint64] = (self.sums[ends] - self.sums[starts]) * _powers(_size(len(self.sums)))[1][starts]
        return hashes


def grams(text: str, size: int) -> "NDArray[np.uint64]":
    """The distinct hashes, ascending, of the character n-grams of a text; a shorter text is its own only one."""
    import numpy as np

    return np.unique(Hashed.of_characters(text).windows(min(size, len(text)))) if text else np.empty(0, np.uint64)


def _hashed(codes: "NDArray[np.uint64]") -> Hashed:
    import numpy as np

    sums = np.zeros(len(codes) + 1, dtype=np.uint64)
    if len(codes):
        np.cumsum(_mixed(codes) * _powers(_size(len(codes)))[0][: len(codes)], out=sums[1:])
    return Hashed(sums)


def _mixed(codes: "NDArray[np.uint64]") -> "NDArray[np.uint64]":
    """Numbers that look random from numbers that do not (the finaliser of SplitMix64; Steele et al. 2014)."""
    import numpy as np

    mixed = (codes + np.uint64(1)) * np.uint64(_BASE)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    out: NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(31))
    return out


def _size(count: int) -> int:
    """A table size that serves many counts."""
    return 1 << max(10, (count - 1).bit_length())


@cache
def _powers(count: int) -> "tuple[NDArray[np.uint64], NDArray[np.uint64]]":
    """The first `count` powers of the base, and of its inverse, modulo 2^64."""
    import numpy as np

    up = np.full(count, _BASE, dtype=np.uint64)
    down = np.full(count, pow(_BASE, -1, 1 << 64), dtype=np.uint64)
    up[0] = down[0] = 1
    return np.cumprod(up, dtype=np.uint64), np.cumprod(down, dtype=np.uint64)
