"""Licences by their SPDX ids: how people write them, what expressions of them mean, what is known of their terms.

The facts are data (`terms.toml`). Expressions follow annex D of the SPDX specification 2.3 as far as data needs it:
AND, OR and parentheses; what stands after WITH is an exception to a licence and leaves it what it is.
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

_TABLE = tomllib.loads(files("kitae.data.custody").joinpath("terms.toml").read_text(encoding="utf-8"))
REFERENCE = "LicenseRef-"
"""Begins the names of licences that are no public ones: a contract, a house rule."""
LONGEST = 400
"""Characters of an expression; a longer one is read as one unknown name."""
MOST_WAYS = 64
"""Ways to satisfy an expression; one with more is read as one unknown name."""
DEEPEST = 16
"""Parentheses of an expression; one with more is read as one unknown name."""

_URLS = (
    (re.compile(r"(?:https?://)?(?:www\.)?creativecommons\.org/licenses/([a-z-]+)/([\d.]+)(?:/([a-z]{2})(?![a-z]))?\S*"),
     r"cc \1 \2 \3"),
    (re.compile(r"(?:https?://)?(?:www\.)?creativecommons\.org/publicdomain/zero/([\d.]+)\S*"), r"cc0 \1"),
    (re.compile(r"(?:https?://)?(?:www\.)?creativecommons\.org/publicdomain/mark/([\d.]+)\S*"), r"cc pdm \1"),
    (re.compile(r"(?:https?://)?(?:www\.)?(?:opensource|spdx)\.org/licenses?/([\w.+-]+?)(?:\.html|/)?$"), r"\1"),
    (re.compile(r"(?:https?://)?(?:www\.)?apache\.org/licenses/license-([\d.]+?)(?:\.\w+)?$"), r"apache \1"),
)  # fmt: skip
_OPERATORS = re.compile(r"(\(|\)|(?<!\S)(?:AND|OR|WITH)(?!\S))")
_LOWER_OPERATORS = re.compile(r"(?<!\S)(?:and|or)(?!\S)")
_VERSION = re.compile(r"(?:v|ver\.?)(?=\s?\d)|第(?=\d)|(?<=\d)版")
_TWICE = re.compile(r"([^()]+)\(([^()]+)\)")
"""A name and its id, as in "The MIT License (MIT)"."""
_REFERENCE = re.compile(r"(?:DocumentRef-[\w.-]+:)?LicenseRef-[\w.-]+")


@dataclass(frozen=True)
class Facts:
    """What a licence allows and asks for; `training` is "yes", or "ask" when its terms do not settle it."""

    commercial: bool
    derivatives: bool
    share_alike: bool
    attribution: bool
    training: str


@dataclass(frozen=True)
class Licence:
    """What a row says of its licence, read as an SPDX expression.

    `ways` are the alternatives, each a set of licences whose terms all hold; `unknown` names those of which nothing is
    known and that are no `LicenseRef-…` either.
    """

    text: str
    ways: tuple[frozenset[str], ...]
    unknown: tuple[str, ...]


def _facts(words: str) -> Facts:
    said = set(words.split())
    return Facts(
        commercial="commercial" in said,
        derivatives="derivatives" in said,
        share_alike="share-alike" in said,
        attribution="attribution" in said,
        training="yes" if "training" in said else "ask",
    )


KNOWN: Mapping[str, Facts] = {name: _facts(words) for name, words in _TABLE["licences"].items()}
"""SPDX id to what is known of it."""
CONSENTS: tuple[str, ...] = tuple(_TABLE["consent"])
"""On what basis data may be used, as the recipe writes it; `none` is a refusal."""


@lru_cache(maxsize=4096)
def read_licence(text: str) -> Licence:
    """A licence as a row states it, in whatever spelling."""
    text = text.strip()
    whole = _one(text)
    if whole in KNOWN or _is_reference(whole) or len(text) > LONGEST or text.count("(") > DEEPEST:
        return _licence(whole, [{whole}])
    found = _expression(text)
    if found is None or found.unknown:
        # "and" is an operator only where it stands between names that are known.
        lower = _expression(_LOWER_OPERATORS.sub(lambda match: match[0].upper(), text))
        found = lower if lower is not None and not lower.unknown else found
    return found or _licence(whole, [{whole}])


@lru_cache(maxsize=4096)
def consent_basis(text: str) -> str:
    """A consent basis as the recipe writes it; an unknown one stays as it is."""
    return _CONSENT_SPELLINGS.get(_folded(text), text.strip())


def _expression(text: str) -> Licence | None:
    """An expression in SPDX's form, or None where a text is none."""
    reader = _Expression([part for part in (piece.strip() for piece in _OPERATORS.split(text)) if part])
    try:
        ways, written = reader.alternatives()
    except (IndexError, ValueError):
        return None
    return _licence(written, ways) if reader.at_end else None


