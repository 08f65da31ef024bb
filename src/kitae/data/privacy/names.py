"""Recogniser of personal names by their surroundings: honorifics, labels, self-introductions, letter endings."""

import re
from collections.abc import Iterator

from kitae.data.privacy.findings import Finding
from kitae.data.privacy.name_lists import GIVEN_NAMES, KANA_SURNAMES, NOT_PEOPLE, SURNAMES
from kitae.data.privacy.places import PREFECTURES

_SURNAME = "|".join(sorted(SURNAMES, key=lambda name: (-len(name), name)))
_KANA = "|".join(sorted(KANA_SURNAMES, key=lambda name: (-len(name), name)))
_GIVEN_JA = r"(?: ?[一-鿿々]{1,3}| ?[ぁ-ん]{2,4}| ?[ァ-ヶー]{2,5})"
_HONORIFIC = r"(?:様|さま|さん|殿|氏|先生|くん|君|ちゃん)"
_NOT_NAMES = r"(?!お客|皆|みな|何|誰|どなた|担当|部屋|子供|予約|以下|旅館|当館|一同|東京|京都|大阪)"

_BY_HONORIFIC = re.compile(
    rf"(?<![一-鿿々])((?:{_SURNAME})(?: ?[一-鿿々]{{1,3}}?| ?[ぁ-ん]{{2,4}}?| ?[ァ-ヶー]{{2,5}}?)?)(?= ?{_HONORIFIC})"
    rf"|(?<![ァ-ヶー])((?:{_KANA})(?:[ 　・]?[ァ-ヶー]{{2,5}}?)?)(?= ?{_HONORIFIC})"
)
_ANY_NAME = (
    rf"(?:{_NOT_NAMES}(?:[一-鿿々]{{1,4}}[ 　]?[一-鿿々ぁ-んァ-ヶー]{{1,4}}?"
    r"|[ァ-ヶー]{2,6}(?:[ 　・][ァ-ヶー]{2,6})?|[ぁ-ん]{2,5}[ 　][ぁ-ん]{2,5}))"
)
_CLAUSE = r"(?:^|[、。,.!?！？「\n 　]"
_INTRODUCED = re.compile(
    rf"{_CLAUSE}|わたくし|わたし|私|僕|俺|名前|の|た|は)({_ANY_NAME})"
    r"(?=と(?:申し|もうし|いい(?:ます|まし)|言います|言う者|いう者))"
)
_IS_NAME = re.compile(
    rf"{_CLAUSE}|わたくし|わたし|私は?|僕は?|の|た|は)((?:{_SURNAME}){_GIVEN_JA}?)"
    r"(?=(?:です|でございます|だけど|ですが|より(?:$|[。\n]))(?!か))"
)
_LABELLED = re.compile(
    r"(?:氏名|お?名前|ご?予約(?:者|名|者名)|ご?予約の?お名前|宿泊者(?:名|様)?|代表者(?:名)?|ご?契約者(?:名)?|お?届け先名|宛名"
    r"|受取人|担当者?(?:名)?|ご?本人|名義(?:人)?|フリガナ|ふりがな)"
    rf"\s*(?:[:：は／/]|が|→|で、?)\s*[「『]?({_ANY_NAME})"
    r"(?=様|さん|さま|殿|氏|です|でございます|で(?:予約|お願)|と|に|[、。,.)）」』\s／/（(]|$)"
)
_FULL_NAME = re.compile(
    rf"(?<![一-鿿々])((?:{_SURNAME})[ 　]?[一-鿿々]{{1,3}})"
    r"(?=[（(][ァ-ヶーぁ-ん 　・]{3,}[)）]|名義|の名前で|名で予約)"
)

