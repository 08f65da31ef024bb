"""Recogniser of Japanese names: a known family name and what stands around it, labels, self-introductions, 様."""

import re
from collections.abc import Iterator

from kitae.data.privacy.findings import Finding
from kitae.data.privacy.name_lists import KNOWN
from kitae.data.privacy.places import PREFECTURES

_SURNAMES, _GIVEN, _HIRAGANA = KNOWN["surnames"], KNOWN["given_ja"], KNOWN["given_hiragana"]
_KANA_NAMES = KNOWN["kana_surnames"] | KNOWN["foreign_kana"]
_PLACES = frozenset(name[:-1] for name in PREFECTURES) | set("東南原星角館関境") | {"北海道"}
"""Family names that are words or places first: "福島です" names a place."""
_LONGEST = max(map(len, _SURNAMES))
_BY_FIRST: dict[str, tuple[str, ...]] = {
    first: tuple(sorted((name for name in _SURNAMES if name[0] == first), key=len, reverse=True))
    for first in {name[0] for name in _SURNAMES}
}
"""Family names by their first character, the longest first."""

_ENDINGS = frozenset("子美恵郎介人也之香奈代江枝太平樹菜紀里世乃")
"""What given names of three kanji end with."""
_KANJI = r"一-鿿々\uf900-\ufaff𠮷"
_START = re.compile(rf"[{''.join(sorted(_BY_FIRST))}](?<![{_KANJI}ヶ].)", re.DOTALL)
"""Where a family name may begin: not inside a run of kanji. The look-behind comes second: searching is faster so."""
_TITLES = "|".join(sorted(KNOWN["titles_ja"]))
_HONORIFIC = (
    r"(?:様|さま|さん(?!ぽ|ざん|さん|しょう|かく|すう|ご|まい)|殿|氏|先生|くん|君|ちゃん(?!ぽん|ねる|と)"
    rf"|{_TITLES})"
)
_GIVEN_PART = rf"(?:( ?)(?:([{_KANJI}]{{1,3}}?)|([ぁ-ん]{{2,4}}?)|([ァ-ヶー]{{2,6}}?)))??"
_EVIDENCE = re.compile(
    _GIVEN_PART + rf"(?:(?= ?{_HONORIFIC})|(?P<named>(?=名義|の名前で|名で予約|[（(][ァ-ヶーぁ-ん ・]{{3,}}[)）]))"
    r"|(?P<said>(?=(?:です|でございます|だけど|と申し|ともうし|といい(?:ます|まし)|と言います|より(?:$|[。\n]))(?!か))))"
)
_GIVEN_AFTER = re.compile(rf" ?(?:([{_KANJI}]{{1,3}})(?![{_KANJI}])|([ぁ-ん]{{2,4}}))")
_BOUNDARY = re.compile(r"(?:^|[、。,.!?「」（(\n ]|わたくし|わたし|私|僕|俺|名前|は|の|た)$")
_ROLE = re.compile(
    r"(?:社長|部長|課長|係長|主任|店長|支配人|担当|弊社|当社|弊店|夫|妻|父|母|兄|弟|姉|妹|息子|娘|友人|友達|上司|同僚|先輩|同行者|代理|彼|彼女)[の、はが]$"
)
_PARTICLE = re.compile(r"[がはをにともへかでや、。）)」\n]|から|まで|より|$")

_ANY_NAME = (
    r"(?!お客|皆|みな|何|誰|どなた|担当|部屋|子供|予約|以下|旅館|当館|一同|東京|京都|大阪|変更|確認|未定|不明|別途|必要|必須|空欄|なし)"
    rf"(?:[{_KANJI}]{{1,4}} ?(?:[{_KANJI}]{{1,4}}?|(?![をがはのにへもと])[ぁ-ん]{{2,4}}?|[ァ-ヶー]{{2,6}}?)"
    r"|[ァ-ヶー]{2,8}(?:[ ・][ァ-ヶー]{2,8}){0,2}|[ぁ-ん]{2,5} [ぁ-ん]{2,5})"
)
_INTRODUCED = re.compile(
    rf"(?:^|[、。,.!?「\n ]|わたくし|わたし|私|僕|俺|名前|の|た|は)({_ANY_NAME})"
    r"(?=と(?:申し|もうし|いい(?:ます(?!か)|まし)|言います(?!か)|言う者|いう者))"
)
_LABELLED = re.compile(
    r"(?:(?:(?:予約|申込|申請|契約|宿泊|代表|依頼|購入|受取|注文|登録|差出|保護|請求|同行|責任)(?:(?:者|人)(?:様|名)?|名)"
    r"|患者名?|会員名|担当者?名?|本人|(?:予約|申込)(?:者|人)?の?お?名前|お?届け先名|宛先?名?)\s*[:/→]"
    r"|(?:氏名|お?名前|宛名|名義人?|フリガナ|ふりがな|カナ氏名)\s*(?:[:/]|が|は|→|で、?| ))"
    rf"\s*[「『]?({_ANY_NAME})"
    r"(?=様|さん|さま|殿|氏|です|でございます|で(?:予約|お願)|と|に|[、。,.)」』\s/(]|$)"
)
_KANA_NAMED = re.compile(
    r"(?<![ァ-ヶー・])([ァ-ヶー]{2,8}(?:[ ・][ァ-ヶー]{2,8}){0,2})"
    r"(?= ?(?:様|さま|さん(?!ぽ)|殿|氏|くん|君|ちゃん|先生))"
)
_STRANGER = re.compile(rf"(?<![{_KANJI}ァ-ヶーおご])(?!御)([{_KANJI}]{{2,4}})(?= ?(?:様|殿|氏)(?![{_KANJI}]))")
_READING = re.compile(r"[（(]([ァ-ヶー]{2,8} [ァ-ヶー]{2,8})[)）]")
_NOT_PEOPLE = tuple(sorted(KNOWN["not_people_ja"]))


