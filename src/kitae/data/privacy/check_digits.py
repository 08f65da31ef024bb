"""Check digits: what tells a card or an official number from any other number of its length."""

_MY_NUMBER_WEIGHTS = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

IBAN_LENGTHS = {
    code: int(length)
    for length, codes in {
        "15": "NO",
        "16": "BE",
        "18": "DK FI FK FO GL NL SD",
        "19": "MK SI",
        "20": "AT BA EE KZ LT LU MN XK",
        "21": "CH HR LI LV",
        "22": "BG BH CR DE GB GE IE ME RS VA",
        "23": "AE GI IL IQ OM SO TL",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG",
        "25": "LY PT ST",
        "26": "IS TR",
        "27": "BI DJ FR GR IT MC MR SM",
        "28": "AL AZ BY CY DO GT HU LB NI PL SV",
        "29": "BR EG PS QA UA",
        "30": "JO KW MU YE",
        "31": "MT SC",
        "32": "LC",
        "33": "RU",
    }.items()
    for code in codes.split()
}
"""Characters of an IBAN by country (SWIFT IBAN registry)."""


def luhn(number: str) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1, annex B)."""
    plain, doubled = number[::-2], number[-2::-2]
    return (sum(map(int, plain)) + sum(_DOUBLED[int(digit)] for digit in doubled)) % 10 == 0


def with_luhn(body: str) -> str:
    """A number with its last digit set so that `luhn` holds."""
    return next(number for digit in "0123456789" if luhn(number := body[:-1] + digit))


def my_number_digit(body: str) -> str:
    """The last of the 12 digits of a Japanese individual number (Ordinance 85 of 2014, art. 5), from the first 11."""
    rest = sum(weight * int(digit) for weight, digit in zip(_MY_NUMBER_WEIGHTS, body, strict=True)) % 11
    return "0" if rest <= 1 else str(11 - rest)


def my_number_check(number: str) -> bool:
    """Whether 12 digits are a Japanese individual number."""
    return len(number) == 12 and number[11] == my_number_digit(number[:11])


def corporate_number_digit(body: str) -> str:
    """The first of the 13 digits of a Japanese corporate number (Ordinance 70 of 2014, art. 2), from the last 12."""
    return str(9 - sum(int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(body))) % 9)


def corporate_number_check(number: str) -> bool:
    """Whether 13 digits are a Japanese corporate number."""
    return len(number) == 13 and number[0] == corporate_number_digit(number[1:])


def iban_check(number: str) -> bool:
    """Whether an IBAN without spaces has the length of its country and its check digits hold (ISO 13616, mod 97)."""
    number = number.upper()
    if IBAN_LENGTHS.get(number[:2]) != len(number):
        return False
    return int("".join(str(int(c, 36)) for c in number[4:] + number[:4])) % 97 == 1


def with_iban_check(number: str) -> str:
    """An IBAN without spaces with its check digits set."""
    rest = int("".join(str(int(c, 36)) for c in number[4:] + number[:2] + "00")) % 97
    return f"{number[:2]}{98 - rest:02d}{number[4:]}"
