"""Made-up values that stand in for private ones: same kind, same format, same stand-in for the same value.

A stand-in is chosen by a keyed hash (HMAC-SHA-256) of the value, so a person keeps one name through a conversation
and a dataset, and nobody without the key finds the way back. Values lie in ranges that belong to nobody: example.com
(RFC 2606), 192.0.2.0/24 (RFC 5737), 2001:db8::/32 (RFC 3849), exchange 555-01xx, exchange 0000, postal code 000.
Secrets are not imitated: a model should not learn to write keys.
"""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable

from kitae.data.privacy.findings import narrow
from kitae.data.privacy.name_lists import STAND_INS
from kitae.data.privacy.names import split_japanese

Surrogate = Callable[[str, "Keyed"], str]


class Keyed:
    """Numbers drawn from a keyed hash of a value: the same value gives the same numbers."""

    def __init__(self, key: bytes) -> None:
        """Take the key; it never leaves the process."""
        self._key = key

    def number(self, purpose: str, value: str) -> int:
        """A whole number of 64 bits for a value and what it is drawn for."""
        return int.from_bytes(self._mac(purpose, value)[:8], "big")

    def short(self, kind: str, value: str) -> str:
        """Eight hex characters that tell equal values apart from others in the history, and tell no more."""
        return self._mac("digest " + kind, _same(value)).hex()[:8]

    def pick(self, purpose: str, value: str, choices: list[str]) -> str:
        """One of the choices, never the value itself."""
        rest = [choice for choice in choices if choice != value]
        return rest[self.number(purpose, value) % len(rest)]

    def digits(self, purpose: str, value: str, count: int) -> str:
        """So many digits."""
        return str(self.number(purpose, value) % 10**count).zfill(count)

    def _mac(self, purpose: str, value: str) -> bytes:
        return hmac.new(self._key, f"{purpose}\0{value}".encode(), hashlib.sha256).digest()


def surrogate(kind: str, value: str, keyed: Keyed) -> str:
    """The stand-in for a private value of a kind."""
    return SURROGATES[kind](value, keyed)


def _same(value: str) -> str:
    """Values that differ only in width, case, spaces and hyphens are the same value."""
    return re.sub(r"[\s\-()]", "", narrow(unicodedata.normalize("NFKC", value))).casefold()


def _email(value: str, keyed: Keyed) -> str:
    user = keyed.pick("email", _same(value), STAND_INS["given_en"]).lower()
    return f"{user}{keyed.digits('email number', _same(value), 4)}@example.com"


def _like(value: str, digits: str) -> str:
    """The value with its digits replaced one by one, everything between them and their width kept."""
    rest = iter(digits)
    return "".join(
        (chr(ord(next(rest)) + 0xFEE0) if c > "\x7f" else next(rest)) if unicodedata.category(c) == "Nd" else c
        for c in value
    )


def _zeros(keep: int, drawn: int) -> Surrogate:
    """Digits: the first `keep` stay, the last `drawn` are drawn, all between become 0."""

    def stand_in(value: str, keyed: Keyed) -> str:
        digits = re.sub(r"\D", "", unicodedata.normalize("NFKC", value))
        size = min(drawn, len(digits))
        kept = digits[: min(keep, len(digits) - size)]
        middle = "0" * (len(digits) - len(kept) - size)
        return _like(value, kept + middle + keyed.digits("digits", _same(value), size))

    return stand_in


def _phone(value: str, keyed: Keyed) -> str:
    plain = narrow(value)
    digits = re.sub(r"\D", "", plain)
    drawn = keyed.digits("phone", _same(value), 4)
    if re.fullmatch(r"(?:\+?1[ .-]?)?\(?[2-9]\d{2}\)?[ .-]?\d{3}[ .-]?\d{4}", plain):
        lead = digits[:-10]
        return _like(value, f"{lead}{digits[-10:-7]}55501{drawn[:2]}")
    groups = [len(group) for group in re.findall(r"\d+", plain)]
    keep = groups[0] if len(groups) > 1 else 3
    keep = min(keep, len(digits) - 4)
    return _like(value, digits[:keep] + "0" * (len(digits) - keep - 4) + drawn)


def _postal_code(value: str, keyed: Keyed) -> str:
    return _like(value, "000" + keyed.digits("postal", _same(value), 4))


def _address(value: str, keyed: Keyed) -> str:
    drawn = keyed.digits("address number", _same(value), 5)
    if value.isascii():
        street = keyed.pick("street", _same(value), STAND_INS["streets_en"])
        return f"{int(drawn[:2]) + 1} {street} Example Street, Exampleton"
    town = keyed.pick("town", _same(value), STAND_INS["towns_ja"])
    return f"見本県{town}{int(drawn[0]) + 1}-{int(drawn[1:3]) + 1}-{int(drawn[3:]) + 1}"


def _name(value: str, keyed: Keyed) -> str:
    if value.isascii() or not re.search(r"[぀-ヿ一-鿿]", value):
        return _english_name(value, keyed)
    family, mark, given = split_japanese(value)
    if all("ァ" <= c <= "ヿ" for c in family):
        new = keyed.pick("family", family, STAND_INS["family_kana"])
        return new + mark + (keyed.pick("given", given, STAND_INS["given_kana"]) if given else "")
    new = keyed.pick("family", family, STAND_INS["family_ja"])
    return new + mark + (keyed.pick("given", given, STAND_INS["given_ja"]) if given else "")


def _english_name(value: str, keyed: Keyed) -> str:
    """Each word by itself, so that "Emma Clarke" and later "Ms Clarke" stay one person."""
    words = value.split(" ")
    if len(words) == 1:
        return keyed.pick("word", value, STAND_INS["family_en"])
    return " ".join(
        keyed.pick("word", word, STAND_INS["family_en"])
        if place == len(words) - 1
        else keyed.pick("first", word, STAND_INS["given_en"])
        for place, word in enumerate(words)
    )


def _birth_date(value: str, keyed: Keyed) -> str:
    """A date of the same form: years of four digits in 1960 to 1999, everything else a day and month that exist."""

    def other(match: re.Match[str]) -> str:
        number = keyed.number(f"date {match.start()}", _same(value))
        size = len(match.group())
        if size == 4:
            return str(1960 + number % 40)
        return str(1 + number % 9).zfill(size) if size == 1 else str(1 + number % 12).zfill(2)

    wide = unicodedata.normalize("NFKC", value)
    return re.sub(r"\d+", other, wide)


def _ip_address(value: str, keyed: Keyed) -> str:
    drawn = keyed.number("ip", _same(value))
    return f"2001:db8::{drawn % 65536:x}" if ":" in value else f"192.0.2.{1 + drawn % 254}"


def _iban_or_account(value: str, keyed: Keyed) -> str:
    if value[:1].isalpha():
        return value[:2] + "00" + _zeros(0, 4)(value[4:], keyed)
    return _zeros(0, 4)(value, keyed)


def _secret(value: str, keyed: Keyed) -> str:  # noqa: ARG001 the table's signature
    return "[secret]"


SURROGATES: dict[str, Surrogate] = {
    "secret": _secret,
    "email": _email,
    "my_number": _zeros(0, 4),
    "card": _zeros(0, 4),
    "birth_date": _birth_date,
    "ip_address": _ip_address,
    "postal_code": _postal_code,
    "bank_account": _iban_or_account,
    "phone": _phone,
    "address": _address,
    "name": _name,
}
"""By kind of private data."""
