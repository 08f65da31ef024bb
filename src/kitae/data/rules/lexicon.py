"""Word lists: patterns that are only tried on texts that hold one of their words, so that clean text costs little.

Each entry names what a text needs for it to match: English words, or pieces of Japanese, which has no spaces and is
looked up by its first two characters. `needles` of all lists together are looked for once per record (see `seen`).
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

PATTERNS = ("boilerplate", "offence", "refusal")
"""Lists of patterns with needs."""


@dataclass(frozen=True)
class Entry:
    """One pattern, what kind of thing it finds, and what a hit weighs."""

    kind: str
    pattern: re.Pattern[str]
    weight: float
    needs: tuple[str, ...]
    example: str


@dataclass(frozen=True)
class Match:
    """A place that an entry found."""

    kind: str
    weight: float
    text: str


class Lexicon:
    """The entries of a list, by what they need."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Index the entries."""
        self.entries = tuple(entries)
        by_needle: dict[str, list[int]] = defaultdict(list)
        for index, entry in enumerate(self.entries):
            for needle in dict.fromkeys(map(needle_of, entry.needs)):
                by_needle[needle].append(index)
        self._by_needle = dict(by_needle)
        self.needles = frozenset(by_needle)
        """Without one of these a text has nothing of this list."""

    def matches(self, text: str, found: Iterable[str]) -> Iterator[Match]:
        """What the entries find in a text of which all needles are in `found`, entry by entry."""
        tried = sorted({index for needle in found if needle in self._by_needle for index in self._by_needle[needle]})
        for entry in map(self.entries.__getitem__, tried):
            for hit in entry.pattern.finditer(text):
                yield Match(entry.kind, entry.weight, hit.group())


def needle_of(need: str) -> str:
    """What is looked up for a need: an English word, or the first two characters of anything else."""
    return need if need.isascii() else need[:2]


@lru_cache(maxsize=8)
def word_list(name: str) -> Mapping[str, Any]:
    """One of our lists as its file has it."""
    raw = files("kitae.data.rules").joinpath("words", f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(raw)


@lru_cache(maxsize=8)
def lexicon(name: str) -> Lexicon:
    """A list of patterns; `<NAME>` in a pattern or a need stands for the words of that name."""
    raw = word_list(name)
    return Lexicon(_entry(entry, raw.get("words", {})) for entry in raw["entry"])


def _entry(raw: Mapping[str, Any], words: Mapping[str, str]) -> Entry:
    pattern = raw["pattern"]
    needs: list[str] = []
    for need in raw.get("needs", ()):
        needs += words[need.strip("<>")].split("|") if need.startswith("<") else [need]
    for name, alternatives in words.items():
        pattern = pattern.replace(f"<{name}>", f"(?:{alternatives})")
    compiled = re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    return Entry(raw["kind"], compiled, raw["weight"], tuple(needs), raw["example"])
