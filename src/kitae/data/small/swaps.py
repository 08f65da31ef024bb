"""Counterfactual swaps: the same question about another gender, name, place, so that none of them decides an answer.

All terms of one subject are exchanged together, so that a text stays of one piece. Terms are whole words: in Japanese
they begin and end where morphemes do (母国 is no 母), in English at word boundaries. Source: Lu et al. 2018
(arXiv:1807.11714), counterfactual data augmentation.
"""

import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from kitae.core.text import normalise
from kitae.data.small.characters import Change, applied
from kitae.data.small.morphemes import morphemes

Groups = Mapping[str, Sequence[Sequence[str]]]
"""Subjects to groups of terms."""
_OBJECT = re.compile(
    r"\s*(?:$|[.,;:!?)]|(?:to|and|or|for|at|in|on|with|from|by|about|when|if|that|what|how|a|an|the)\b)"
)
"""What follows "her" where it means "him"; before anything else it means "his"."""
_PRONOUNS = {"him": "her", "his": "her"}


@cache
def built_in_terms() -> Mapping[str, Groups]:
    """The built-in groups by language."""
    return tomllib.loads(files("kitae.data.small").joinpath("terms.toml").read_text(encoding="utf-8"))


def swapped(text: str, *, japanese: bool, terms: Groups, draw: random.Random) -> tuple[str, list[str]]:
    """The text with the terms of one subject exchanged, and those terms; ("", []) when it speaks of none."""
    found = {subject: _found(text, groups, japanese) for subject, groups in sorted(terms.items())}
    subjects = [subject for subject, spans in found.items() if spans]
    if not subjects:
        return "", []
    subject = draw.choice(subjects)
    instead: dict[str, str] = {}
    changes: list[Change] = []
    for start, end in found[subject]:
        term = text[start:end]
        key = term.lower()
        if key not in instead or key == "her":
            instead[key] = _other(key, text[end:], terms[subject], draw)
        changes.append((start, end, _cased(instead[key], term)))
    return applied(text, changes), sorted({text[start:end] for start, end in found[subject]})


def speaks_of(text: str, terms: Sequence[str]) -> bool:
    """Whether a text holds one of these terms as a whole word or not: better refused once too often."""
    said = normalise(text)
    return any(re.search(rf"(?<![a-z]){re.escape(form)}(?![a-z])", said) is not None for form in map(normalise, terms))


def _found(text: str, groups: Sequence[Sequence[str]], japanese: bool) -> list[tuple[int, int]]:
    """Where terms stand, the longest one at each place."""
    terms = sorted({term for group in groups for term in group}, key=lambda term: (-len(term), term))
    if not japanese and any("he" in group for group in groups):
        terms += [*_PRONOUNS, "her"]
    pattern = "|".join(map(re.escape, terms))
    if not japanese:
        return [m.span() for m in re.finditer(rf"(?<![\w'-])(?:{pattern})(?![\w-]|'\w)", text, re.IGNORECASE)]
    words = morphemes(text)
    starts, ends = {word.start for word in words}, {word.end for word in words}
    out: list[tuple[int, int]] = []
    for place in sorted(starts):
        fits = (place + len(t) for t in terms if text.startswith(t, place) and place + len(t) in ends)
        end = next(fits, None)
        if end is not None and (not out or place >= out[-1][1]):
            out.append((place, end))
    return out


def _other(term: str, rest: str, groups: Sequence[Sequence[str]], draw: random.Random) -> str:
    if term == "her":
        return "him" if _OBJECT.match(rest) else "his"
    if term in _PRONOUNS:
        return _PRONOUNS[term]
    group = next(group for group in groups if term in group)
    return draw.choice([other for other in group if other != term])


def _cased(word: str, like: str) -> str:
    if len(like) > 1 and like.isupper():
        return word.upper()
    return word.capitalize() if like[0].isupper() else word
