"""Recogniser of telephone numbers.

Japanese, North American and British numbers are known by their form. Numbers of other countries begin with + and are
looked up by the `phonenumbers` library, or stand beside a word of telephoning.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from kitae.data.privacy.findings import NOT_AFTER, Finding, digits_of, near

_END = r"(?![0-9A-Za-z])(?![-/][0-9])(?!-[A-Z](?![A-Za-z]))"
_JAPAN = re.compile(
    r"(?<![0-9+])(?<![0-9][-./])(?<![A-Z]-)"
    r"(?:(?<![A-Za-z])|(?=\()|(?<=TEL)|(?<=[Tt]el)|(?<=FAX)|(?<=[Ff]ax))(?:\+81[ -]?(?:\(0\))?[ -]?|\(?0)"
    r"(?:[0-9]{1,4}\)?[ .-]?[0-9]{1,4}[ .-][0-9]{3,4}|[0-9]{1,4} ?\([0-9]{1,4}\) ?[0-9]{3,4}"
    r"|[0-9]{1,4}\) ?[0-9]{1,4}[ .-]?[0-9]{3,4}|[0-9]{9,10})" + _END
)
_AMERICA = re.compile(
    NOT_AFTER + r"(?:(?:\+|00)?1[ .-]?)?(?:\([0-9]{3}\) ?[0-9]{3}[ .-]?[0-9]{4}|[0-9]{3}([ .-])[0-9]{3}\1[0-9]{4})"
    r"(?: ?(?:x|ext\.?) ?[0-9]{1,5})?" + _END
)
_BRITAIN = re.compile(
    NOT_AFTER
    + r"(?<![0-9] )(?:\(?0[1-9][0-9]{1,3}\)?[ -][0-9]{3,4}[ -][0-9]{3,4}|07[0-9]{3} ?[0-9]{6})(?! [0-9])"
    + _END
)
_ABROAD = re.compile(
    r"(?<![0-9A-Za-z+])(?:\+|(?<![./-])00)[1-9][0-9]*+(?:[ .-]?(?:\(0?\) ?)?\(?[0-9]++\)?){1,6}+(?![0-9A-Za-z])"
)
_ANY = re.compile(
    r"(?<![0-9A-Za-z$€£¥#])(?<![0-9][-./,:])(?<![A-Za-z_]\()\+?\(?[0-9]++\)?(?:[ .-]{0,2}\(?[0-9]++\)?){0,6}+"
    r"(?: ?(?:x|ext\.?) ?[0-9]{1,5})?+(?![0-9A-Za-z,:])(?![-/][0-9])"
)
_SPAN = re.compile(r"[+(0-9][0-9() ./+-]{5,}")
"""Where a number may stand; looking only there is what makes this fast."""
AFTER = 12
"""Characters after such a place that are read: an extension, and whether the number goes on."""
_WEAK_WORD = re.compile(
    r"電話|携帯|TEL|℡|Tel|tel|連絡先|番号|ファックス|FAX|Fax|[Pp]hone|[Cc]all|[Mm]obile|[Cc]ell|reach|number"
)
_TOLD_BEFORE = re.compile(
    r"(?:電話|携帯|℡|ファックス|連絡先)[^0-9]{0,12}$"
    r"|(?<![a-z])(?:tel|telephone|ph|phone|mobile|cell|cellphone|fax|telefax|whatsapp|viber|sms|hotline|landline)"
    r"(?: (?:phone|number|no|line))?\.?(?: is| at| on)?[\s:#=.(-]*$"
    r"|(?<![a-z])(?:office|desk|home|work)(?: (?:phone|number|tel|line))?\s*:\s*$"
    r"|(?<![a-z])(?:my|their|his|her|our) number(?: is|:)\s*$"
    r"|(?<![a-z])(?:call|ring|text|dial|phone|reach|contact|answering|messages?|registered)"
    r"(?: [a-z]+){0,2}(?: at| on| to)? $",
    re.IGNORECASE,
)
_TOLD_AFTER = re.compile(r"[-, (]{0,3}(?:office|fax|mobile|desk|home|cell|work)(?![a-z])", re.IGNORECASE)
_NO_PHONE_WORD = re.compile(
    r"(?:注文|予約|会員|受付|受注|伝票|問い?合わ?せ|商品|製品|管理|整理|追跡|見積|登録|口座|シリアル)(?:の)?(?:番号|No\.?|ID|コード)"
    r"|型番|品番|伝票|受注|コード|(?<![A-Za-z])(?:order|booking|reservation|tracking|reference|ticket|invoice|item|confirmation"
    r"|part|model|serial|product|case|account|sku|isbn|commit|room|id|zip|code|po box)(?![A-Za-z])",
    re.IGNORECASE,
)
_MOBILE = re.compile(r"0[5-9]0[0-9]{8}$")
_TOLL_FREE = re.compile(r"0(?:120[0-9]{6}|800[0-9]{7}|570[0-9]{6}|990[0-9]{6})$")
_DATE = re.compile(
    r"(?:19|20)[0-9]{2}[-/. ][0-9]{1,2}[-/. ][0-9]{1,2}(?![0-9])|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:19|20)[0-9]{2}$"
)
_DECIMAL = re.compile(r"[0-9]+\.[0-9]+$|[0-9]{1,3}(?:\.[0-9]{1,3}){3}$")


def phone(text: str) -> Iterator[Finding]:
    """Phone numbers: Japanese fixed, mobile, 050, 0120, 0800, 0570; +CC …; North American; British; by their word."""
    for span in _SPAN.finditer(text):
        start, end = span.span()
        written = span[0]
        # What stands behind the span decides whether a number ends there; a number that begins there is not whole.
        for sign, find in _FORMS:
            if sign in written:
                yield from (found for found in find(text, start, end + AFTER) if found.start < end)


def _japanese(text: str, start: int, end: int) -> Iterator[Finding]:
    for match in _JAPAN.finditer(text, start, end):
        if _is_japanese(match[0]) and _looks_dialled(text, match):
            yield Finding("phone", match.start(), match.end(), 50, "the form of a Japanese phone number")


def _abroad(text: str, start: int, end: int) -> Iterator[Finding]:
    for match in _ABROAD.finditer(text, start, end):
        if is_international(match[0]):
            yield Finding(
                "phone", match.start(), match.end(), 52, "a country code and a possible number of that country"
            )


def _by_form(text: str, start: int, end: int) -> Iterator[Finding]:
    for pattern, why in ((_AMERICA, "a North American"), (_BRITAIN, "a British")):
        for match in pattern.finditer(text, start, end):
            if not _denied(text, match.start()):
                yield Finding("phone", match.start(), match.end(), 45, f"the form of {why} phone number")


def _by_word(text: str, start: int, end: int) -> Iterator[Finding]:
    for match in _ANY.finditer(text, start, end):
        if _is_said_to_be_one(text, match):
            open_ended = match[0].endswith(")") and "(" not in match[0]
            yield Finding("phone", match.start(), match.end() - open_ended, 42, "a number beside a word of telephoning")


_FORMS = (("0", _japanese), ("+", _abroad), ("00", _abroad), ("", _by_form), ("", _by_word))
"""What a number of the form always has, and who knows the form."""


@lru_cache(maxsize=4096)
def is_international(number: str) -> bool:
    """Whether a number with + or 00 and its country code is possible there."""
    import phonenumbers

    plus = "+" + digits_of(number[1:] if number.startswith("+") else number[2:])
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(plus, None))
    except phonenumbers.NumberParseException:
        return False


def _is_japanese(written: str) -> bool:
    """10 digits for fixed lines and 0120 or 0570, 11 for mobile, 050 and 0800; never 00."""
    digits = digits_of(written)
    number = "0" + digits[2:].lstrip("0") if "+81" in written else digits
    if not number.startswith("0") or number.startswith("00"):
        return False
    return bool(_MOBILE.match(number) or _TOLL_FREE.match(number)) or (len(number) == 10 and number[1] in "123456789")


def _denied(text: str, start: int) -> bool:
    """Whether the number stands right after a word such as order number."""
    return bool(_NO_PHONE_WORD.search(text[max(0, start - 12) : start].rpartition("\n")[2]))


def _looks_dialled(text: str, match: re.Match[str]) -> bool:
    """Written with separators, or a mobile number, or a bare number beside a word of telephoning."""
    if _denied(text, match.start()):
        return False
    bare = match[0].isdigit()
    return not bare or bool(_MOBILE.match(match[0])) or near(text, *match.span(), _WEAK_WORD, before=14, after=8)


def _is_said_to_be_one(text: str, match: re.Match[str]) -> bool:
    start, end = match.span()
    if not 7 <= len(digits_of(match[0])) <= 15 or _DATE.match(match[0]) or _DECIMAL.match(match[0]):
        return False
    # A label may stand on a line of its own.
    left = text[max(0, start - 40) : start].rstrip("\n").rpartition("\n")[2]
    told = _TOLD_BEFORE.search(left) or _TOLD_AFTER.match(text, end)
    return bool(told) and not _denied(text, start)
