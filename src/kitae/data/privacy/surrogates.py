"""Made-up values that stand in for private ones: same kind, same format, same stand-in for the same value.

A stand-in is chosen by a keyed hash, so a person keeps one name through a conversation or a dataset. Values lie in
ranges that belong to nobody: example.com (RFC 2606), 192.0.2.0/24 (RFC 5737), 2001:db8::/32 (RFC 3849), locally
administered MAC addresses, exchanges 555-01xx and 0000, postal code 000, the card companies' test ranges, social
security numbers from 900 with a group that is given to nobody. Check digits hold where the real ones have some.
Secrets are not imitated: a model should not learn to write keys.
"""

import re
import unicodedata
from collections.abc import Callable

from kitae.data.privacy.check_digits import corporate_number_digit, my_number_digit, with_iban_check, with_luhn
from kitae.data.privacy.dates import MONTH_NAMES
from kitae.data.privacy.findings import digits_of, narrow
from kitae.data.privacy.japanese_names import split_japanese
from kitae.data.privacy.keyed import Keyed, same
from kitae.data.privacy.name_lists import KNOWN, STAND_INS

__all__ = ["SURROGATES", "Keyed", "like_number", "surrogate"]

Surrogate = Callable[[str, Keyed], str]
TRIES = 8
"""A draw that gives the value itself is drawn again, so many times."""

TEST_CARDS = (
    ("4", "411111"),
    ("34", "343434"),
    ("37", "378282"),
    ("35", "353011"),
    ("36", "361489"),
    ("30", "305693"),
    ("38", "385200"),
    ("6", "601111"),
    ("2", "222300"),
    ("", "555555"),
)
"""Test prefix by how the number begins."""
_KANJI_DIGITS = "〇一二三四五六七八九"
_DATE_PART = re.compile(
    rf"(?P<number>[0-9]+)(?P<ordinal>st|nd|rd|th)?|(?P<month>{'|'.join(MONTH_NAMES)})|(?P<kanji>[元〇零一二三四五六七八九十]+)"
)


def surrogate(kind: str, value: str, keyed: Keyed) -> str:
    """The stand-in for a private value of a kind; never the value itself."""
    made = value
    for salt in range(TRIES):
        made = SURROGATES[kind](value, keyed.salted(salt))
        if same(made) != same(value):
            break
    return made


def like_number(kind: str, value: str, keyed: Keyed) -> int | float:
    """The stand-in for a private number: digits where the kind's own stand-in has other characters."""
    made = surrogate(kind, value, keyed)
    if re.fullmatch(r"-?[0-9]+\.[0-9]+", made):
        return float(made)
    return int(made if made.isdecimal() else keyed.digits(kind, same(value), max(1, len(digits_of(value)))))


def _like(value: str, characters: str) -> str:
    """The value with its letters and digits replaced one by one, everything between them and their width kept."""
    rest = iter(characters)
    return "".join(_as_wide(next(rest), c) if narrow(c).isascii() and narrow(c).isalnum() else c for c in value)


def _as_wide(character: str, model: str) -> str:
    return chr(ord(character) + 0xFEE0) if model > "\x7f" else character


def _plain(value: str) -> str:
    """The letters and digits of a value, narrowed."""
    return "".join(c for c in narrow(unicodedata.normalize("NFKC", value)) if c.isascii() and c.isalnum())


def _digits(keep: int, drawn: int) -> Surrogate:
    """The first `keep` characters stay, the last `drawn` digits are drawn, all digits between become 0, letters X."""

    def stand_in(value: str, keyed: Keyed) -> str:
        plain = _plain(value)
        draws = iter(keyed.digits("digits", same(value), 18))
        first_drawn = max(keep, len(plain) - drawn)
        made = [
            c if place < keep else "X" if c.isalpha() else next(draws, "0") if place >= first_drawn else "0"
            for place, c in enumerate(plain)
        ]
        return _like(value, "".join(made))

    return stand_in


