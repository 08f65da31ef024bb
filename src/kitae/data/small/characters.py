"""Typing errors in Japanese and English: letters beside each other, doubled, dropped, exchanged, small or wide.

Numbers, links, addresses and the stand-ins of privacy (`[email]`) are left alone, because a wrong digit is another
question. Kanji are left alone, too: a wrong one is another word.
"""

import random
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files

Change = tuple[int, int, str]
"""From where to where in the text, and what stands there instead."""
FIXED = re.compile(r"https?://\S+|[\w.+-]+@[\w.-]+|\[[a-z_]+\]|[\w.,:/-]*\d[\w.,:/-]*", re.ASCII)
"""What no noise touches."""
KATAKANA = ord("ア") - ord("あ")
LONG = "ー"
WIDE = ord("！") - ord("!")


def typed(text: str, *, japanese: bool, strength: float, draw: random.Random) -> str:
    """The text with typing errors in a share `strength` of its letters, at least one; "" when none can be made."""
    fixed = [match.span() for match in FIXED.finditer(text)]
    kinds = JAPANESE if japanese else ENGLISH
    offered = {name: [c for c in make(text) if not _touches(c, fixed)] for name, make in kinds.items()}
    offered = {name: changes for name, changes in offered.items() if changes}
    chosen: list[Change] = []
    for _ in range(max(1, round(strength * len(text)))):
        # A kind is drawn first: there are more neighbours on a keyboard than anything else.
        if not offered:
            break
        change = draw.choice(offered[draw.choice(sorted(offered))])
        if not _touches(change, [(start, end) for start, end, _ in chosen]):
            chosen.append(change)
    return applied(text, chosen) if chosen else ""


def applied(text: str, changes: list[Change]) -> str:
    """The text after changes that do not overlap."""
    for start, end, instead in sorted(changes, reverse=True):
        text = text[:start] + instead + text[end:]
    return text


def _touches(change: Change, spans: list[tuple[int, int]]) -> bool:
    return any(change[0] < end and start < max(change[1], change[0] + 1) for start, end in spans)


def _neighbours(groups: Callable[[], Mapping[str, str]]) -> Callable[[str], Iterator[Change]]:
    """Each letter may become another of its groups."""

    def changes(text: str) -> Iterator[Change]:
        others = groups()
        for place, letter in enumerate(text):
            for other in others.get(letter.lower(), ""):
                yield place, place + 1, other.upper() if letter.isupper() else other

    return changes


def _drop(letters: re.Pattern[str]) -> Callable[[str], Iterator[Change]]:
    return lambda text: ((m.start(), m.end(), "") for m in letters.finditer(text))


def _double(letters: re.Pattern[str]) -> Callable[[str], Iterator[Change]]:
    return lambda text: ((m.start(), m.end(), m.group() * 2) for m in letters.finditer(text))


def _exchange(letters: re.Pattern[str]) -> Callable[[str], Iterator[Change]]:
    """Two letters the other way round."""
    return lambda text: (
        (m.start(), m.start() + 2, text[m.start() + 1] + text[m.start()])
        for m in letters.finditer(text)
        if text[m.start()] != text[m.start() + 1]
    )


def _widths(text: str) -> Iterator[Change]:
    """Latin letters and signs in full width, and back."""
    for place, letter in enumerate(text):
        if "!" <= letter <= "~":
            yield place, place + 1, chr(ord(letter) + WIDE)
        elif "！" <= letter <= "～":
            yield place, place + 1, chr(ord(letter) - WIDE)


@cache
def _letters() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(files("kitae.data.small").joinpath("letters.toml").read_text(encoding="utf-8"))


def _kana(*names: str) -> Callable[[], Mapping[str, str]]:
    """Others of each kana in these groups, for katakana as for hiragana."""

    @cache
    def groups() -> dict[str, str]:
        out: dict[str, str] = {}
        for group in (group for name in names for group in _letters()["ja"][name]):
            shifts = (0,) if name_is_katakana(group) else (0, KATAKANA)
            for written in ("".join(chr(ord(letter) + shift) for letter in group) for shift in shifts):
                for letter in written:
                    out[letter] = out.get(letter, "") + written.replace(letter, "")
        return out

    return groups


def name_is_katakana(group: str) -> bool:
    """Whether a group is written in katakana already."""
    return "ァ" <= group[0] <= "ヺ"


@cache
def _keyboard() -> Mapping[str, str]:
    """Keys beside each key: left and right, and the two above and below."""
    rows = _letters()["en"]["keyboard"]
    out: dict[str, str] = {}
    for row, keys in enumerate(rows):
        for place, key in enumerate(keys):
            spots = [(row, place - 1), (row, place + 1), (row - 1, place), (row - 1, place + 1)]
            spots += [(row + 1, place - 1), (row + 1, place)]
            out[key] = "".join(rows[r][p] for r, p in spots if 0 <= r < len(rows) and 0 <= p < len(rows[r]))
    return out


_KANA = re.compile(r"[ぁ-ゖァ-ヺ]")
_TWO_KANA = re.compile(r"(?=[ぁ-ゖ]{2}|[ァ-ヺ]{2})")
_INNER = re.compile(r"(?<=[A-Za-z])[A-Za-z](?=[A-Za-z])")
_TWO_INNER = re.compile(r"(?<=[A-Za-z])(?=[A-Za-z]{2})")
_LONG_END = re.compile(rf"(?<=[ァ-ヺ])(?!{LONG})(?![ァ-ヺ])")

JAPANESE: dict[str, Callable[[str], Iterator[Change]]] = {
    "keys": _neighbours(_kana("keys")),
    "marks": _neighbours(_kana("marks", "sounds", "shapes")),
    "sizes": _neighbours(_kana("sizes")),
    "long dropped": _drop(re.compile(LONG)),
    "long doubled": _double(re.compile(LONG)),
    "long added": lambda text: ((m.start(), m.start(), LONG) for m in _LONG_END.finditer(text)),
    "kana dropped": _drop(_KANA),
    "kana exchanged": _exchange(_TWO_KANA),
    "widths": _widths,
}
ENGLISH: dict[str, Callable[[str], Iterator[Change]]] = {
    "keys": _neighbours(_keyboard),
    "dropped": _drop(_INNER),
    "doubled": _double(_INNER),
    "exchanged": _exchange(_TWO_INNER),
}
"""Kinds of errors: each names the changes that it could make in a text."""
