"""Recognisers of payment cards, bank accounts and IBANs."""

import re
from collections.abc import Iterator

from kitae.data.privacy.check_digits import IBAN_LENGTHS, iban_check, luhn
from kitae.data.privacy.findings import NOT_AFTER, Finding, digits_of, near

_CARD = re.compile(r"(?<![0-9A-Za-z_])(?<![0-9][-.,])[0-9](?:[ -]?[0-9]){11,18}(?![0-9A-Za-z])(?!-[0-9])")
_ISSUER = re.compile(
    r"4(?:[0-9]{15}|[0-9]{18})$|(?:5[1-5]|2[2-7])[0-9]{14}$|3[47][0-9]{13}$|3(?:0[0-5]|[689][0-9])[0-9]{11}$"
    r"|35[0-9]{14}$|(?:2131|1800)[0-9]{11}$|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}$|62[0-9]{14,17}$"
    r"|(?:5018|5020|5038|6304)[0-9]{8,15}$"
)
"""Of Visa's numbers those of 13 digits are left out: few are left, and codes of goods in Japan look like them."""
_CARD_WORD = re.compile(
    r"カード|クレカ|クレジット|(?<![A-Za-z])(?:card|cc|visa|master|jcb|amex|credit|debit)|アメックス|ダイナース",
    re.IGNORECASE,
)
_NO_CARD_WORD = re.compile(r"マイナンバー|ポイント|会員|gift|loyalty|member", re.IGNORECASE)
_WRITTEN = re.compile(r"[0-9]+$|[0-9]{4}([ -])(?:[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{3})?|[0-9]{6}\1[0-9]{4,5})$")
"""How cards are written: without separators, or in the groups that are printed on them."""
_GROUPS = re.compile(r"[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}$")

_ACCOUNT = re.compile(
    NOT_AFTER
    + r"[0-9]{5,17}(?![0-9A-Za-z])(?![-/][0-9])(?! ?(?:円|万|億|個|件|人|名|ドル|%|yen|dollars|people|USD|JPY))"
)
_ACCOUNT_WORD = re.compile(
    r"口座|普通(?:預金)?[ :：]*(?:No\.?)?$|当座|支店|貯蓄|振込先"
    r"|(?<![A-Za-z])(?:account(?: (?:number|no|#)\.?| ?:| is|$)|acct|bank account|routing|account ?$)",
    re.IGNORECASE,
)
_ACCOUNT_RIGHT_BEFORE = re.compile(r"(?:記号|番号)[ :：はが]*$")
_POST_BANK = re.compile(r"記号[ :：はが]{0,3}[0-9]{5}|ゆうちょ")
_SORT_CODE = re.compile(r"(?<![0-9A-Za-z-])[0-9]{2}-[0-9]{2}-[0-9]{2}(?![0-9A-Za-z-])")
_SORT_CODE_WORD = re.compile(r"sort code", re.IGNORECASE)
_IBAN_START = re.compile(r"(?<![0-9A-Za-z])([A-Za-z]{2})[0-9]{2}(?=[ -]?[A-Za-z0-9]{4})")
_IBAN_REST = re.compile(r"(?:[ -]?[A-Za-z0-9])+")


def card(text: str) -> Iterator[Finding]:
    """Payment cards: the Luhn check digit (ISO/IEC 7812-1) and an issuer's range or a word; or four groups after it."""
    for match in _CARD.finditer(text):
        number = digits_of(match[0])
        told = near(text, *match.span(), _CARD_WORD, before=28, after=10)
        if told and near(text, *match.span(), _NO_CARD_WORD, before=12, after=8):
            told = False
        if luhn(number) and (told or (_ISSUER.match(number) and _WRITTEN.match(match[0]))):
            why = "the Luhn check digit, and a word for cards" if told else "an issuer's range and the Luhn check digit"
            yield Finding("card", match.start(), match.end(), 70, why)
        elif told and _GROUPS.match(match[0]):
            yield Finding("card", match.start(), match.end(), 60, "four groups of four digits after a word for cards")


def bank_account(text: str) -> Iterator[Finding]:
    """Account numbers after their word, of the Japanese post bank by 記号 and 番号, British sort codes."""
    post_bank = bool(_POST_BANK.search(text))
    for match in _ACCOUNT.finditer(text):
        left = text[max(0, match.start() - 18) : match.start()].rpartition("\n")[2]
        if (len(match[0]) >= 6 and _ACCOUNT_WORD.search(left)) or (post_bank and _ACCOUNT_RIGHT_BEFORE.search(left)):
            yield Finding("bank_account", match.start(), match.end(), 55, "a number after a word for accounts")
    for match in _SORT_CODE.finditer(text):
        if near(text, *match.span(), _SORT_CODE_WORD, before=16):
            yield Finding("bank_account", match.start(), match.end(), 55, "three pairs of digits after sort code")


def iban(text: str) -> Iterator[Finding]:
    """IBANs of the length of their country whose check digits hold (ISO 13616, ISO 7064 mod 97-10)."""
    for match in _IBAN_START.finditer(text):
        length = IBAN_LENGTHS.get(match[1].upper(), 0)
        rest = _IBAN_REST.match(text, match.end(), match.end() + 2 * length)
        if length and rest and (end := _after(text, match.start(), length)) is not None:
            yield Finding("iban", match.start(), end, 72, "the country's length and the check digits of an IBAN")


def _after(text: str, start: int, length: int) -> int | None:
    """Where so many letters and digits from `start` end, when they are an IBAN with nothing glued to it."""
    seen: list[str] = []
    end = start
    while len(seen) < length and end < len(text) and (text[end].isalnum() or text[end] in " -"):
        if text[end] not in " -":
            seen.append(text[end])
        end += 1
    glued = end < len(text) and text[end].isascii() and text[end].isalnum()
    number = "".join(seen)
    return end if number.isascii() and not glued and iban_check(number) else None
