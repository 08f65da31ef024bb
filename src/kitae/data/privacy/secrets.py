"""Recogniser of secrets: keys and tokens by their issuers' forms, private keys, passwords by label and in URLs."""

import re
from collections.abc import Iterator

from kitae.data.privacy.findings import Finding

_TOKENS = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-[A-Za-z0-9_-]{16,}"
    r"|[sprk]{2}_(?:live|test)_[A-Za-z0-9]{10,}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{12,20}"
    r"|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{8,}"
    r"|AIza[0-9A-Za-z_-]{30,}|hf_[A-Za-z0-9]{16,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|npm_[A-Za-z0-9]{20,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}"
    r")(?![A-Za-z0-9])"
)
_BEARER = re.compile(r"[Bb]earer\s+([A-Za-z0-9._~+/-]{12,}=*)")
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----.*?(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----|$)", re.DOTALL
)
_URL_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@]+:([^\s/@]+)@")
_LABELLED = re.compile(
    r"(?:(?<![A-Za-z])(?:pass ?(?:word|wd|code|phrase)?|pwd|pin(?: ?(?:code|number))?|api[ _-]?(?:key|token)"
    r"|access[ _-]?(?:key|token)|secret(?:[ _-]?(?:key|access[ _-]?key))?|client[ _-]?secret|token)"
    r"|パスワード|パスコード|パス|暗証番号|APIキー|アクセスキー|アクセストークン|シークレット(?:キー)?|トークン|合言葉|ログインPW|PW)"
    r"(?:\s*(?:[:=]|は|が|→|is|was|を)\s*[「『\"'`(]?\s*)"
    r"([!-&*-.0-9:;<=>?@A-Z\[\]^_a-z{|}~/]{4,})",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z]+[.,!?;:]?$|[A-Z][a-z]+[.,!?;:]?$|\[\w+\]?$")


def secret(text: str) -> Iterator[Finding]:
    """Secrets; a word after "password is" counts only when it mixes letters with digits or signs, or is digits."""
    for match in _TOKENS.finditer(text):
        yield Finding("secret", match.start(), match.end(), 100)
    for match in _BEARER.finditer(text):
        yield Finding("secret", match.start(1), match.end(1), 95)
    if "PRIVATE KEY" in text:
        for match in _PRIVATE_KEY.finditer(text):
            yield Finding("secret", match.start(), match.end(), 110)
    if "://" in text:
        for match in _URL_PASSWORD.finditer(text):
            yield Finding("secret", match.start(1), match.end(1), 96)
    for match in _LABELLED.finditer(text):
        value = match.group(1).rstrip(".,;:)")
        if not text[match.end() :].strip() or text[match.end()].isspace():
            value = value.rstrip(".,;:!?)")
        if len(value) >= 4 and not _WORD.match(value) and not value.startswith(("http://", "https://")):
            yield Finding("secret", match.start(1), match.start(1) + len(value), 90)