def _licence(written: str, ways: list[set[str]]) -> Licence:
    unknown = sorted({name for way in ways for name in way if name not in KNOWN and not _is_reference(name)})
    return Licence(written, tuple(frozenset(way) for way in ways), tuple(unknown))


class _Expression:
    """Reads the pieces of an expression from left to right; AND binds more tightly than OR.

    Raises `IndexError` or `ValueError` when they are none.
    """

    def __init__(self, parts: list[str]) -> None:
        self._parts = parts
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at == len(self._parts)

    def alternatives(self) -> tuple[list[set[str]], str]:
        """The ways of `a OR b`, and the expression as SPDX writes it."""
        ways, written = self._together()
        while self._taken("OR"):
            more, text = self._together()
            ways, written = self._bounded([*ways, *more]), f"{written} OR {text}"
        return ways, written

    def _together(self) -> tuple[list[set[str]], str]:
        ways, written = self._single()
        while self._taken("AND"):
            more, text = self._single()
            ways, written = self._bounded([one | other for one in ways for other in more]), f"{written} AND {text}"
        return ways, written

    def _single(self) -> tuple[list[set[str]], str]:
        if self._taken("("):
            ways, written = self.alternatives()
            if not self._taken(")"):
                raise ValueError
            return ways, f"({written})"
        part = self._parts[self._at]
        if part in {"AND", "OR", "WITH", ")"}:
            raise ValueError
        self._at += 1
        name = _one(part)
        if self._taken("WITH"):
            exception = self._parts[self._at]
            self._at += 1
            return [{name}], f"{name} WITH {exception}"
        return [{name}], name

    def _taken(self, wanted: str) -> bool:
        if self.at_end or self._parts[self._at] != wanted:
            return False
        self._at += 1
        return True

    @staticmethod
    def _bounded(ways: list[set[str]]) -> list[set[str]]:
        if len(ways) > MOST_WAYS:
            raise ValueError
        return ways


def _one(text: str) -> str:
    """A single licence by its SPDX id where its spelling is known, else as it stands."""
    folded = _folded(text)
    later = _TABLE["later"].get(folded)
    if later is not None:
        return str(later)
    if _is_reference(text):
        return text
    twice = _TWICE.fullmatch(folded)
    spellings = twice.groups() if twice else (folded.removesuffix("+"),)
    known = {_SPELLINGS.get(_reduced(spelling), text) for spelling in spellings}
    return known.pop() if len(known) == 1 else text


def _is_reference(text: str) -> bool:
    return bool(_REFERENCE.fullmatch(text))


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _reduced(folded: str) -> str:
    """What is left of a spelling without the words that say nothing, spaces and punctuation."""
    for pattern, instead in _URLS:
        folded, replaced = pattern.subn(instead, folded)
        if replaced:
            break
    folded = _VERSION.sub(" ", folded)
    for word, instead in _WORDS:
        folded = word.sub(f" {instead} ", folded)
    return "".join(c for c in folded if c.isalnum())


def _word(text: str) -> re.Pattern[str]:
    spaced = re.escape(text).replace(r"\ ", r"[\s-]*")
    return re.compile(rf"\b{spaced}\b" if text.isascii() else spaced)


_WORDS = [
    *((_word(text), str(instead)) for text, instead in _TABLE["words"].items()),
    *((_word(text), "") for text in _TABLE["silent"]["words"]),
]
_SPELLINGS: Mapping[str, str] = {
    **_TABLE["spellings"],
    **{_reduced(name.casefold()): name for name in KNOWN},
}
_CONSENT_SPELLINGS: Mapping[str, str] = {
    _folded(spelling): basis for basis, others in _TABLE["consent"].items() for spelling in (basis, *others)
}