def by_family_name(text: str) -> Iterator[Finding]:
    """A known family name, alone or with a given name, before an honorific, です, … or with a known given name."""
    for match in _START.finditer(text):
        start = match.start()
        for name in _BY_FIRST[match[0]]:
            if text.startswith(name, start):
                if found := _person(text, start, start + len(name)):
                    yield found
                break


def by_label(text: str) -> Iterator[Finding]:
    """Any name after a label such as 氏名; its reading in brackets."""
    for match in _LABELLED.finditer(text):
        yield Finding("name", match.start(1), match.end(1), 28, "after a label for names")
    for match in _READING.finditer(text):
        yield Finding("name", match.start(1), match.end(1), 25, "the reading of a name in brackets")


def introduced(text: str) -> Iterator[Finding]:
    """Any name before と申します."""
    for match in _INTRODUCED.finditer(text):
        yield Finding("name", match.start(1), match.end(1), 29, "before と申します")


def by_honorific(text: str) -> Iterator[Finding]:
    """Names in katakana, and family names in no list, before an honorific."""
    for match in _KANA_NAMED.finditer(text):
        parts = re.split("[ ・]", match[1])
        known = parts[0] in _KANA_NAMES or parts[-1] in _KANA_NAMES
        if known or (len(parts) > 1 and not KNOWN["not_people_kana"].intersection(parts)):
            yield Finding("name", match.start(1), match.end(1), 30, "katakana before an honorific")
    for match in _STRANGER.finditer(text):
        if not match[1].endswith(_NOT_PEOPLE):
            yield Finding("name", match.start(1), match.end(1), 23, "kanji before 様 that are no common word")


def split_japanese(full: str) -> tuple[str, str, str]:
    """(family, separator, given) of a Japanese name; given is "" when only the family name stands there."""
    for mark in (" ", "　", "・"):
        if mark in full:
            family, _, given = full.partition(mark)
            return family, mark, given
    for size in range(min(len(full), _LONGEST), 0, -1):
        if full[:size] in _SURNAMES or full[:size] in _KANA_NAMES:
            return full[:size], "", full[size:]
    return (full[:2], "", full[2:]) if len(full) >= 4 and not _is_kana(full) else (full, "", "")


def _is_kana(text: str) -> bool:
    return all("ぁ" <= c <= "ヿ" for c in text)


def _person(text: str, start: int, end: int) -> Finding | None:
    """The name whose family name is `text[start:end]`, when what stands around it says that it is one."""
    told = _EVIDENCE.match(text, end)
    if told and _may_be_given(text, told, start):
        if told["said"] is None:
            why = "a family name and its reading" if told["named"] is not None else "a family name before an honorific"
            return Finding("name", start, told.end(), 30, why)
        if text[start : told.end()] not in _PLACES and _BOUNDARY.search(text, max(0, start - 4), start):
            return Finding("name", start, told.end(), 27, "a family name that introduces itself")
    after = _GIVEN_AFTER.match(text, end)
    if after and (given_end := _known_given(after)):
        return Finding("name", start, given_end, 24, "a known family name and a known given name")
    if _ROLE.search(text, max(0, start - 5), start) and _PARTICLE.match(text, end):
        return Finding("name", start, end, 26, "a family name after a role")
    return None


def _may_be_given(text: str, told: re.Match[str], start: int) -> bool:
    """Whether what stands between the family name and the evidence may be a given name."""
    spaced, kanji, hiragana = told[1], told[2], told[3]
    if kanji is None:
        return hiragana is None or spaced == " " or hiragana in _HIRAGANA
    if kanji in _GIVEN or text[start : told.end()] in _SURNAMES:
        return True
    if spaced != " " and told.start() - start == 1:
        return False  # 関数 and 林道 are words
    return (len(kanji) <= 2 or spaced == " " or kanji[-1] in _ENDINGS) and not _is_common(kanji)


def _is_common(word: str) -> bool:
    return word in KNOWN["not_given"] or word[-1] in KNOWN["not_given"]


def _known_given(after: re.Match[str]) -> int:
    """Where a given name of the lists ends, 0 when there is none."""
    if after[1]:
        spaced = after[0][0] == " "
        known = after[1] in _GIVEN and (len(after[1]) > 1 or spaced)
        return after.end(1) if known else 0
    kana, start = after[2], after.start(2)
    return next((start + size for size in (4, 3, 2) if size <= len(kana) and kana[:size] in _HIRAGANA), 0)
