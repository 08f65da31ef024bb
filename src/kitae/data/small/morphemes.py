"""Where the words of a Japanese text begin and end, by MeCab with the IPA dictionary."""

from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True)
class Morpheme:
    """One word: its place in the text, its part of speech as the IPA dictionary names it (助詞, 格助詞)."""

    start: int
    end: int
    kind: str
    sort: str


def morphemes(text: str) -> list[Morpheme]:
    """The words of a text in their order; white space belongs to none."""
    out = []
    place = 0
    node = _tagger().parseToNode(text)
    while node:
        if node.surface:
            place = text.index(node.surface, place)
            kind, sort, *_ = node.feature.split(",")
            out.append(Morpheme(place, place + len(node.surface), kind, sort))
            place += len(node.surface)
        node = node.next
    return out


@cache
def _tagger() -> Any:
    import ipadic
    import MeCab

    return MeCab.Tagger(ipadic.MECAB_ARGS)
