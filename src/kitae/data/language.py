"""Which language a text is in, from its scripts and its commonest words: Japanese, English, or another one.

Meant for short customer messages. When the evidence is thin the answer is "", which no rule punishes.
"""

import re
import tomllib
from collections import defaultdict
from functools import lru_cache
from importlib.resources import files

from kitae.core.text import HAN, HANGUL, KANA, LATIN, OTHER_LETTER

_WORD = re.compile(r"[a-zß-ÿœ']+")
_NO_WORDS = re.compile(
    r"https?://[!-~]+|[\w.+-]+@[\w.-]+|`[^`]*`|\[[a-z_]+\]|[A-Za-z0-9_+/=.-]*\d[A-Za-z0-9_+/=.-]*|[!-~]{24,}", re.ASCII
)
"""Links, addresses, codes and what privacy put in their place say nothing about the language."""

_CHINESE_ONLY = re.compile(
    r"[们这吗么请问预订时间说谢给对从还让种样钱买卖开关门车电话点钟员务过进动边应该费线网热气饭馆岁厅]"
    r"|[嗎呢吧您哪啊喔]|可以|什麼|怎麼|我們|我们|你好|謝謝"
)
_CHINESE_MARK = re.compile(
    r"[吗嗎呢吧您们們这這哪啊你]|可以|什[么麼]|怎[么麼]|(?<![自怪])我(?![慢儘流利孫])|請問|请问|謝謝|谢谢"
)
_CHINESE_TOO = re.compile(r"[的他个房没楼几]")
"""Common in Chinese and used in Japanese, too (目的, 他社, 暖房): they only strengthen what speaks for itself."""
_ACCENTED = re.compile(r"[À-ÖØ-öø-ɏ¿¡]")


_KANA, _HAN, _HANGUL, _LATIN, _OTHER = (
    re.compile(f"(?:{letter.pattern})+") for letter in (KANA, HAN, HANGUL, LATIN, OTHER_LETTER)
)
"""Runs of letters: there are far fewer of them than letters."""

_MARK = re.compile(r"[@`\[0-9]")
_LONG_RUN = re.compile(r"[!-~]{24}")
"""Without these and without a link there is nothing for `_NO_WORDS` to take out."""


@lru_cache(maxsize=1)
def function_words() -> dict[str, frozenset[str]]:
    """Common short words by language. A word of several lists counts for each; only the difference decides."""
    raw = tomllib.loads(files("kitae.data").joinpath("function_words.toml").read_text(encoding="utf-8"))
    return {language: frozenset(words) for language, words in raw.items()}


@lru_cache(maxsize=1)
def _foreign() -> tuple[str, ...]:
    """The languages other than English; the first wins a draw."""
    return tuple(language for language in function_words() if language != "en")


@lru_cache(maxsize=1)
def _foreign_words() -> dict[str, tuple[str, ...]]:
    """Function word to the languages other than English that have it."""
    words: dict[str, list[str]] = defaultdict(list)
    for language in _foreign():
        for word in function_words()[language]:
            words[word].append(language)
    return {word: tuple(languages) for word, languages in words.items()}


def _letters(run: re.Pattern[str], text: str) -> int:
    return len("".join(run.findall(text)))


def detect_language(text: str) -> str:
    """Give "ja", "en", another ISO 639-1 code, "other" for other scripts, or "" when nothing decides."""
    if _MARK.search(text) or _LONG_RUN.search(text) or "://" in text:
        text = _NO_WORDS.sub(" ", text)
    return _latin_language(text) if text.isascii() else _by_script(text)


def _by_script(text: str) -> str:
    kana, han = _letters(_KANA, text), _letters(_HAN, text)
    if kana + han > 0.7 * len(text):
        return _han_language(text, kana, han)
    hangul, latin, other = _letters(_HANGUL, text), _letters(_LATIN, text), _letters(_OTHER, text)
    letters = kana + han + hangul + latin + other
    if not letters:
        return ""
    if hangul >= 0.3 * letters:
        return "ko"
    if other >= 0.5 * letters:
        return "other"
    return _han_language(text, kana, han) if kana + han >= 0.2 * letters else _latin_language(text)


def primary_subtag(tag: str) -> str:
    """The language of a tag as people write them, in lower case: "ja" of `ja-JP`, `ja_JP` and `JA`."""
    return re.split(r"[-_]", tag.strip().casefold(), maxsplit=1)[0]


def same_language(one: str, other: str) -> bool:
    """Whether two detected languages do not contradict each other."""
    return not one or not other or one == other


def _han_language(text: str, kana: int, han: int) -> str:
    """Japanese has kana in almost every sentence; Chinese has none but the stray の of a brand name."""
    if kana > 0.1 * (kana + han):
        return "ja"
    marks = len(_CHINESE_MARK.findall(text)) + len(_CHINESE_ONLY.findall(text))
    if marks and (marks + len(_CHINESE_TOO.findall(text)) >= 2 or (kana == 0 and han >= 4)):
        return "zh"
    return "ja" if kana else ""


def _latin_language(text: str) -> str:
    """English unless another language's words clearly prevail; a text with no evidence at all stays "en".

    Each word counts once: in a sum, "x per y per z" is not Italian.
    """
    words = _WORD.findall(text.casefold().replace("’", "'"))
    if not words:
        return ""
    different = set(words)
    known = _foreign_words()
    english = len(function_words()["en"] & different)
    counts = dict.fromkeys(_foreign(), 0)
    for word in known.keys() & different:
        for language in known[word]:
            counts[language] += 1
    best = max(counts, key=counts.__getitem__)
    accented = 0 if text.isascii() else sum(bool(_ACCENTED.search(word)) for word in text.casefold().split())
    lead = counts[best] - english
    if counts[best] >= 1 and (lead >= 2 or (lead >= 1 and accented >= 1)):
        return best
    if english == 0 and len(words) >= 3 and accented >= 0.4 * len(words):
        return "other"
    return "en"