def _email(value: str, keyed: Keyed) -> str:
    user = keyed.pick("email", same(value), STAND_INS["given_en"]).lower()
    made = f"{user}{keyed.digits('email number', same(value), 5)}@example.com"
    return made if value.isascii() else "".join(_as_wide(c, "＠") for c in made)


def _phone(value: str, keyed: Keyed) -> str:
    plain, digits = narrow(value), _plain(value)
    drawn = keyed.digits("phone", same(value), 4)
    if re.fullmatch(r"(?:\+?1[ .-]?)?\(?[2-9][0-9]{2}\)?[ .-]?[0-9]{3}[ .-]?[0-9]{4}", plain):
        return _like(value, f"{digits[:-7]}55501{drawn[:2]}")
    groups = [len(group) for group in re.findall("[0-9]+", plain)]
    keep = groups[0] if len(groups) > 1 else 3
    keep = max(0, min(keep, len(digits) - 4))
    zeros = max(0, len(digits) - keep - 4)
    return _like(value, digits[:keep] + "0" * zeros + drawn[: len(digits) - keep - zeros])


def _postal_code(value: str, keyed: Keyed) -> str:
    plain = _plain(value)
    drawn = iter(keyed.digits("postal", same(value), 12))
    zeros = 3 if plain.isdecimal() else 0
    made = ("Z" if c.isalpha() else "0" if place < zeros else next(drawn) for place, c in enumerate(plain))
    return _like(value, "".join(made))


def _card(value: str, keyed: Keyed) -> str:
    plain = _plain(value)
    prefix = next(prefix for start, prefix in TEST_CARDS if plain.startswith(start))
    size = len(plain)
    body = (prefix + keyed.digits("card", same(value), 18))[:size]
    return _like(value, with_luhn(body))


def _my_number(value: str, keyed: Keyed) -> str:
    body = "0000" + keyed.digits("my number", same(value), 7)
    return _like(value, (body + my_number_digit(body)).rjust(len(_plain(value)), "0")[: len(_plain(value))])


def _corporate_number(value: str, keyed: Keyed) -> str:
    body = "0000" + keyed.digits("corporate number", same(value), 8)
    return _like(value, (corporate_number_digit(body) + body).ljust(len(_plain(value)), "0"))


def _iban(value: str, keyed: Keyed) -> str:
    plain = _plain(value).upper()
    drawn = keyed.digits("iban", same(value), 8)
    if len(plain) <= 12 or not plain[:2].isalpha():
        return _digits(0, 8)(value, keyed)
    middle = "".join("X" if c.isalpha() else "0" for c in plain[4:-8])
    made = with_iban_check(f"{plain[:2]}00{middle}{drawn}")
    return _like(value, made if value.upper() == value else made.lower())


def _us_ssn(value: str, keyed: Keyed) -> str:
    group = 1 + keyed.number("group", same(value)) % 48
    made = f"9{keyed.digits('area', same(value), 2)}{group:02d}{keyed.digits('serial', same(value), 4)}"
    return _like(value, made.ljust(len(_plain(value)), "0"))


def _address(value: str, keyed: Keyed) -> str:
    drawn = keyed.digits("address number", same(value), 5)
    if value.isascii():
        street = keyed.pick("street", same(value), STAND_INS["streets_en"])
        return f"{int(drawn[:2]) + 1} {street} Street, Exampleton"
    town = keyed.pick("town", same(value), STAND_INS["towns_ja"])
    return f"見本県{town}{int(drawn[0]) + 1}-{int(drawn[1:3]) + 1}-{int(drawn[3:]) + 1}"


def _name(value: str, keyed: Keyed) -> str:
    if not re.search(r"[぀-ヿ一-鿿]", value):
        return _english_name(value, keyed)
    family, mark, given = split_japanese(value)
    script = "kana" if all("ァ" <= c <= "ヿ" for c in family) else "ja"
    new = keyed.pick("family", family, STAND_INS[f"family_{script}"])
    return new + mark + (keyed.pick("given", given, STAND_INS[f"given_{script}"]) if given else "")


