"""Recognisers of places on the net: e-mail, IP and MAC addresses, links."""

import ipaddress
import re
from collections.abc import Iterator

from kitae.data.privacy.findings import Finding

_AT = r"(?:@| ?[\[(](?:at|AT|アット)[\])] ?)"
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9_][A-Za-z0-9._%+'-]*"
    + _AT
    + r"(?:[A-Za-z0-9-]+\.)+(?:[A-Za-z]{2,24}|xn--[a-z0-9-]+)"
    r"(?![A-Za-z0-9])"
)
_IPV4 = re.compile(r"(?<![0-9A-Za-z.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9A-Za-z]|\.[0-9])")
_IPV6 = re.compile(
    r"(?<![0-9A-Za-z:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9A-Fa-f]{0,4})(?![0-9A-Za-z:])"
)
_VERSION_WORD = re.compile(
    r"(?:バージョン|版|ver(?:sion)?\.?|v|firmware|release|section|chapter|clause|§|第) ?$", re.IGNORECASE
)
_MAC = re.compile(
    r"(?<![0-9A-Za-z:.-])(?:[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}"
    r"|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![0-9A-Za-z:.-])"
)
INSIDE_MAC = re.compile(r"[:-][0-9A-Fa-f]{2}[:-]|\.[0-9A-Fa-f]{4}\.")
"""What every MAC address has inside; it begins with what is rare in text, so looking for it is fast."""
_URL = re.compile(
    r"(?:https?|ftp)://[!#-&(-;=?-~]+(?<![.,;:!?)\]])"
    r"|(?<![A-Za-z0-9@._/-])(?:www\.[a-z0-9-]+|[a-z0-9-]{2,})(?:\.[a-z0-9-]+)*"
    r"\.(?:com|org|net|edu|gov|info|biz|io|jp|uk|de|fr|us)(?:/[!#-&(-;=?-~]*)?(?<![.,;:!?)\]])(?![A-Za-z0-9@])",
    re.IGNORECASE,
)


def email(text: str) -> Iterator[Finding]:
    """E-mail addresses, also right next to kana and kanji, and with (at)."""
    for match in _EMAIL.finditer(text):
        yield Finding("email", match.start(), match.end(), 80, "the form of an e-mail address")


def ipv4_address(text: str) -> Iterator[Finding]:
    """IPv4 addresses; four numbers after the word version or section are none."""
    for match in _IPV4.finditer(text):
        if _is_address(match[0]) and not _VERSION_WORD.search(text, max(0, match.start() - 12), match.start()):
            yield Finding("ip_address", match.start(), match.end(), 62, "four numbers up to 255 with dots")


def ipv6_address(text: str) -> Iterator[Finding]:
    """IPv6 addresses."""
    for match in _IPV6.finditer(text):
        if sum(c in "0123456789abcdefABCDEF" for c in match[0]) >= 3 and _is_address(match[0]):
            yield Finding("ip_address", match.start(), match.end(), 62, "the form of an IPv6 address")


def mac_address(text: str) -> Iterator[Finding]:
    """Hardware addresses of 48 bits, as 00:1A:…, 00-1a-… or 001a.2b3c.…."""
    for match in _MAC.finditer(text):
        yield Finding("mac_address", match.start(), match.end(), 64, "six pairs of hexadecimal digits")


def url(text: str) -> Iterator[Finding]:
    """Links, and names of hosts in the commonest top-level domains."""
    for match in _URL.finditer(text):
        yield Finding("url", match.start(), match.end(), 20, "the form of a link")


def _is_address(text: str) -> bool:
    """An address that may be somebody's: not this machine itself, no mask, no broadcast."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or (address.version == 4 and address.is_reserved))
