"""Recognisers of numbers and of addresses on the net: phone, card, account, postal code, birth date, e-mail, IP."""

import ipaddress
import re
from collections.abc import Iterator

from kitae.data.privacy.findings import NOT_AFTER, NOT_BEFORE, Finding, digits_of, near

_EMAIL = re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")

_PHONE_JA = re.compile(
    NOT_AFTER + r"(?:\+81[ -]?(?:\(0\))?[ -]?|\(?0)"
    r"(?:\d{1,4}\)?[ -]?\d{1,4}[ -]\d{3,4}|\d{1,4} ?\(\d{1,4}\) ?\d{3,4}|\d{1,4}\) ?\d{1,4}[ -]?\d{3,4}|\d{9,10})"
    + NOT_BEFORE
)
_PHONE_INTERNATIONAL = re.compile(r"(?<![0-9A-Za-z+])\+\d{1,3}(?:[ .-]?\(?\d{1,5}\)?){2,6}(?![0-9A-Za-z])")
_PHONE_US = re.compile(
    NOT_AFTER
    + r"(?:\+?1[ .-]?)?(?:\(\d{3}\) ?\d{3}[ .-]?\d{4}|\d{3}([ .-])\d{3}\1\d{4})(?: ?(?:x|ext\.?) ?\d{1,5})?"
    + NOT_BEFORE
)
_PHONE_UK = re.compile(NOT_AFTER + r"(?:\(?0\d{2,4}\)?[ -]\d{3,4}[ -]\d{3,4}|07\d{3} ?\d{6})" + NOT_BEFORE)
_PHONE_WORD = re.compile(
    r"電話|携帯|TEL|℡|Tel|tel|連絡先|番号|ファックス|FAX|Fax|phone|Phone|call|Call|mobile|Mobile|cell|reach|number"
)
_NOT_PHONE_WORD = re.compile(
    r"(?:注文|予約|会員|受付|伝票|問い合わせ|お問合せ|商品|製品|管理|整理)(?:の)?(?:番号|No|ID)"
    r"|(?:order|booking|reservation|tracking|reference|ticket|invoice|item|confirmation)\b",
    re.IGNORECASE,
)
_MOBILE = re.compile(r"0[5-9]0\d{8}$")
_TOLL_FREE = re.compile(r"0(?:120\d{6}|800\d{7}|570\d{6}|990\d{6})$")

_POSTAL = re.compile(r"(?:〒 ?|(?<![0-9A-Za-z-]))(\d{3}-\d{4}|(?<=〒)\d{7}|(?<=〒 )\d{7})(?![0-9A-Za-z-])")
_POSTAL_WORD = re.compile(r"郵便番号|〒|[Pp]ost(?:al|code| code)|[Zz]ip|ZIP|住所|[Aa]ddress")
_PREFECTURE_NEXT = re.compile(r"[ 、,]{0,2}(?:北海道|東京都|(?:京都|大阪)府|[一-鿿]{2,3}県|[一-鿿]{1,5}[市区])")

_CARD = re.compile(r"(?<![0-9A-Za-z])(?<![0-9]-)\d(?:[ -]?\d){12,18}(?![0-9A-Za-z])(?!-\d)")
_CARD_ISSUER = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})$|(?:5[1-5]|2[2-7])\d{14}$|3[47]\d{13}$|3(?:0[0-5]|[689]\d)\d{11}$"
    r"|35\d{14}$|6(?:011|4[4-9]\d|5\d\d)\d{12}$|62\d{14,17}$|(?:5018|5020|5038|6304)\d{8,15}$"
)
_CARD_WORD = re.compile(r"カード|card|Card|CARD|クレジット|VISA|Visa|Master|JCB|Amex")
_CARD_GROUPS = re.compile(r"\d{4}([ -])\d{4}\1\d{4}\1\d{4}$")

