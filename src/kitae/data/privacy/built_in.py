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


_TWELVE = re.compile(r"[0-9](?:[ -]?[0-9]){11}")
_BIRTH = ("生", "birth", "born", "dob", "d.o.b")
_ACCOUNTS = ("口座", "普通", "当座", "支店", "貯蓄", "振込先", "記号", "account", "acct", "routing", "sort code")
_SECRETS = (
    *("pass", "pwd", "pin", "key", "secret", "token", "bearer", "pw"),
    *("パス", "暗証番号", "キー", "トークン", "シークレット", "合言葉"),
)
_TOKENS = ("-", "_", "akia", "asia", "aroa", "aida", "aiza", "eyj", "dapi", ":aa", "ya29", "sg.")
_LICENCES = ("免許", "licen", "permit", "d.l", "dl ")
_TITLES = ("mr", "ms", "mx", "miss", "dr", "prof", "sir", "dame", "rev", "capt")
_LABELS_EN = (
    *("name", "call me", "attn", "booked", "booking", "reserv", "room for", "guest:", "customer:", "contact:"),
    *("client:", "recipient:", "passenger:", "patient:", "holder:", "sender:", "employee:", "signed", "author:"),
)
_ENDINGS = ("regards", "sincerely", "thank", "best", "cheers", "yours", "signed")
_LABELS_JA = ("名", "フリガナ", "ふりがな", "担当", "者", "本人", "宛", "(")
_HONORIFICS = ("様", "さん", "さま", "殿", "氏", "くん", "君", "ちゃん", "先生")

_ALWAYS = re.compile("")
_DIGIT = re.compile("[0-9]")
_DECIMAL = re.compile(r"[0-9]\.[0-9]")
_LONG_NUMBER = re.compile(r"[0-9](?:[ ().+/-]{0,2}[0-9]){4}")
_JAPANESE = re.compile("[一-鿿ァ-ヶ]")
_CAPITAL = re.compile("[A-ZÀ-Ž]")

GROUPS: tuple[tuple[re.Pattern[str], tuple[Detector, ...]], ...] = (
    (
        _ALWAYS,
        (
            Detector("email", network.email, ("@", "(at)", "[at]", "(アット)")),
            Detector("secret", secrets.private_key, ("private key",)),
            Detector("secret", secrets.password_in_url, ("://",)),
            Detector("secret", secrets.header, ("bearer", "basic")),
            Detector("secret", secrets.labelled, _SECRETS),
            Detector("ip_address", network.ipv6_address, (":",), re.compile(":[0-9A-Fa-f]{0,4}:")),
            Detector("url", network.url, (".",)),
        ),
    ),
    (
        _DIGIT,
        (
            Detector("secret", secrets.token, _TOKENS),
            Detector("mac_address", network.mac_address, (":", "-", "."), network.INSIDE_MAC),
            Detector("birth_date", dates.birth_date, _BIRTH),
            Detector("passport", papers.passport, ("passport", "パスポート", "旅券")),
            Detector("postal_code", places.postal_code_abroad, ("zip", "post")),
            Detector("date", dates.date),
            Detector("coordinates", places.coordinates, ("°", "度")),
            Detector("address", places.english_address, form=re.compile(r"[0-9][A-Z]?,? [A-Z0-9]")),
            Detector("address", places.post_office_box, ("box",)),
        ),
    ),
    (
        _DECIMAL,
        (
            Detector("ip_address", network.ipv4_address, form=re.compile(r"[0-9]\.[0-9]{1,3}\.[0-9]")),
            Detector("coordinates", places.coordinates, form=re.compile(r"[0-9]\.[0-9]{2}")),
        ),
    ),
    (
        _LONG_NUMBER,
        (
            Detector("card", money.card, form=_TWELVE),
            Detector("iban", money.iban, form=re.compile("[0-9]{2}[ -]?[A-Za-z0-9]{4}")),
            Detector("bank_account", money.bank_account, _ACCOUNTS),
            Detector(
                "my_number", papers.my_number, ("マイナンバー", "個人番号", "my number", "mynumber", "individual")
            ),
            Detector("corporate_number", papers.corporate_number, form=_TWELVE),
            Detector("driving_licence", papers.driving_licence, _LICENCES),
            Detector("us_ssn", papers.us_ssn, form=re.compile("[0-9]{3}[- .]?[0-9]{2}[- .]?[0-9]{4}")),
            Detector("postal_code", places.postal_code, ("-", "〒", "郵便")),
            Detector("phone", phones.phone),
        ),
    ),
    (
        _JAPANESE,
        (
            Detector("birth_date", dates.birth_date, _BIRTH, re.compile("[一二三四五六七八九十元]年")),
            Detector("address", places.japanese_address, ("市", "区", "町", "村", "郡")),
            Detector("name", japanese_names.by_family_name),
            Detector("name", japanese_names.by_label, _LABELS_JA),
            Detector("name", japanese_names.introduced, ("と申", "ともうし", "といい", "と言")),
            Detector("name", japanese_names.by_honorific, _HONORIFICS),
        ),
    ),
    (
        _CAPITAL,
        (
            Detector("name", english_names.titled, _TITLES),
            Detector("name", english_names.labelled, _LABELS_EN),
            Detector("name", english_names.introduced, ("i'm", "i am", "is is", "it's", "re is", "ing is")),
            Detector("name", english_names.greeted, ("dear", "hi", "hello", "hey", "thank")),
            Detector("name", english_names.signed, _ENDINGS),
            Detector("name", english_names.dashed, ("- ", "~", "\n-", "--")),
            Detector("name", english_names.by_list, (" ", "-san", "-sama")),
        ),
    ),
)
"""Detectors by the form that all their findings have."""


class BuiltIn:
    """kitae's own recogniser: Japanese and English, by form, check digit, context and lists of names."""

    @property
    def kinds(self) -> frozenset[str]:
        """What it can find."""
        return frozenset(detector.kind for _, detectors in GROUPS for detector in detectors)

    def find(self, text: str, kinds: frozenset[str]) -> Iterable[Finding]:
        """Findings of the wanted kinds, in any order; they may overlap."""
        found: list[Finding] = []
        lower = text.lower()
        ascii_only = text.isascii()
        for form, detectors in _table(kinds):
            if (ascii_only and form is _JAPANESE) or form.search(text) is None:
                continue
            for words, inner, find in detectors:
                # A loop, for any() with a generator takes twice as long, and this is where the time goes.
                for word in words:
                    if word in lower:
                        if inner is None or inner(text) is not None:
                            found.extend(find(text))
                        break
        return found


Search = Callable[[str], re.Match[str] | None]
Row = tuple[tuple[str, ...], Search | None, Find]


@lru_cache(maxsize=16)
def _table(kinds: frozenset[str]) -> tuple[tuple[re.Pattern[str], tuple[Row, ...]], ...]:
    """The groups with the detectors of these kinds alone, as the loop wants them."""
    chosen = ((form, [d for d in detectors if d.kind in kinds]) for form, detectors in GROUPS)
    return tuple(
        (form, tuple((d.words or ("",), d.form.search if d.form else None, d.find) for d in detectors))
        for form, detectors in chosen
        if detectors
    )
