"""Dates as people write them: ISO 8601, Japanese with and without eras, English, digits only, and Unix time.

A date such as 03/04/2024 is March 4 or April 3. Both readings are given, and whoever sees the whole column decides.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

MONTHS = {name: number for number, name in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1,
)}  # fmt: skip
ERAS = {"令和": 2018, "r": 2018, "平成": 1988, "h": 1988, "昭和": 1925, "s": 1925, "大正": 1911, "t": 1911,
        "明治": 1867, "m": 1867}  # fmt: skip
"""Name of an era to the year before its first."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECONDS_FROM, MILLISECONDS_FROM, TOO_LARGE = 1e8, 1e11, 1e14
"""A number from here on is Unix time in seconds (1973 and later), in milliseconds, or nothing at all."""

Moment = int | None
"""Microseconds since 1970 in UTC; a time without a zone is taken as UTC, which keeps the order within a column."""


@dataclass(frozen=True)
class Reading:
    """A date in its two readings: equal, unless month and day can be told apart by nothing but habit."""

    month_first: Moment
    day_first: Moment


UNREADABLE = Reading(None, None)
_Parts = tuple[int, int, int]

_NUMERIC = re.compile(r"(\d{4})\s*([-/.年])\s*(\d{1,2})(?:\s*(?:\2|月)\s*(\d{1,2})(?:日|(?!\d))|月|(?!\s*[\d/.-]))")
_ERA = re.compile(
    r"(令和|平成|昭和|大正|明治|[rhstm](?=\.?\d))\.?\s*(元|\d{1,2})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})日?"
)
_DAY_MONTH = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[\s-]+(?:of\s+)?([a-z]{3})[a-z]*\.?,?[\s-]+(\d{4})(?!\d)")
_MONTH_DAY = re.compile(r"([a-z]{3})[a-z]*\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})(?!\d)")
_EITHER = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?!\d)")
_DIGITS = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2}))?$")
_WEEKDAY = re.compile(
    r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+|\((?:[月火水木金土日]|[a-z]{3})\)|[月火水木金土日]曜日?"
)
_CLOCK = re.compile(
    r"[t\s,]*(午前|午後)?\s*(\d{1,2})(?::|時)(?:(\d{1,2})(?:分)?)?(?::?(\d{1,2})(?:[.,](\d{1,6})\d*)?秒?)?\s*(am|pm)?"
    r"\s*(z|utc|gmt|jst|[+-]\d{2}:?\d{2})?$"
)
_AFTERNOON = {"午後", "pm"}
_ZONES = {None: UTC, "z": UTC, "utc": UTC, "gmt": UTC, "jst": timezone(timedelta(hours=9))}


def read_date(value: Any) -> Reading:
    """The moment that a value names, in both readings; `UNREADABLE` when it names none."""
    if isinstance(value, bool) or value is None:
        return UNREADABLE
    if isinstance(value, (int, float)):
        whole = 0 <= value < TOO_LARGE and (value >= SECONDS_FROM or float(value).is_integer())
        return _number(float(value)) if whole else UNREADABLE
    if not isinstance(value, str):
        return UNREADABLE
    text = _WEEKDAY.sub("", unicodedata.normalize("NFKC", value).strip().lower()).strip()
    for pattern, parts in _FORMS:
        match = pattern.match(text)
        if match:
            rest = text[match.end() :]
            return Reading(*(_moment(ymd, rest) for ymd in parts(match)))
    return _of_digits(text)


def _of_digits(text: str) -> Reading:
    """20240301, 20240301093000, a year, or Unix time."""
    match = _DIGITS.match(text)
    if match:
        year, month, day, *clock = match.groups()
        at = ":".join(clock) if clock[0] else ""
        moment = _moment((int(year), int(month), int(day)), at)
        if moment is not None:
            return Reading(moment, moment)
    return _number(float(text)) if re.fullmatch(r"\d{4,14}(?:\.\d+)?", text) else UNREADABLE


def _number(value: float) -> Reading:
    """Unix time in seconds or milliseconds, a date of eight digits, or a year."""
    if SECONDS_FROM <= value < TOO_LARGE:
        unix = round(value * (1e6 if value < MILLISECONDS_FROM else 1e3))
        return Reading(unix, unix)
    whole = int(value)
    parts = (whole // 10_000, whole // 100 % 100, whole % 100) if whole > 9999 else (whole, 1, 1)
    moment = _moment(parts, "") if 1800 <= parts[0] <= 2200 else None
    return Reading(moment, moment)


def _moment(ymd: _Parts, clock: str) -> Moment:
    """A date with a time of day behind it, or None when there is no such day or no such time."""
    hour = minute = second = micro = 0
    zone: timezone | None = UTC
    if clock.strip():
        match = _CLOCK.match(clock)
        if match is None:
            return None
        half, hours, minutes, seconds, part, latin_half, zone_text = match.groups()
        hour, minute, second = int(hours), int(minutes or 0), int(seconds or 0)
        micro = int((part or "0").ljust(6, "0"))
        if half or latin_half:
            hour = hour % 12 + 12 * bool({half, latin_half} & _AFTERNOON)
        zone = _zone(zone_text)
    try:
        moment = datetime(*ymd, hour % 24, minute, second, micro, tzinfo=zone) + timedelta(days=hour == 24)
    except (ValueError, OverflowError):
        return None
    return (moment - EPOCH) // MICROSECOND if hour <= 24 and zone is not None else None


def _zone(text: str | None) -> timezone | None:
    """A zone of the world, none of which is further than 14 hours from UTC; None for any other."""
    if text is None or text in _ZONES:
        return _ZONES[text]
    hours = int(text[1:3])
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=hours, minutes=int(text[-2:]))) if hours <= 14 else None


def _one(parts: Callable[[re.Match[str]], _Parts]) -> Callable[[re.Match[str]], tuple[_Parts, _Parts]]:
    def both(match: re.Match[str]) -> tuple[_Parts, _Parts]:
        read = parts(match)
        return read, read

    return both


def _either(match: re.Match[str]) -> tuple[_Parts, _Parts]:
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    return (year, first, second), (year, second, first)


_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[_Parts, _Parts]]], ...] = (
    (_ERA, _one(lambda m: (ERAS[m[1]] + (1 if m[2] == "元" else int(m[2])), int(m[3]), int(m[4])))),
    (_NUMERIC, _one(lambda m: (int(m[1]), int(m[3]), int(m[4] or 1)))),
    (_DAY_MONTH, _one(lambda m: (int(m[3]), MONTHS.get(m[2], 0), int(m[1])))),
    (_MONTH_DAY, _one(lambda m: (int(m[3]), MONTHS.get(m[1], 0), int(m[2])))),
    (_EITHER, _either),
)
"""Tried in this order; the first that fits decides. A month of 0 is no month, so the date is unreadable."""
