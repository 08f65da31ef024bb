"""Recogniser of secrets: keys and tokens by their issuers' forms, private keys, passwords by label and in URLs."""

import re
from collections.abc import Iterator

from kitae.data.privacy.findings import Finding

_TOKENS = re.compile(
    r"(?<![A-Za-z0-9_])(?:"
    r"sk-[A-Za-z0-9_-]{16,}"
    r"|[sprk]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9]{16,}"
    r"|(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{12,20}"
    r"|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{20,}|gl(?:pat|rt|dt|ptt)-[A-Za-z0-9_-]{16,}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{8,}|xapp-[0-9]-[A-Za-z0-9-]{16,}"
    r"|AIza[0-9A-Za-z_-]{30,}|ya29\.[0-9A-Za-z_-]{20,}|GOCSPX-[0-9A-Za-z_-]{20,}"
    r"|hf_[A-Za-z0-9]{16,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|npm_[A-Za-z0-9]{20,}|pypi-[A-Za-z0-9_-]{32,}"
    r"|do[opr]_v1_[a-f0-9]{32,}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{24,}|sq0(?:atp|csp)-[0-9A-Za-z_-]{20,}"
    r"|dapi[a-f0-9]{32}|lin_api_[A-Za-z0-9]{32,}|ntn_[A-Za-z0-9]{32,}|r8_[A-Za-z0-9]{30,}|(?:gsk|pplx|nvapi|xai|tvly)[-_][A-Za-z0-9_-]{20,}"
    r"|AGE-SECRET-KEY-1[0-9A-Z]{20,}|key-[0-9a-f]{32}|[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}"
    r")(?![A-Za-z0-9])"
)
_HEADER = re.compile(r"(?:[Bb]earer\s+([A-Za-z0-9._~+/-]{12,}=*)|[Aa]uthorization: ?[Bb]asic\s+([A-Za-z0-9+/]{8,}=*))")
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----.*?"
    r"(?:-----END (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----|$)",
    re.DOTALL,
)
_URL_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@]{0,64}:([^\s/@]{1,128})@")
_LABELLED = re.compile(
    r"(?:(?<![A-Za-z])(?:[A-Z_]{2,30}_)?(?:pass ?(?:word|wd|code|phrase)?|pwd|pin(?: ?(?:code|number))?"
    r"|(?:api|account|access|private|auth|encryption|signing|shared|master|storage)[ _-]?(?:key|token)"
    r"|secret(?:[ _-]?(?:key|access[ _-]?key))?|client[ _-]?secret|token|bearer)"
    r"|パスワード|パスコード|パスフレーズ|暗証番号|(?:API|アクセス|秘密|認証)キー|(?:アクセス|認証)?トークン"
    r"|シークレット(?:キー)?|合言葉|ログインPW|PW)[\"']?"
    # Each blank has one place where it can be matched: a row of signs or blanks is read once, not in every way.
    r"(?P<between>\s*(?:(?:[:=→(「『]|は|が|を|に|(?:is|was|to)(?![A-Za-z]))\s*)+)(?:[「『\"'`(]\s*)?"
    r"(?P<value>[!#-&*+./0-9:<=>?@A-Z^_a-z|~-]{4,})|暗証番号 ?(?P<pin>[0-9]{4,8})(?![0-9])",
    re.IGNORECASE,
)
_SIGN = re.compile("[:=→「『(]")
_DESCRIBED = re.compile(r"[0-9]{1,3}$|[0-9]+-?[a-z]+$|(?:19|20)[0-9]{2}[-/.][0-9]")
_COUNTED = re.compile(r" ?(?:年|桁|文字|回|日|月|時|分|個|つ|%|digits?|char|letters?|days?|hours?|times)")
_MIXED = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])[^!#$%&*+?@^_~|-]*[!#$%&*+?@^_~|-].*[A-Za-z0-9!#$%&*+?@^~|]")
_RANDOM = re.compile(r"(?:[^a-z]*[a-z][^A-Z]*[A-Z]){2}")
"""A value without digits: letters of both cases with a sign inside, or back and forth between the cases."""


def token(text: str) -> Iterator[Finding]:
    """Keys and tokens by the prefixes of those who issue them."""
    for match in _TOKENS.finditer(text):
        yield Finding("secret", match.start(), match.end(), 100, "an issuer's form of key or token")


def header(text: str) -> Iterator[Finding]:
    """Credentials in an HTTP header."""
    for match in _HEADER.finditer(text):
        group = match.lastindex or 1
        yield Finding("secret", match.start(group), match.end(group), 95, "credentials of an HTTP header")


def private_key(text: str) -> Iterator[Finding]:
    """Private keys in PEM, to their end or the end of the text."""
    for match in _PRIVATE_KEY.finditer(text):
        yield Finding("secret", match.start(), match.end(), 110, "a private key in PEM")


def password_in_url(text: str) -> Iterator[Finding]:
    """The password of scheme://user:password@host."""
    for match in _URL_PASSWORD.finditer(text):
        yield Finding("secret", match.start(1), match.end(1), 96, "a password in a link")


def labelled(text: str) -> Iterator[Finding]:
    """What stands after password, token, 暗証番号 …, when it is no plain word and no description such as 4-digit."""
    for match in _LABELLED.finditer(text):
        if match["pin"]:
            yield Finding("secret", match.start("pin"), match.end("pin"), 90, "digits after 暗証番号")
            continue
        value = match["value"].rstrip(".:?/")
        start = match.start("value")
        if _is_secret(value, surely=bool(_SIGN.search(match["between"]))) and not _COUNTED.match(
            text, start + len(value)
        ):
            yield Finding("secret", start, start + len(value), 90, "a value after a word for secrets")


def _is_secret(value: str, *, surely: bool) -> bool:
    """Whether a value is none that a sentence goes on with; after a sign such as = nearly everything is one."""
    if len(value) < 4 or value.startswith(("http://", "https://")):
        return False
    if any(c.isdecimal() for c in value):
        return surely or not _DESCRIBED.match(value)
    return bool(_MIXED.match(value) or (surely and len(value) >= 12 and _RANDOM.match(value)))