_MY_NUMBER = re.compile(NOT_AFTER + r"\d{4}[ -]?\d{4}[ -]?\d{4}" + NOT_BEFORE)
_MY_NUMBER_WORD = re.compile(r"マイナンバー|個人番号|[Mm]y ?[Nn]umber|MY NUMBER")
_MY_NUMBER_WEIGHTS = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)

_ACCOUNT = re.compile(NOT_AFTER + r"\d{6,12}" + NOT_BEFORE)
_ACCOUNT_WORD = re.compile(
    r"口座|普通(?:預金)?[ :：]*(?:No\.?)?$|当座|支店"
    r"|[Aa]ccount(?: (?:number|no|#)| ?:| is)|[Aa]cct|[Bb]ank account|[Ss]ort code"
)
_IBAN = re.compile(r"(?<![0-9A-Za-z])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![0-9A-Za-z])")

_MONTHS = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)[a-z]*\.?"
_BIRTH_DATE = re.compile(
    r"(?<![0-9A-Za-z])(?:(?:19|20)\d{2}(?:年 ?\d{1,2}月 ?\d{1,2}日|[/.-]\d{1,2}[/.-]\d{1,2})"
    r"|(?:明治|大正|昭和|平成|令和|[MTSHR])\.? ?(?:\d{1,2}|元)(?:年 ?\d{1,2}月 ?\d{1,2}日|[/.-]\d{1,2}[/.-]\d{1,2})"
    r"|\d{1,2}[/.-]\d{1,2}[/.-](?:19|20)?\d{2}"
    rf"|{_MONTHS} \d{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)\d{{2}}"
    rf"|\d{{1,2}}(?:st|nd|rd|th)? (?:of )?{_MONTHS},? (?:19|20)\d{{2}})"
    r"(?![0-9A-Za-z])"
)
_BIRTH_WORD = re.compile(r"生年月日|誕生日|生まれ|出生|[Bb]orn|[Bb]irth|DOB|D\.O\.B")

_IPV4 = re.compile(r"(?<![0-9A-Za-z.])(?:\d{1,3}\.){3}\d{1,3}(?![0-9A-Za-z]|\.\d)")
_IPV6 = re.compile(r"(?<![0-9A-Za-z:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![0-9A-Za-z:.])")
_VERSION_WORD = re.compile(r"(?:バージョン|ver(?:sion)?\.?|v|firmware|release) ?$", re.IGNORECASE)


def email(text: str) -> Iterator[Finding]:
    """E-mail addresses, also right next to kana and kanji."""
    if "@" in text:
        for match in _EMAIL.finditer(text):
            yield Finding("email", match.start(), match.end(), 80)


def phone(text: str) -> Iterator[Finding]:
    """Phone numbers: Japanese fixed, mobile, 050, 0120, 0800, 0570; +CC …; North American; British."""
    for match in _PHONE_JA.finditer(text):
        number = digits_of(match.group())
        national = "0" + number[2:].lstrip("0") if "+81" in match.group() else number
        if _is_japanese_phone(national) and _looks_dialled(text, match):
            yield Finding("phone", match.start(), match.end(), 50)
    for match in _PHONE_INTERNATIONAL.finditer(text):
        if 8 <= len(digits_of(match.group())) <= 15:
            yield Finding("phone", match.start(), match.end(), 52)
    for pattern in (_PHONE_US, _PHONE_UK):
        for match in pattern.finditer(text):
            if not near(text, match.start(), match.end(), _NOT_PHONE_WORD, before=16):
                yield Finding("phone", match.start(), match.end(), 45)


def postal_code(text: str) -> Iterator[Finding]:
    """Japanese postal codes: 〒 before, the word for it near, or a prefecture or city right after."""
    for match in _POSTAL.finditer(text):
        if (
            match.group().startswith("〒")
            or near(text, match.start(), match.end(), _POSTAL_WORD, before=20)
            or _PREFECTURE_NEXT.match(text, match.end())
        ):
            yield Finding("postal_code", match.start(1), match.end(1), 60)


