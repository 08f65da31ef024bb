"""Recogniser of names in English text: titles, labels, greetings, endings of letters, and known names in a row."""

import re
from collections.abc import Iterator

from kitae.data.privacy.findings import Finding
from kitae.data.privacy.name_lists import KNOWN, STAND_INS

_GIVEN, _SURNAMES, _UNSURE = (
    KNOWN["given_names"],
    KNOWN["surnames_en"],
    KNOWN["also_words"] | set(STAND_INS["given_en"]),
)
_NOT_PEOPLE, _NOT_SURNAMES = KNOWN["not_people"], KNOWN["not_surnames"]

_LOWER = r"[a-zß-öø-ÿāăąćčďđēėęěğģīįķļłńņňőœřśşšťūůűųźżž]"
_UPPER = r"[A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĖĘĚĢĪĮĶĻŁŃŅŇŐŒŘŚŞŠŤŪŮŰŲŹŻŽ]"
_CAP = rf"{_UPPER}(?:'{_UPPER})?{_LOWER}+(?:{_UPPER}{_LOWER}+)?(?:[-'](?!s(?![a-z])){_UPPER}?{_LOWER}+)*"
_PARTICLE = r"(?:(?:van|von|de|der|den|del|della|di|da|dos|la|le|bin|al) ){0,2}"
_NAME = rf"{_CAP}(?: {_UPPER}\.)?(?: {_PARTICLE}{_CAP}){{0,2}}"
_FULL = rf"{_CAP}(?: {_UPPER}\.)?(?: {_PARTICLE}{_CAP}){{1,2}}"

_PAIR = re.compile(rf"({_CAP})(?: {_UPPER}\.)? {_PARTICLE}({_CAP})(?![A-Za-zÀ-ž])")
_THIRD = re.compile(rf" ({_CAP})(?![A-Za-zÀ-ž])")
_JAPANESE = re.compile(rf"(?<![A-Za-z])({_CAP})(?=-(?:san|sama|kun|chan|sensei|dono)(?![a-z]))")


_TITLED = re.compile(rf"(?:Mr|Mrs|Ms|Miss|Dr|Prof(?:essor)?|Mx|Sir|Dame|Rev|Capt(?:ain)?)\.? ({_NAME})")
_LABELLED = re.compile(
    r"(?:[Mm]y (?:full |first |last )?name(?:'s| is)"
    r"|(?:[Nn]ame|NAME)(?: on (?:the )?(?:booking|reservation|card|account))?(?: is)?\s*[:=]|[Nn]ame is"
    r"|(?:[Gg]uest|[Cc]ustomer|[Cc]ontact|[Rr]ecipient|[Pp]assenger|[Pp]atient|[Aa]ccount [Hh]older|[Cc]ardholder"
    r"|[Ss]ender|[Cc]lient|[Ee]mployee|[Ss]igned(?: by)?|[Aa]uthor|[Mm]anager)(?: ?[Nn]ame)?\s*[:=]"
    r"|[Uu]nder (?:the )?name(?: of)?"
    r"|(?:booking|booked|reservation|reserved|room)(?: is| was)?(?: made)? (?:under|in the name of|for|by)"
    rf"|[Ii]n the name of|call me|[Aa]ttn\.?:?) *[\"']?({_NAME})"
)
_INTRODUCED = re.compile(rf"(?:I'm|I am|[Tt]his is|[Ii]t's|[Hh]ere is|speaking is) ({_NAME})(?![A-Za-z])")
_GREETED = re.compile(rf"(?:Dear|Hi|Hello|Hey|Thanks|Thank you),? ({_NAME})(?=[,.!:\n]|$)")
_SIGNED = re.compile(
    r"(?:[Rr]egards|[Ss]incerely|[Tt]hanks(?: again)?|[Tt]hank you|[Bb]est(?: wishes)?|[Cc]heers|[Yy]ours(?: truly)?"
    rf"|[Ss]igned),?(?:\s*\n\s*|,? *[-~]+ *|, )({_NAME})(?=[.,]?\s*(?:\n|$))"
)
_DASHED = re.compile(rf"[-~]{{1,2}} ?({_FULL})(?=[.,]?\s*(?:\n|$))")
_SENTENCE_END = re.compile(r"(?:^|\n|[.!?] )$")


def titled(text: str) -> Iterator[Finding]:
    """Names after Mr, Dr, …."""
    return _names(text, _TITLED, "after a title")


def labelled(text: str) -> Iterator[Finding]:
    """Names after "my name is", "customer:", "booked under the name of", …."""
    return _names(text, _LABELLED, "after a label for names")


def introduced(text: str) -> Iterator[Finding]:
    """Known given names after "I'm" or "this is"."""
    return _names(text, _INTRODUCED, "a known name that introduces itself", wants_known=True)


def greeted(text: str) -> Iterator[Finding]:
    """Known given names after Dear, Hi, Thanks, … at the beginning of a sentence."""
    return _names(text, _GREETED, "a known name in a greeting", wants_known=True, at_start=True)


def signed(text: str) -> Iterator[Finding]:
    """Names at the end of a letter."""
    return _names(text, _SIGNED, "at the end of a letter")


def dashed(text: str) -> Iterator[Finding]:
    """Full names after a dash that begins a sentence and ends a line."""
    return _names(text, _DASHED, "after a dash at the end of a letter", wants_known=True, at_start=True)


def by_list(text: str) -> Iterator[Finding]:
    """A known given name and a capitalised word after it."""
    at = 0
    while match := _PAIR.search(text, at):
        first, last = match[1], match[2]
        likely = first not in _UNSURE and last not in _NOT_SURNAMES and last not in _NOT_PEOPLE
        if first in _GIVEN and (likely or last in _SURNAMES) and _begins_a_word(text, match.start()):
            at = match.end()
            third = _THIRD.match(text, at)
            at = third.end() if third and third[1] in _SURNAMES else at
            yield Finding("name", match.start(), at, 24, "a known given name and a name after it")
        else:
            at = match.end(1)


def before_san(text: str) -> Iterator[Finding]:
    """A word before -san, -sama, …."""
    for match in _JAPANESE.finditer(text):
        yield Finding("name", match.start(), match.end(), 26, "before -san")


def _names(
    text: str, pattern: re.Pattern[str], why: str, *, wants_known: bool = False, at_start: bool = False
) -> Iterator[Finding]:
    for match in pattern.finditer(text):
        size = _size(match[1], wants_known=wants_known)
        start = match.start()
        fits = _SENTENCE_END.search(text, max(0, start - 2), start) if at_start else _begins_a_word(text, start)
        if size and fits:
            yield Finding("name", match.start(1), match.start(1) + size, 26, why)


def _begins_a_word(text: str, start: int) -> bool:
    return start == 0 or not text[start - 1].isascii() or not text[start - 1].isalpha()


def _size(words: str, *, wants_known: bool) -> int:
    """How many characters of the words are a name: those after the first that is no part of names are left out."""
    kept: list[str] = []
    for word in words.split(" "):
        if word in _NOT_PEOPLE:
            break
        kept.append(word)
    if not kept or (wants_known and kept[0] not in _GIVEN):
        return 0
    return len(" ".join(kept))
