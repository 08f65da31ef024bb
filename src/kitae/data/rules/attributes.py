"""Who and where appears in a record, by the words of `words/attributes.toml`: for counting, and for nothing else."""

from collections.abc import Mapping
from functools import lru_cache

from kitae.data.rules.lexicon import needle_of, word_list

Attribute = tuple[str, str]
"""What it is (gender, age, region) and which."""


@lru_cache(maxsize=1)
def _words() -> Mapping[str, Mapping[str, Attribute]]:
    """Needle to the words that begin so, with what they stand for."""
    out: dict[str, dict[str, Attribute]] = {}
    for what, groups in word_list("attributes").items():
        for which, words in groups.items():
            for word in words:
                out.setdefault(needle_of(word), {})[word] = (what, which)
    return out


@lru_cache(maxsize=1)
def attribute_words() -> frozenset[str]:
    """The needles to look for."""
    return frozenset(_words())


def attributes(text: str, found: frozenset[str]) -> frozenset[Attribute]:
    """What appears in a text of which `found` are the needles (see `seen.found_in`)."""
    needles = found & attribute_words()
    return frozenset(
        attribute
        for needle in needles
        for word, attribute in _words()[needle].items()
        if word.isascii() or word in text
    )
