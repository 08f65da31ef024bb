"""Repair of text that was read in the wrong encoding, and safe normalisation. Both are idempotent.

ftfy (Speer 2019) undoes UTF-8 read as Latin-1, Windows-1252 and their kin. What it leaves alone, and Japanese exports
are full of, is undone here: UTF-8 read as CP932 or EUC-JP, CP932 and EUC-JP read as Latin-1, Windows-1252 or as each
other, ISO-2022-JP that was not decoded at all. A repair is taken only when the bytes decode without a fault and what
comes out is plainly Japanese and shorter, or the punctuation and accents of Latin text.

`repair` never makes a text longer, and `put_right` never more than `LONGEST` times as long. Clean text is recognised by
one look at its characters.
"""

import re
import unicodedata
from collections.abc import Iterator

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

LONGEST = 3
"""A ligature or a presentation form becomes at most so many characters."""
_ROUNDS = 64


def _expanded(first: int, last: int) -> str:
    """The characters of a range that NFKC may replace: by one to three others, no space among them."""
    chosen = []
    for character in map(chr, range(first, last + 1)):
        form = unicodedata.normalize("NFKC", character)
        if form != character and len(form) <= LONGEST and " " not in form:
            chosen.append(character)
    return "".join(chosen)


_FORMS = (
    _expanded(0xFB00, 0xFB4F)  # Latin, Armenian and Hebrew ligatures, as PDF files give them
    + _expanded(0xFB50, 0xFDFF)  # Arabic presentation forms
    + _expanded(0xFE70, 0xFEFE)
    + _expanded(0xFF61, 0xFF9F)  # half-width kana
    + _expanded(0xFFA1, 0xFFDC)  # half-width Hangul
)
_ODD_KANJI = re.compile(r"[縺繧繝繞郢荳莠譁蛹螟逕蜿髮邵闕陷遞遘邁]")
_HALF_KANA_RUN = re.compile(r"[｡-ﾟ]+")
_JAPANESE_MISREAD = r"縺繧繝郢荳莠譁窶竊｡-ﾟ\x80-\xff�"
_SUSPICIOUS = re.compile(rf"[{_JAPANESE_MISREAD}]")
_FTFY_LOOKS_AT = "Œ-œŠ-šŸŽ-žĀ-ſƀ-ɏˆ-˝̀-ͯͰ-ӿ†‡‰₧€⁄№™∂∆∏∑√∞∩∫≈≠≡≤≥⌐│┌┐┘├┤┬┼═-╬▀▄█▌▐░▒▓◊\uf8ffﬁﬂ"
"""Every pattern of its heuristic (ftfy.badness) needs a character of these, of Latin-1, or U+FFFD."""
_DOUBTFUL = re.compile(rf"[{_JAPANESE_MISREAD}{_FTFY_LOOKS_AT}]")
_FOREIGN_RUN = re.compile(r"[^\x00-\x7f]+(?:[\x20-\x7e]{0,2}[^\x00-\x7f]+)*")
_LINE = re.compile(r"[^\n]+")
_UNDECODED_JIS = re.compile(r"\x1b\$[@B]((?:[\x21-\x7e]{2})+)\x1b\([BJ]")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\xad\u200b\u2060\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)
_SPACE = re.compile(r"[\xa0\u2000-\u200a\u202f\u205f]")
"""Spaces of another width that say nothing more; the ideographic one does."""
_LINE_END = re.compile(r"\r\n|\r|\u2028|\u2029|\x85")
_FORM_RUN = re.compile(f"[{re.escape(_FORMS)}]+")
_MARK = re.compile(r"[\u0300-\u036f\u3099\u309a]")
_COMBINED = re.compile(r"[^\W\d_][\u0300-\u036f\u3099\u309a]+")
_TRAILS = (" \n", "\t\n", "　\n")
_BLANKS = " \t　"
_KANA_OR_KANJI = re.compile(r"[ぁ-ヿ一-鿿々ー、。「」！？（）]")
_HIRAGANA = re.compile(r"[ぁ-ん]")
_KATAKANA = re.compile(r"[ァ-ヶー]")
_TYPOGRAPHIC = re.compile(r"[‘’“”–—…•·×°£€©®™¡¿«»\u00a0À-ÖØ-öø-ÿŒœŠšŽž]")
_CUT_UP_LATIN = re.compile(r"[窶竊]|(?<=[A-Za-z])[ﾃﾂ]")
REPLACEMENT = "\ufffd"


def put_right(text: str) -> tuple[str, bool]:
    """The text repaired and normalised, and whether it had been read in a wrong encoding. Idempotent."""
    misread = False
    for _ in range(_ROUNDS):
        repaired = repair(text)
        misread = misread or repaired != text
        clean = normalise_safely(repaired)
        if clean == text:
            break
        text = clean
    return text, misread


def repair(text: str) -> str:
    """Undo wrong encodings in a text, as often as it was wronged; clean text comes back as it was."""
    for _ in range(_ROUNDS):
        repaired = _repair_once(text)
        if repaired == text:
            break
        text = repaired
    return text


def normalise_safely(text: str) -> str:
    """One kind of line end, no control or invisible characters, wide kana, ligatures apart, accents joined, trimmed.

    What carries meaning stays: `〜` in 10〜20円, full-width letters and digits, ² and ①, emoji with their joiners.
    """
    if not text.replace("\n", "").isprintable():
        text = _LINE_END.sub("\n", text)
        text = _CONTROL.sub("", text)
        text = _SPACE.sub(" ", text)
    if not text.isascii():
        text = _FORM_RUN.sub(lambda run: unicodedata.normalize("NFKC", run.group()), text)
        if _MARK.search(text):
            text = _COMBINED.sub(lambda run: unicodedata.normalize("NFC", run.group()), text)
    text = text.strip()
    if not any(end in text for end in _TRAILS):
        return text
    # Line by line: a pattern for blanks before a line end looks at a long run of them once for each of its places.
    return "\n".join(line.rstrip(_BLANKS) for line in text.split("\n"))


def garbled(text: str) -> bool:
    """Whether a text still holds signs of a wrong encoding that nothing could undo."""
    return REPLACEMENT in text or len(_ODD_KANJI.findall(text)) >= max(3, 0.2 * len(text))


def _repair_once(text: str) -> str:
    if text.isascii():
        return _UNDECODED_JIS.sub(_jis, text) if "\x1b$" in text else text
    if not _DOUBTFUL.search(text):
        return text
    if _SUSPICIOUS.search(text):
        for candidate in _candidates(text):
            if candidate is not None:
                return candidate
    return _LINE.sub(_by_ftfy, text)


def _jis(run: re.Match[str]) -> str:
    """What ISO-2022-JP wrote with escapes; as it stands when it is none."""
    try:
        return run.group().encode("ascii").decode("iso2022_jp")
    except UnicodeDecodeError:
        return run.group()


def _candidates(text: str) -> Iterator[str | None]:
    """The whole text undone, else its lines, else its runs of foreign characters."""
    yield _undo(text)
    for pattern in (_LINE, _FOREIGN_RUN):
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


def _by_ftfy(line: re.Match[str]) -> str:
    from ftfy import fix_encoding
    from ftfy.badness import is_bad

    text = line.group()
    return str(fix_encoding(text)) if is_bad(text) else text
