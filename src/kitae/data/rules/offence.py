"""Offensive text, scored and explained by the lexicon in `words/offence.toml`; nothing is judged silently."""

import re
from functools import lru_cache

from kitae.data.rules.lexicon import Match, lexicon, word_list
from kitae.data.rules.seen import found_in

_FIGURES = str.maketrans({"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i"})
_LATIN = re.compile(r"[A-Za-z]")
_MASKS = re.compile(r"[*#@$!013457][A-Za-z*#@$!013457]")
_MASKED = re.compile(r"(?<![\w@$#*])[a-z@$]+[*#@$!013457]+[a-z]+(?![\w@$])", re.IGNORECASE)
"""A word with a star or a figure inside: f**k, sh1t, a$$hole."""
_LONE = re.compile(r"[ .\-_*][A-Za-z][ .\-_*]{1,2}[A-Za-z](?![A-Za-z])")
_SPACED = re.compile(r"(?<![A-Za-z])[A-Za-z](?:[ .\-_*]{1,2}[A-Za-z]){2,}(?![A-Za-z])")
_LONE_JA = re.compile(r"[ 　・.*＊_][ぁ-ヿ一-鿿](?![ぁ-ヿ一-鿿])")
_SPACED_JA = re.compile(r"(?<![ぁ-ヿ一-鿿])[ぁ-ヿ一-鿿](?:[ 　・.*＊_]{1,2}[ぁ-ヿ一-鿿])+(?![ぁ-ヿ一-鿿])")
_SEPARATORS = re.compile(r"[ 　・.\-*＊_]")
_TRIPLES = tuple(letter * 3 for letter in "aiuosck")
_DRAWN_OUT = re.compile(r"([aiuosck])\1{2,}", re.IGNORECASE)
"""Each of these is looked for by a pattern that is quick to fail before the one that is exact."""


def offence(text: str, found: frozenset[str] | None = None) -> tuple[float, tuple[Match, ...]]:
    """How offensive a text is (the sum of the weights of what was found, the same words once) and what was found.

    `found` are the needles that occur in it (see `seen.found_in`). Words that are masked, spaced out, drawn out or
    written with figures are read as what they stand for.
    """
    plain = unmasked(text)
    if found is None or plain != text:
        found = found_in(plain)
    if found.isdisjoint(lexicon("offence").needles):
        return 0.0, ()
    matches = tuple(dict.fromkeys(lexicon("offence").matches(plain, found)))
    return sum(match.weight for match in matches), matches


def explained(matches: tuple[Match, ...]) -> str:
    """What was found, for people: each kind with its words, the shortest first and none that holds another."""
    words: dict[str, list[str]] = {}
    for match in sorted(matches, key=lambda match: (match.kind, len(match.text))):
        said = " ".join(match.text.split())[:24]
        known = words.setdefault(match.kind, [])
        if not any(word in said for word in known):
            known.append(said)
    return "; ".join(f"{kind}: {', '.join(said[:3])}" for kind, said in words.items())


def unmasked(text: str) -> str:
    """The text with masked, spaced and drawn-out strong words as they are meant; all else stays as it is."""
    if not _LATIN.search(text):
        return _SPACED_JA.sub(lambda run: _SEPARATORS.sub("", run.group()), text) if _LONE_JA.search(text) else text
    if _MASKS.search(text):
        text = _MASKED.sub(lambda word: _meant(word.group()), text)
    if _LONE.search(text):
        text = _SPACED.sub(lambda run: _joined(run.group()), text)
    if not text.isascii() and _LONE_JA.search(text):
        text = _SPACED_JA.sub(lambda run: _SEPARATORS.sub("", run.group()), text)
    if any(map(text.lower().__contains__, _TRIPLES)):
        text = _DRAWN_OUT.sub(lambda run: run.group(1), text)
    return text


def _joined(run: str) -> str:
    """Letters between spaces as the strong word that they spell, after "a" or "I" perhaps; else as they were."""
    letters = _SEPARATORS.sub("", run)
    for at in (0, 1):
        meant = _meant(letters[at:])
        if meant in word_list("offence")["masked"]:
            return " ".join([*letters[:at], meant])
    return run


@lru_cache(maxsize=4096)
def _meant(word: str) -> str:
    """The strong word that a masked one stands for, else the word as it was."""
    strong = word_list("offence")["masked"]
    lower = word.lower().translate(_FIGURES)
    if lower in strong:
        return lower
    pattern = re.compile("".join("[a-z]" if c in "*#" else re.escape(c) for c in lower))
    hidden = "*" in lower or "#" in lower
    found = next((known for known in strong if pattern.fullmatch(known)), None) if hidden else None
    return found or word
