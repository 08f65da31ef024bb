"""Recognisers of official numbers: My Number, corporate number, passport, driving licence, US social security.

Only the check digits of Japan's numbers can be tested, and one random number in ten passes: all need their word near.
"""

import re
from collections.abc import Iterator

from kitae.data.privacy.check_digits import corporate_number_check, my_number_check
from kitae.data.privacy.findings import NOT_AFTER, NOT_BEFORE, Finding, digits_of, near

_MY_NUMBER = re.compile(NOT_AFTER + r"[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}" + NOT_BEFORE)
_MY_NUMBER_WORD = re.compile(r"マイナンバー|個人番号|my ?number|individual number", re.IGNORECASE)

_CORPORATE = re.compile(r"(?<![0-9A-Za-z])(?<![0-9][-./])(T?)[0-9](?:[ -]?[0-9]{4}){3}" + NOT_BEFORE)
_CORPORATE_WORD = re.compile(
    r"法人(?:等の)?番号|登録番号|適格請求書|インボイス|corporate number|invoice system", re.IGNORECASE
)

_PASSPORT = re.compile(
    r"(?<![0-9A-Za-z])(?:[A-Z]{1,2} ?[0-9]{6,8}|[0-9]{8,9}|[0-9]{2}[A-Z]{2}[0-9]{5}|C[0-9A-Z]{8})(?![0-9A-Za-z])"
)
_PASSPORT_WORD = re.compile(r"passport|パスポート|旅券", re.IGNORECASE)

_LICENCE_JA = _MY_NUMBER
_LICENCE_UK = re.compile(r"(?<![0-9A-Za-z])[A-Z9]{5}[0-9][0156][0-9][0-3][0-9]{2}[A-Z9]{2}[0-9][A-Z]{2}(?![0-9A-Za-z])")
_LICENCE_US = re.compile(r"(?<![0-9A-Za-z-])(?:[A-Z]{1,3}[ -]?)?[0-9]{1,14}(?:[ -][0-9]{1,6}){0,4}(?![0-9A-Za-z])")
_LICENCE_WORD = re.compile(
    r"免許|driv(?:er'?s?|ers'?|er’s|ing) ?(?:licen[cs]e|permit)|(?<![a-z])(?:licen[cs]e|D\.?L\.?) ?(?:no|number|#)",
    re.IGNORECASE,
)

_SSN = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9]-)(?!000|666)([0-9]{3})([- .]?)(?!00)[0-9]{2}\2(?!0000)[0-9]{4}(?![0-9A-Za-z])(?!-[0-9])"
)
_SSN_WORD = re.compile(r"(?<![a-z])(?:ssn|ss#|social security|tax ?id|itin|taxpayer)|社会保障番号", re.IGNORECASE)


def my_number(text: str) -> Iterator[Finding]:
    """Individual numbers: 12 digits, the last a check digit, with their word near."""
    for match in _MY_NUMBER.finditer(text):
        if my_number_check(digits_of(match[0])) and near(text, *match.span(), _MY_NUMBER_WORD, before=24, after=12):
            yield Finding(
                "my_number", match.start(), match.end(), 77, "12 digits with their check digit, the word near"
            )


def corporate_number(text: str) -> Iterator[Finding]:
    """Corporate numbers: 13 digits, the first a check digit, with their word near or after the T of an invoice."""
    for match in _CORPORATE.finditer(text):
        start = match.end(1)
        if corporate_number_check(digits_of(match[0])) and (
            match[1] or near(text, start, match.end(), _CORPORATE_WORD, before=24, after=12)
        ):
            yield Finding("corporate_number", start, match.end(), 76, "13 digits with their check digit, the word near")


def passport(text: str) -> Iterator[Finding]:
    """Passport numbers (Japan: two letters and seven digits) with their word near."""
    for match in _PASSPORT.finditer(text):
        if near(text, *match.span(), _PASSPORT_WORD, before=28, after=10):
            yield Finding("passport", match.start(), match.end(), 57, "the form of a passport number, the word near")


def driving_licence(text: str) -> Iterator[Finding]:
    """Driving licences: Japanese (12 digits), British (16 characters), others of many forms, with their word near."""
    for match in _LICENCE_UK.finditer(text):
        yield Finding("driving_licence", match.start(), match.end(), 63, "the form of a British driving licence")
    for match in _LICENCE_JA.finditer(text):
        if near(text, *match.span(), _LICENCE_WORD, before=20, after=8):
            yield Finding("driving_licence", match.start(), match.end(), 58, "12 digits, the word near")
    for match in _LICENCE_US.finditer(text):
        if len(digits_of(match[0])) >= 5 and near(text, *match.span(), _LICENCE_WORD, before=24):
            yield Finding("driving_licence", match.start(), match.end(), 56, "a number after its word")


def us_ssn(text: str) -> Iterator[Finding]:
    """US social security numbers: three, two and four digits with hyphens, or in other forms with their word near."""
    for match in _SSN.finditer(text):
        told = near(text, *match.span(), _SSN_WORD, before=32, after=8)
        if told or (match[2] == "-" and match[1] < "900"):
            why = "nine digits, the word near" if told else "three, two and four digits with hyphens"
            yield Finding("us_ssn", match.start(), match.end(), 59 if told else 54, why)
