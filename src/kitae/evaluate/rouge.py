"""How much of one text is in another: n-grams and longest common subsequences, by characters and by words.

ROUGE-L is the F-measure of the longest common subsequence (Lin 2004, "ROUGE: A Package for Automatic Evaluation of
Summaries", section 3.1, with beta = 1). By characters it means the same in every language; the well-known package
rouge-score drops every character that is not ASCII and gives identical Japanese texts 0.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import chain

from kitae.core.text import SPACES

_LETTERS = bytes(code if chr(code) in "abcdefghijklmnopqrstuvwxyz0123456789" else 32 for code in range(256))
"""Every byte but lower-case letters and digits becomes a space: many times faster than a regular expression."""


def exact_form(text: str) -> str:
    """The form in which answers are compared: NFKC, runs of white space as one space, ends trimmed; case stays."""
    return SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip()


def rouge_l(reference: str, answer: str) -> float:
    """Character ROUGE-L (F1, 0 to 1) of two texts in their exact form. Two empty texts score 1, one empty text 0."""
    return rouge_l_of(exact_form(reference), exact_form(answer))


def english_words(text: str) -> list[str]:
    """Tokens as rouge-score 0.1.2 takes them: lower case, runs of ASCII letters and digits."""
    return text.lower().encode("ascii", "replace").translate(_LETTERS).decode("ascii").split()


def rouge_l_of(reference: Sequence[str], answer: Sequence[str]) -> float:
    """F-measure of the longest common subsequence of two sequences of tokens; two empty ones agree."""
    from rapidfuzz.distance import LCSseq

    if not reference and not answer:
        return 1.0
    return 2.0 * LCSseq.similarity(reference, answer) / (len(reference) + len(answer))


def rouge_n_of(size: int, reference: Sequence[str], answer: Sequence[str]) -> float:
    """F-measure of the bags of n-grams (Lin 2004, section 2); 0 where there are none."""
    first, second = (_grams(tokens, size) for tokens in (reference, answer))
    total = max(0, len(reference) - size + 1) + max(0, len(answer) - size + 1)
    shared = first.keys() & second.keys()
    common = sum(map(min, map(first.__getitem__, shared), map(second.__getitem__, shared)))
    return 2.0 * common / total if total else 0.0


def rouge_lsum_of(reference: Sequence[Sequence[str]], answer: Sequence[Sequence[str]]) -> float:
    """F-measure of summaries in lines: each reference line's union of subsequences with all lines of the answer.

    Lin 2004, section 3.2, where a token counts no more often than it occurs in both (as ROUGE 1.5.5 does).
    """
    left, right = Counter(chain.from_iterable(reference)), Counter(chain.from_iterable(answer))
    total = left.total() + right.total()
    hits = 0
    for line in reference:
        found: set[int] = set()
        for other in answer:
            found.update(_subsequence(line, other))
        for place in sorted(found):
            token = line[place]
            if left[token] > 0 and right[token] > 0:
                hits += 1
                left[token] -= 1
                right[token] -= 1
    return 2.0 * hits / total if total else 0.0


def _subsequence(first: Sequence[str], second: Sequence[str]) -> list[int]:
    """Places in `first` of the longest common subsequence that a walk back from both ends finds.

    Rows of the table are kept as bits (Hyyrö 2004, "Bit-parallel LCS-length computation revisited"): bit j of row i is
    0 where the length grows between columns j and j + 1.
    """
    where: dict[str, int] = {}
    for place, token in enumerate(second):
        where[token] = where.get(token, 0) | 1 << place
    whole = (1 << len(second)) - 1
    rows = [whole]
    for token in first:
        same = rows[-1] & where.get(token, 0)
        rows.append(((rows[-1] + same) | (rows[-1] - same)) & whole)
    places = []
    i, j = len(first), len(second)
    while i and j:
        if first[i - 1] == second[j - 1]:
            i, j = i - 1, j - 1
            places.append(i)
        elif _length(rows[i], j) > _length(rows[i - 1], j):
            j -= 1
        else:
            i -= 1
    return places


def _length(row: int, columns: int) -> int:
    """Length of the common subsequence with the first `columns` tokens."""
    return columns - (row & ((1 << columns) - 1)).bit_count()


def _grams(tokens: Sequence[str], size: int) -> "Counter[object]":
    return Counter(tokens) if size == 1 else Counter(zip(*(tokens[n:] for n in range(size)), strict=False))
