"""Repair of text that was read in the wrong encoding, and safe normalisation. Both are idempotent.

ftfy (Speer 2019) undoes UTF-8 read as Latin-1, Windows-1252 and their kin. What it leaves alone, and Japanese exports
are full of, is undone here: UTF-8 read as CP932 or EUC-JP, CP932 and EUC-JP read as Latin-1, Windows-1252 or as each
other. A repair is taken only when the bytes decode without a fault and what comes out is plainly Japanese and shorter,
or the punctuation and accents of Latin text.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

MISREADINGS: tuple[tuple[str, str], ...] = (
    ("cp932", "utf-8"),
    ("shift_jis", "utf-8"),
    ("euc_jp", "utf-8"),
    ("euc_jisx0213", "utf-8"),
    ("latin-1", "cp932"),
    ("latin-1", "euc_jp"),
    ("sloppy-windows-1252", "cp932"),
    ("sloppy-windows-1252", "euc_jp"),
    ("cp932", "euc_jp"),
    ("euc_jp", "cp932"),
)
"""(read as, really was)."""

_ODD_KANJI = re.compile(r"[縺繧繝繞郢荳莠譁蛹螟逕蜿髮邵闕陷遞遘邁]")
_HALF_KANA_RUN = re.compile(r"[｡-ﾟ]+")
_SUSPICIOUS = re.compile(r"[縺繧繝郢荳莠譁窶竊｡-ﾟ\x80-\xff�]|[¡-ÿ]{2}")
_FOREIGN_RUN = re.compile(r"[^\x00-\x7f]+(?:[\x20-\x7e]{0,2}[^\x00-\x7f]+)*")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\u200b\u2060\ufeff\ufffe\uffff\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n|\r|\u2028|\u2029|\x85")
_COMBINED = re.compile(r"[^\W\d_][\u0300-\u036f\u3099\u309a]+")
_BLANKS = " \t　"
_KANA_OR_KANJI = re.compile(r"[ぁ-ヿ一-鿿々ー、。「」！？（）]")
_HIRAGANA = re.compile(r"[ぁ-ん]")
_KATAKANA = re.compile(r"[ァ-ヶー]")
_TYPOGRAPHIC = re.compile(r"[‘’“”–—…•·×°£€©®™¡¿«»\u00a0À-ÖØ-öø-ÿŒœŠšŽž]")
_CUT_UP_LATIN = re.compile(r"[窶竊]|(?<=[A-Za-z])[ﾃﾂ]")
REPLACEMENT = "\ufffd"


def repair(text: str) -> str:
    """Undo wrong encodings in a text, as often as it was wronged; clean text comes back as it was."""
    if text.isascii():
        return text
    for _ in range(8):
        repaired = _repair_once(text)
        if repaired == text:
            break
        text = repaired
    return text


def normalise_safely(text: str) -> str:
    """One kind of line end, no control or zero-width characters, wide kana, loose accents joined, ends trimmed.

    What carries meaning stays: `〜` in 10〜20円, full-width letters and digits, emoji with their joiners.
    """
    text = _LINE_END.sub("\n", text)
    text = _CONTROL.sub("", text)
    text = _HALF_KANA_RUN.sub(lambda run: unicodedata.normalize("NFKC", run.group()), text)
    text = _COMBINED.sub(lambda run: unicodedata.normalize("NFC", run.group()), text)
    # Line by line: a pattern for blanks before a line end looks at a long run of them once for each of its places.
    return "\n".join(line.rstrip(_BLANKS) for line in text.split("\n")).strip()


def garbled(text: str) -> bool:
    """Whether a text still holds signs of a wrong encoding that nothing could undo."""
    return REPLACEMENT in text or len(_ODD_KANJI.findall(text)) >= max(3, 0.2 * len(text))


@lru_cache(maxsize=4096)
def _repair_once(text: str) -> str:
    if _SUSPICIOUS.search(text):
        for candidate in _candidates(text):
            if candidate is not None:
                return candidate
    return _by_ftfy(text)


def _candidates(text: str) -> Iterator[str | None]:
    """The whole text undone, else its lines, else its runs of foreign characters."""
    yield _undo(text)
    for pattern in (re.compile(r"[^\n]+"), _FOREIGN_RUN):
        pieces = pattern.sub(lambda match: _undo(match.group()) or match.group(), text)
        yield pieces if pieces != text else None


def _undo(text: str) -> str | None:
    """The text in its true encoding, or None when no misreading explains it."""
    import ftfy.bad_codecs  # noqa: F401 registers sloppy-windows-1252

    best: str | None = None
    for wrong, right in MISREADINGS:
        try:
            candidate = text.encode(wrong).decode(right)
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
        if _better(text, candidate) and (best is None or _japanese(candidate) > _japanese(best)):
            best = candidate
    return best


def _better(before: str, after: str) -> bool:
    """Whether a decoding is worth taking: shorter, plainly Japanese, and far more so than before."""
    if _CONTROL.search(after) or _HALF_KANA_RUN.search(after):
        return False
    foreign = sum(c > "\x7f" for c in after)
    if foreign == len(_TYPOGRAPHIC.findall(after)) > 0 and _CUT_UP_LATIN.search(before):
        return True  # what’s, café: the punctuation and accents of Latin text, read as CP932
    if len(after) >= len(before):
        return False
    if foreign == 0 or len(_KANA_OR_KANJI.findall(after)) < 0.8 * foreign:
        return False
    kana = len(_HIRAGANA.findall(after)) + len(_KATAKANA.findall(after))
    return kana >= 1 and kana >= 0.15 * foreign and _japanese(after) > _japanese(before) + 0.3


def _japanese(text: str) -> float:
    """How much of the non-ASCII text is everyday Japanese: from 0, through 1 for none but kanji, to 2 for all kana."""
    foreign = [c for c in text if c > "\x7f"]
    if not foreign:
        return 0.0
    joined = "".join(foreign)
    odd = len(_ODD_KANJI.findall(joined))
    plain = len(_KANA_OR_KANJI.findall(joined))
    return (plain + len(_HIRAGANA.findall(joined)) + len(_KATAKANA.findall(joined)) - 2 * odd) / len(foreign)


def _by_ftfy(text: str) -> str:
    from ftfy import fix_encoding
    from ftfy.badness import is_bad

    return str(fix_encoding(text)) if is_bad(text) else text
