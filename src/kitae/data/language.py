"""Which language a text is in, from its scripts and its commonest words: Japanese, English, or another one.

Meant for short customer messages. When the evidence is thin the answer is "", which no rule punishes.
"""

import itertools
import re
import tomllib
from collections import Counter
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


@lru_cache(maxsize=1)
def function_words() -> dict[str, frozenset[str]]:
    """Common short words by language. A word of several lists counts for each; only the difference decides."""
    raw = tomllib.loads(files("kitae.data").joinpath("function_words.toml").read_text(encoding="utf-8"))
    return {language: frozenset(words) for language, words in raw.items()}


@lru_cache(maxsize=1)
def _languages_of_word() -> dict[str, tuple[str, ...]]:
    """The languages that have each of the words."""
    known = function_words()
    words = frozenset().union(*known.values())
    return {word: tuple(language for language in known if word in known[language]) for word in words}


def detect_language(text: str) -> str:
    """Give "ja", "en", another ISO 639-1 code, "other" for other scripts, or "" when nothing decides."""
    text = _NO_WORDS.sub(" ", text)
    if text.isascii():
        return _latin_language(text)
    kana, han = len(KANA.findall(text)), len(HAN.findall(text))
    hangul, latin, other = len(HANGUL.findall(text)), len(LATIN.findall(text)), len(OTHER_LETTER.findall(text))
    letters = kana + han + hangul + latin + other
    if not letters:
        return ""
    if hangul >= 0.3 * letters:
        return "ko"
    if other >= 0.5 * letters:
        return "other"
    if kana + han >= 0.2 * letters:
        return _han_language(text, kana, han)
    return _latin_language(text)


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
    """English unless another language's words clearly prevail; a text with no evidence at all stays "en"."""
    words = _WORD.findall(text.casefold().replace("’", "'"))
    if not words:
        return ""
    of_word = _languages_of_word()
    counts = Counter(itertools.chain.from_iterable(of_word[word] for word in words if word in of_word))
    best = max((language for language in function_words() if language != "en"), key=lambda name: counts[name])
    accented = 0 if text.isascii() else sum(bool(_ACCENTED.search(word)) for word in text.casefold().split())
    lead = counts[best] - counts["en"]
    if counts[best] >= 1 and (lead >= 2 or (lead >= 1 and accented >= 1)):
        return best
    if counts["en"] == 0 and len(words) >= 3 and accented >= 0.4 * len(words):
        return "other"
    return "en"
