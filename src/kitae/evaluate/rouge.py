"""How much of one text is in another: the longest common subsequence, by characters and by words.

ROUGE-L is the F-measure of the longest common subsequence (Lin 2004, "ROUGE: A Package for Automatic Evaluation of
Summaries", section 3.1, with beta = 1). By characters it means the same in every language; the well-known package
rouge-score drops every character that is not ASCII and gives identical Japanese texts 0.
"""

import re
import unicodedata
from collections.abc import Sequence

from kitae.core.text import SPACES

_NOT_WORD = re.compile(r"[^a-z0-9]+")


def exact_form(text: str) -> str:
    """The form in which answers are compared: NFKC, runs of white space as one space, ends trimmed; case stays."""
    return SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip()


def rouge_l(reference: str, answer: str) -> float:
    """Character ROUGE-L (F1, 0 to 1) of two texts in their exact form. Two empty texts score 1, one empty text 0."""
    return _lcs_f1(exact_form(reference), exact_form(answer))


def rouge_l_words(reference: str, answer: str) -> float:
    """Word ROUGE-L (F1, 0 to 1) as the package rouge-score computes it for English, without its stemmer."""
    first, second = english_words(reference), english_words(answer)
    return _lcs_f1(first, second) if first and second else 0.0


def english_words(text: str) -> list[str]:
    """Tokens as rouge-score 0.1.2 takes them: lower case, runs of ASCII letters and digits."""
    return [word for word in _NOT_WORD.split(text.lower()) if word]


def _lcs_f1(reference: Sequence[str], answer: Sequence[str]) -> float:
    from rapidfuzz.distance import LCSseq

    if not reference and not answer:
        return 1.0
    return 2.0 * LCSseq.similarity(reference, answer) / (len(reference) + len(answer))
