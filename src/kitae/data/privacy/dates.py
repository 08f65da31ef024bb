"""Recognisers of birth dates, and of any date for those who want dates gone too."""

import re
from collections.abc import Iterator

from kitae.data.privacy.findings import Finding, near

MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November"),
    *("December", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
"""Twelve in full, then twelve cut short."""
_MONTHS = rf"(?:{'|'.join(MONTH_NAMES)}|Sept)\.?"
_KANJI = "[元〇零一二三四五六七八九十]"
_DAY_JA = rf"(?: ?[0-9]{{1,2}} ?月 ?[0-9]{{1,2}} ?日|{_KANJI}{{1,3}}月{_KANJI}{{1,3}}日)"
_DATE = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9][/.-])(?:"
    rf"(?:(?:19|20)[0-9]{{2}}|[一二]{_KANJI}{{3}}) ?年{_DAY_JA}"
    r"|(?:19|20)[0-9]{2}([/.-])[0-9]{1,2}\1[0-9]{1,2}"
    rf"|(?:明治|大正|昭和|平成|令和|[MTSHR]\.?) ?(?:(?:[0-9]{{1,2}}|{_KANJI}{{1,3}}) ?年{_DAY_JA}"
    r"|[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{1,2})"
    r"|[0-9]{1,2}([/.-])[0-9]{1,2}\2(?:19|20)?[0-9]{2}"
    rf"|{_MONTHS} ?[0-9]{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)[0-9]{{2}}"
    rf"|[0-9]{{1,2}}(?:st|nd|rd|th)?(?: of)?[ -]{_MONTHS},?[ -](?:19|20)[0-9]{{2}}"
    r")(?![0-9A-Za-z])(?![/.-][0-9])"
)
_BARE = re.compile(r"(?<![0-9A-Za-z])(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?![0-9A-Za-z])")
_YEAR = re.compile(r"(?<![0-9A-Za-z$€£¥])(?<![0-9][-/.,])(?:19|20)[0-9]{2}(?![0-9A-Za-z])(?![-/.,][0-9])")
_BIRTH_WORD = re.compile(
    r"生年月日|誕生日|(?:生|産)まれ|^ ?生|出生|(?<![A-Za-z])(?:born|birth ?(?:day|date)?|b\.)(?![a-z])|DOB|D\.O\.B"
    r"|(?<![a-z])dob(?![a-z])|Born|Birth"
)
_CLOSED_WORD = re.compile(r"開業|創業|設立|opened|founded|established", re.IGNORECASE)


def birth_date(text: str) -> Iterator[Finding]:
    """Whole dates (with a year) beside a word of birth; other dates are nobody's."""
    for pattern in (_DATE, _BARE):
        for match in pattern.finditer(text):
            start, end = match.span()
            if near(text, start, end, _BIRTH_WORD, before=24, after=8) and not near(
                text, start, end, _CLOSED_WORD, before=12, after=6
            ):
                yield Finding("birth_date", start, end, 65, "a date beside a word of birth")


def date(text: str) -> Iterator[Finding]:
    """Whole dates and single years, whatever they are about."""
    for match in _DATE.finditer(text):
        yield Finding("date", match.start(), match.end(), 22, "a date")
    for match in _YEAR.finditer(text):
        yield Finding("date", match.start(), match.end(), 21, "a year")