_CAP = r"[A-Z][a-zà-öø-ÿ]+(?:[-'][A-Z][a-zà-öø-ÿ]+)?"
_NAME_EN = rf"{_CAP}(?: [A-Z]\.)?(?: {_CAP}){{0,2}}"
_FULL_EN = rf"{_CAP}(?: [A-Z]\.)?(?: {_CAP}){{1,2}}"
_TITLED = re.compile(rf"(?<![A-Za-z])(?:Mr|Mrs|Ms|Miss|Dr|Prof|Mx)\.? ({_NAME_EN})")
_CALLED = re.compile(
    r"(?:[Mm]y (?:full )?name(?:'s| is)|[Nn]ame(?: on (?:the )?(?:booking|reservation|card|account))?(?: is)?\s*[:=]"
    r"|[Nn]ame is|(?:[Gg]uest|[Cc]ustomer|[Cc]ontact|[Rr]ecipient|[Pp]assenger|[Aa]ccount [Hh]older|[Cc]ardholder)"
    r"(?: [Nn]ame)?\s*[:=]|[Uu]nder (?:the )?name(?: of)?"
    r"|(?:booking|booked|reservation|reserved|room)(?: is| was)?(?: made)? (?:under|in the name of|for|by)"
    rf"|[Ii]n the name of|call me|[Aa]ttn\.?:?) +({_NAME_EN})"
)
_I_AM = re.compile(rf"(?:I'm|I am|[Tt]his is|[Ii]t's|[Hh]ere is|speaking is) ({_NAME_EN})(?![A-Za-z])")
_GREETED = re.compile(rf"(?:^|\n|[.!?] )(?:Dear|Hi|Hello|Hey|Thanks|Thank you),? ({_NAME_EN})(?=[,.!:\n]|$)")
_SIGNED = re.compile(
    r"(?:[Rr]egards|[Ss]incerely|[Tt]hanks(?: again)?|[Tt]hank you|[Bb]est(?: wishes)?|[Cc]heers|[Yy]ours(?: truly)?)"
    rf",?(?:\s*\n\s*|,? *[-~]+ *|, )({_NAME_EN})(?=[.,]?\s*(?:\n|$))"
    rf"|(?:^|\n|[.!?] )[-~]{{1,2}} ?({_FULL_EN})(?=[.,]?\s*(?:\n|$))"
)
_PREFECTURE_NAMES = frozenset(name[:-1] for name in PREFECTURES) | set("東南原星角館関境") | {"北海道"}
"""Family names that are words or places first: "福島です" names a place."""


def name(text: str) -> Iterator[Finding]:
    """Personal names.

    In Japanese a family name before an honorific, any name after a label or before と申します; in English titles,
    "my name is", "I'm" with a known given name, greetings, letter endings.
    """
    yield from _japanese(text)
    yield from _english(text)


def split_japanese(full: str) -> tuple[str, str, str]:
    """(family, separator, given) of a Japanese name; given is "" when only the family name stands there."""
    for mark in (" ", "　", "・"):
        if mark in full:
            family, _, given = full.partition(mark)
            return family, mark, given
    for size in range(min(len(full), 5), 0, -1):
        if full[:size] in SURNAMES or full[:size] in KANA_SURNAMES:
            return full[:size], "", full[size:]
    return (full[:2], "", full[2:]) if len(full) >= 4 and not _is_kana(full) else (full, "", "")


def _is_kana(text: str) -> bool:
    return all("ぁ" <= c <= "ヿ" for c in text)


def _japanese(text: str) -> Iterator[Finding]:
    if text.isascii():
        return
    for pattern, priority in ((_BY_HONORIFIC, 30), (_INTRODUCED, 29), (_LABELLED, 28), (_FULL_NAME, 28)):
        for match in pattern.finditer(text):
            group = match.lastindex or 1
            yield Finding("name", match.start(group), match.end(group), priority)
    for match in _IS_NAME.finditer(text):
        if match.group(1) not in _PREFECTURE_NAMES:
            yield Finding("name", match.start(1), match.end(1), 27)


def _english(text: str) -> Iterator[Finding]:
    for pattern, wants_known in ((_TITLED, False), (_CALLED, False), (_SIGNED, False), (_I_AM, True), (_GREETED, True)):
        for match in pattern.finditer(text):
            group = match.lastindex or 1
            if found := _person(text, match.start(group), match.end(group), wants_known=wants_known):
                yield found


def _person(text: str, start: int, end: int, *, wants_known: bool) -> Finding | None:
    """A name without the words after it that are no part of names; None when nothing of it is one."""
    words = text[start:end].split(" ")
    kept: list[str] = []
    for word in words:
        if word in NOT_PEOPLE:
            break
        kept.append(word)
    if not kept or (wants_known and kept[0] not in GIVEN_NAMES):
        return None
    return Finding("name", start, start + len(" ".join(kept)), 26)