def _english_name(value: str, keyed: Keyed) -> str:
    """Each word by itself, so that "Emma Clarke" and later "Ms Clarke" or "Emma" stay one person."""
    *first, last = value.split(" ")
    words = [keyed.pick("first", word, STAND_INS["given_en"]) for word in first]
    by_itself = not first and last in KNOWN["given_names"]
    kind, choices = ("first", "given_en") if by_itself else ("word", "family_en")
    return " ".join([*words, keyed.pick(kind, last, STAND_INS[choices])])


def _date(value: str, keyed: Keyed) -> str:
    """A date of the same form that exists: from 1950 to 1999, days, months and years of an era up to 7."""

    def other(match: re.Match[str]) -> str:
        number = keyed.number(f"date {match.start()}", same(value))
        if match["month"]:
            names = MONTH_NAMES[:12] if match["month"] in MONTH_NAMES[:12] else MONTH_NAMES[12:]
            return names[number % 12]
        if match["kanji"]:
            year = "一九" + _KANJI_DIGITS[5 + number % 5] + _KANJI_DIGITS[(number >> 8) % 10]
            return year if len(match["kanji"]) == 4 else _KANJI_DIGITS[1 + number % 7]
        size = len(match["number"])
        if size >= 6:
            return f"{1950 + number % 50}{1 + number % 12:02d}{1 + number % 28:02d}"[-size:]
        small = str(1 + number % 7)
        made = str(1950 + number % 50) if size == 4 else small.zfill(size)
        return made + (("st", "nd", "rd", "th")[min(number % 7, 3)] if match["ordinal"] else "")

    made = _DATE_PART.sub(other, narrow(value))
    if value.isascii() or narrow(value) == value:
        return made
    return "".join(_as_wide(c, "０") if "!" <= c <= "~" else c for c in made)


def _ip_address(value: str, keyed: Keyed) -> str:
    drawn = keyed.number("ip", same(value))
    if ":" in narrow(value):
        return f"2001:db8::{drawn >> 16 & 0xFFFF:x}:{drawn & 0xFFFF:x}"
    made = f"192.0.2.{1 + drawn % 254}"
    return made if value.isascii() else "".join(_as_wide(c, "０") for c in made)


def _mac_address(value: str, keyed: Keyed) -> str:
    made = f"020000{keyed.number('mac', same(value)) & 0xFFFFFF:06x}"
    return _like(value, made if value.lower() == value else made.upper())


def _coordinates(value: str, keyed: Keyed) -> str:
    """Each number by itself: degrees of three digits from 100 to 178, all others from 10 to 58, decimals drawn."""

    def other(match: re.Match[str]) -> str:
        number = keyed.number(f"degree {match.start()}", same(value))
        whole = {1: number % 10, 2: 10 + number % 49}.get(len(match[1]), 100 + number % 79)
        decimals = keyed.digits(f"decimals {match.start()}", same(value), len(match[2] or ""))
        return f"{whole}.{decimals}" if decimals else str(whole)

    return re.sub(r"([0-9]{1,3})(?:\.([0-9]{1,15}))?[0-9]*", other, narrow(value))


def _url(value: str, keyed: Keyed) -> str:
    scheme = re.match(r"[A-Za-z]+://", value)
    return f"{scheme[0] if scheme else ''}www.example.com/{keyed.digits('url', same(value), 5)}"


def _secret(value: str, keyed: Keyed) -> str:  # noqa: ARG001 the table's signature
    return "[secret]"


SURROGATES: dict[str, Surrogate] = {
    "secret": _secret,
    "email": _email,
    "my_number": _my_number,
    "corporate_number": _corporate_number,
    "card": _card,
    "iban": _iban,
    "bank_account": _digits(0, 4),
    "passport": _digits(0, 5),
    "driving_licence": _digits(0, 6),
    "us_ssn": _us_ssn,
    "birth_date": _date,
    "ip_address": _ip_address,
    "mac_address": _mac_address,
    "coordinates": _coordinates,
    "postal_code": _postal_code,
    "phone": _phone,
    "address": _address,
    "name": _name,
    "person_id": _digits(0, 18),
    "date": _date,
    "url": _url,
}
"""By kind of private data."""