def card(text: str) -> Iterator[Finding]:
    """Payment cards: an issuer's range and the Luhn check digit (ISO/IEC 7812-1), or four groups after "card"."""
    for match in _CARD.finditer(text):
        number = digits_of(match.group())
        grouped = _CARD_GROUPS.match(match.group()) and near(text, match.start(), match.end(), _CARD_WORD, before=24)
        if grouped or (_CARD_ISSUER.match(number) and luhn(number)):
            yield Finding("card", match.start(), match.end(), 70)


def my_number(text: str) -> Iterator[Finding]:
    """Individual numbers (12 digits) with their word near; one random number in ten passes the check digit alone."""
    for match in _MY_NUMBER.finditer(text):
        if my_number_check(digits_of(match.group())) and near(
            text, match.start(), match.end(), _MY_NUMBER_WORD, before=24, after=12
        ):
            yield Finding("my_number", match.start(), match.end(), 75)


def bank_account(text: str) -> Iterator[Finding]:
    """Account numbers after their word, and IBANs whose check digits hold (ISO 13616, ISO 7064 mod 97-10)."""
    for match in _ACCOUNT.finditer(text):
        if near(text, match.start(), match.end(), _ACCOUNT_WORD, before=18):
            yield Finding("bank_account", match.start(), match.end(), 55)
    for match in _IBAN.finditer(text):
        if iban_check(match.group().replace(" ", "")):
            yield Finding("bank_account", match.start(), match.end(), 72)


def birth_date(text: str) -> Iterator[Finding]:
    """Whole dates (with a year) beside a word of birth; other dates are nobody's."""
    for match in _BIRTH_DATE.finditer(text):
        if near(text, match.start(), match.end(), _BIRTH_WORD, before=24, after=6):
            yield Finding("birth_date", match.start(), match.end(), 65)


def ip_address(text: str) -> Iterator[Finding]:
    """IPv4 and IPv6 addresses; four numbers after the word version are none."""
    for match in _IPV4.finditer(text):
        if _is_address(match.group()) and not _VERSION_WORD.search(text[max(0, match.start() - 12) : match.start()]):
            yield Finding("ip_address", match.start(), match.end(), 62)
    if ":" in text:
        for match in _IPV6.finditer(text):
            if sum(c in "0123456789abcdefABCDEF" for c in match.group()) >= 3 and _is_address(match.group()):
                yield Finding("ip_address", match.start(), match.end(), 62)


def luhn(number: str) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def my_number_check(number: str) -> bool:
    """The check digit of a Japanese individual number (Ordinance 85 of 2014, art. 5): last of 12 digits."""
    rest = sum(w * int(d) for w, d in zip(_MY_NUMBER_WEIGHTS, number, strict=False)) % 11
    return len(number) == 12 and int(number[11]) == (0 if rest <= 1 else 11 - rest)


def iban_check(number: str) -> bool:
    """Whether the check digits of an IBAN hold: mod 97 of the rearranged number is 1."""
    moved = number[4:] + number[:4]
    return len(number) >= 15 and int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def _is_japanese_phone(number: str) -> bool:
    """10 digits for fixed lines and 0120 or 0570, 11 for mobile, 050 and 0800; never 00."""
    if not number.startswith("0") or number.startswith("00"):
        return False
    return bool(_MOBILE.match(number) or _TOLL_FREE.match(number)) or (len(number) == 10 and number[1] in "123456789")


def _looks_dialled(text: str, match: re.Match[str]) -> bool:
    """Written with separators, or a mobile number, or a bare number beside a word of telephoning."""
    if near(text, match.start(), match.end(), _NOT_PHONE_WORD, before=10):
        return False
    bare = match.group().isdigit()
    return (
        not bare
        or bool(_MOBILE.match(match.group()))
        or near(text, match.start(), match.end(), _PHONE_WORD, before=14, after=8)
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
