"""The recogniser that ships: a table of detectors, each behind a gate that costs next to nothing.

Most texts hold nothing private, so the gates decide the speed: a detector runs only when the text has what all its
findings have, such as an @, seven digits, or a word of its context.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from kitae.data.privacy import dates, english_names, japanese_names, money, network, papers, phones, places, secrets
from kitae.data.privacy.findings import Finding

Find = Callable[[str], Iterator[Finding]]


@dataclass(frozen=True)
class Detector:
    """Finds one kind of private data, in texts that hold one of the words (in lower case) and the form."""

    kind: str
    find: Find
    words: tuple[str, ...] = ()
    form: re.Pattern[str] | None = None


@dataclass(frozen=True)
class Group:
    """Detectors all of whose findings have one form; those inside need a narrower one as well."""

    form: re.Pattern[str]
    detectors: tuple[Detector, ...]
    inside: tuple["Group", ...] = ()

    def kinds(self) -> Iterator[str]:
        """What its detectors find."""
        yield from (detector.kind for detector in self.detectors)
        for group in self.inside:
            yield from group.kinds()


_TWELVE = re.compile(r"[0-9](?:[ -]?[0-9]){11}")
_ACCOUNTS = ("account", "acct", "routing", "sort code", "口座", "普通", "当座", "支店", "貯蓄", "振込先", "記号")
_SECRETS = ("pass", "pwd", "pin", "key", "secret", "token", "bearer", "pw")
_SECRETS_JA = ("パス", "暗証番号", "キー", "トークン", "シークレット", "合言葉")
_TOKENS = ("-", "_", "akia", "asia", "aroa", "aida", "aiza", "eyj", "dapi", ":aa", "ya29", "sg.")
_MY_NUMBER = ("my number", "mynumber", "individual", "マイナンバー", "個人番号")
_LICENCES = ("licen", "permit", "d.l", "dl ", "免許")
_TITLES = ("mr", "ms", "mx", "miss", "dr", "prof", "sir", "dame", "rev", "capt")
_LABELS = (
    *("name", "call me", "attn", "booked", "booking", "reserv", "room for", "guest:", "customer:", "contact:"),
    *("client:", "recipient:", "passenger:", "patient:", "holder:", "sender:", "employee:", "signed", "author:"),
)
_ENDINGS = ("regards", "sincerely", "thank", "best", "cheers", "yours", "signed")
_LABELS_JA = ("名", "フリガナ", "ふりがな", "担当", "者", "本人", "宛", "(")
_HONORIFICS = ("様", "さん", "さま", "殿", "氏", "くん", "君", "ちゃん", "先生")

_LATIN = re.compile("[A-Za-z]")
_DIGIT = re.compile("[0-9]")
_DECIMAL = re.compile(r"[0-9]\.[0-9]")
_LONG_NUMBER = re.compile(r"[0-9](?:[ ().+/-]{0,2}[0-9]){4}")
_JAPANESE = re.compile("[一-鿿ァ-ヶ]")
_CAPITAL_INSIDE = re.compile(r"[ \n\"'(:=~-](?<![.!?].)[A-ZÀ-Ž][a-zß-ž']| [A-Z]\. [A-ZÀ-Ž]")
"""A capitalised word that does not begin a sentence. One that does is only a name after a title such as Mr."""

_NAMES = Group(
    _CAPITAL_INSIDE,
    (
        Detector("name", english_names.titled, _TITLES),
        Detector("name", english_names.labelled, _LABELS),
        Detector("name", english_names.introduced, ("i'm", "i am", "is is", "it's", "re is", "ing is")),
        Detector("name", english_names.greeted, ("dear", "hi", "hello", "hey", "thank")),
        Detector("name", english_names.signed, _ENDINGS),
        Detector("name", english_names.dashed, ("- ", "~", "\n-", "--")),
        Detector("name", english_names.by_list),
    ),
)
_CODES = Group(
    _DIGIT,
    (
        Detector("secret", secrets.token, _TOKENS),
        Detector("mac_address", network.mac_address, (":", "-", "."), network.INSIDE_MAC),
        Detector("ip_address", network.ipv6_address, (":",), re.compile(":[0-9A-Fa-f]{0,4}:")),
        Detector("birth_date", dates.birth_date, ("birth", "born", "dob", "d.o.b")),
        Detector("passport", papers.passport, ("passport",)),
        Detector("postal_code", places.postal_code_abroad, ("zip", "post")),
        Detector("address", places.english_address, form=re.compile(r"[0-9][A-Z]?,? [A-Z0-9]")),
        Detector("address", places.post_office_box, ("box",)),
    ),
)
_DECIMALS = Group(
    _DECIMAL,
    (
        Detector("ip_address", network.ipv4_address, form=re.compile(r"[0-9]\.[0-9]{1,3}\.[0-9]")),
        Detector("coordinates", places.coordinates, form=re.compile(r"[0-9]\.[0-9]{4}")),
    ),
)
_LONG_NUMBERS = Group(
    _LONG_NUMBER,
    (
        Detector("card", money.card, form=_TWELVE),
        Detector("iban", money.iban, form=re.compile("[0-9]{2}[ -]?[A-Za-z0-9]{4}")),
        Detector("bank_account", money.bank_account, _ACCOUNTS),
        Detector("my_number", papers.my_number, _MY_NUMBER, _TWELVE),
        Detector("corporate_number", papers.corporate_number, form=_TWELVE),
        Detector("driving_licence", papers.driving_licence, _LICENCES),
        Detector("us_ssn", papers.us_ssn, form=re.compile("[0-9]{3}[- .]?[0-9]{2}[- .]?[0-9]{4}")),
        Detector("postal_code", places.postal_code, ("-", "〒", "郵便")),
        Detector("phone", phones.phone),
    ),
)
GROUPS = (
    Group(
        _LATIN,
        (
            Detector("email", network.email, ("@", "(at)", "[at]", "(アット)")),
            Detector("secret", secrets.private_key, ("private key",)),
            Detector("secret", secrets.password_in_url, ("://",)),
            Detector("secret", secrets.header, ("bearer", "basic")),
            Detector("secret", secrets.labelled, _SECRETS),
            Detector("secret", secrets.token, ("akia", "asia", "aroa", "aida", "sk-", "hf_", "ghp_")),
            Detector("url", network.url, (".",)),
            Detector("name", english_names.titled, ("mr. ", "ms. ", "mrs. ", "dr. ", "prof. ", "rev. ", "capt. ")),
            Detector("name", english_names.before_san, ("-san", "-sama", "-kun", "-chan", "-sensei")),
        ),
        (_NAMES, _CODES),
    ),
    Group(
        _DIGIT,
        (
            Detector("birth_date", dates.birth_date, ("生",)),
            Detector("passport", papers.passport, ("パスポート", "旅券")),
            Detector("coordinates", places.coordinates, ("°", "度")),
            Detector("date", dates.date),
        ),
        (_DECIMALS, _LONG_NUMBERS),
    ),
    Group(
        _JAPANESE,
        (
            Detector("secret", secrets.labelled, _SECRETS_JA),
            Detector("birth_date", dates.birth_date, ("生",), re.compile("[一二三四五六七八九十元]年")),
            Detector("address", places.japanese_address, ("市", "区", "町", "村", "郡")),
            Detector("name", japanese_names.by_family_name),
            Detector("name", japanese_names.by_label, _LABELS_JA),
            Detector("name", japanese_names.introduced, ("と申", "ともうし", "といい", "と言")),
            Detector("name", japanese_names.by_honorific, _HONORIFICS),
        ),
    ),
)
"""Detectors by the form that all their findings have."""


class BuiltIn:
    """kitae's own recogniser: Japanese and English, by form, check digit, context and lists of names."""

    @property
    def kinds(self) -> frozenset[str]:
        """What it can find."""
        return frozenset(kind for group in GROUPS for kind in group.kinds())

    def find(self, text: str, kinds: frozenset[str]) -> Iterable[Finding]:
        """Findings of the wanted kinds, in any order; they may overlap."""
        found: list[Finding] = []
        _look(_tree(kinds, text.isascii()), text, text.lower(), found)
        return found


