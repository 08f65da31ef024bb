"""Text functions for Japanese and English that several rooms share."""

import re
import unicodedata

KANA = re.compile(r"[぀-ヿㇰ-ㇿｦ-ﾟ]")
HAN = re.compile(r"[㐀-䶿一-鿿々〆]")
HANGUL = re.compile(r"[가-힯ᄀ-ᇿ]")
LATIN = re.compile(r"[A-Za-zÀ-ɏ]")
OTHER_LETTER = re.compile(r"[Ѐ-ӿ؀-ۿ฀-๿ऀ-ॿ֐-׿Ͱ-Ͽ]")
SPACES = re.compile(r"\s+")
SENTENCE_END = re.compile(r"[。．.!?！？…」』）)\]】〉》\"'”’♪～〜]\s*$")


def normalise(text: str) -> str:
    """A form for comparing: NFKC, lower case, runs of white space as one space, ends trimmed."""
    return SPACES.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def compact(text: str) -> str:
    """A form for comparing answers whose spaces and punctuation do not matter: letters and digits only."""
    return normalise(text).translate(_COMPACT)


class _Compact(dict[int, int | None]):
    """What `str.translate` makes of a code point, looked up once: a letter, digit or mark stays, the rest goes."""

    def __missing__(self, code: int) -> int | None:
        kept = code if unicodedata.category(chr(code))[0] in "LNM" else None
        self[code] = kept
        return kept


_COMPACT = _Compact()


def ngrams(text: str, size: int) -> set[str]:
    """The set of character n-grams of a text; a shorter text is its own only n-gram, an empty one has none."""
    if len(text) <= size:
        return {text} if text else set()
    return {text[i : i + size] for i in range(len(text) - size + 1)}


def is_japanese(text: str) -> bool:
    """Whether kana or kanji carry the text (a fifth of its letters is enough: Japanese mixes in Latin words)."""
    japanese = len(KANA.findall(text)) + len(HAN.findall(text))
    return japanese > 0 and japanese >= 0.2 * (japanese + len(LATIN.findall(text)))


def ends_sentence(text: str) -> bool:
    """Whether a text ends as sentences end, in Japanese or English."""
    return bool(SENTENCE_END.search(text))
