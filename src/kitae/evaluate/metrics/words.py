"""Words of texts, each way with a name for signatures. A tokeniser that is missing is an error, never another one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Any

from kitae.errors import InputError
from kitae.evaluate.rouge import english_words, exact_form

INSTALL = "Install it (pip install mecab-python3 ipadic), or leave the metric out of evaluate.metrics"
KEPT = 4096
"""Texts whose words are kept: several metrics cut the same texts, and every system has the same references."""


@dataclass(frozen=True)
class Words:
    """A way of cutting texts into words, and its name in signatures."""

    tokens: Callable[[str], Sequence[str]]
    name: str


def words_of(language: str) -> Words | None:
    """The words of English and Japanese; None for other languages. Raises `InputError` when MeCab is missing."""
    if language == "en":
        return Words(_english, "rouge-score-0.1.2|case:lower|stem:no")
    if language == "ja":
        name = f"mecab-python3-{version('mecab-python3')}+ipadic-{version('ipadic')}|norm:nfkc+spaces+trim"
        tagger()
        return Words(_japanese, name)
    return None


@lru_cache(maxsize=KEPT)
def _english(text: str) -> tuple[str, ...]:
    return tuple(english_words(text))


@lru_cache(maxsize=KEPT)
def _japanese(text: str) -> tuple[str, ...]:
    return tuple(japanese_words(text))


def japanese_words(text: str) -> list[str]:
    """Words by MeCab with the IPA dictionary, of a text in its exact form."""
    found: str = tagger().parse(exact_form(text))
    return found.split()


@cache
def tagger() -> Any:
    """MeCab with the IPA dictionary, words parted by spaces. Raises `InputError`."""
    try:
        import ipadic
        import MeCab

        return MeCab.Tagger(f"{ipadic.MECAB_ARGS} -Owakati")
    except (ImportError, RuntimeError) as error:
        raise InputError(
            "the Japanese tokeniser MeCab with the dictionary ipadic does not work here",
            got=" ".join(str(error).split()) or type(error).__name__,
            hint=INSTALL,
        ) from error