def _look(tree: "Tree", text: str, lower: str, found: list[Finding]) -> None:
    for may_hold, rows, inside in tree:
        if may_hold(text) is None:
            continue
        for words, form, find in rows:
            # A loop, for any() with a generator takes twice as long, and this is where the time goes.
            for word in words:
                if word in lower:
                    if form is None or form(text) is not None:
                        found.extend(find(text))
                    break
        if inside:
            _look(inside, text, lower, found)


Search = Callable[[str], re.Match[str] | None]
Row = tuple[tuple[str, ...], Search | None, Find]
Tree = tuple[tuple[Search, tuple[Row, ...], "Tree"], ...]


@lru_cache(maxsize=32)
def _tree(kinds: frozenset[str], ascii_only: bool) -> Tree:
    """The groups as the loop wants them, with the detectors of these kinds alone; ASCII cannot hold Japanese words."""
    return _pruned(GROUPS, kinds, ascii_only)


def _pruned(groups: tuple[Group, ...], kinds: frozenset[str], ascii_only: bool) -> Tree:
    tree = []
    for group in groups:
        if ascii_only and group.form is _JAPANESE:
            continue
        rows = []
        for detector in group.detectors:
            words = tuple(word for word in detector.words or ("",) if not ascii_only or word.isascii())
            if detector.kind in kinds and words:
                rows.append((words, detector.form.search if detector.form else None, detector.find))
        inside = _pruned(group.inside, kinds, ascii_only)
        if rows or inside:
            tree.append((group.form.search, tuple(rows), inside))
    return tuple(tree)
