"""Checks of what a record holds at all: empty, too short or long, the same again and again, hardly any words."""

import re
import unicodedata
from functools import lru_cache

from kitae.core.text import compact, normalise
from kitae.data.repair import REPLACEMENT, garbled
from kitae.data.rules.lexicon import word_list
from kitae.data.rules.norms import Norms
from kitae.data.rules.seen import Seen

_AROUND = "()[]<>-–—―ー_.…・*/~=#?？!！。、 "
_LONGEST_PLACEHOLDER = 24
_LETTER = re.compile(r"[^\W_]")
_SIGNS = re.compile(r"[^\w\s]+")
_ASCII_SIGNS = bytes(code for code in range(128) if _SIGNS.match(chr(code)))
_LINK = re.compile(r"(?:https?://|www\.)[!-~]+")
_REPEATED_GRAM = 8
_REPETITION_FROM = 48
_PROBES = 6
_SYMBOLS_FROM = 20
_LINKS_FROM = 3
_WINDOW = 2_000
"""A raw text is looked at in pieces of so many characters: in a long one many short pieces occur again by nature."""
_UNIT = re.compile(r"[^\n。！？.!?]*[\n。！？.!?]*")
_UNITS_FROM = 4


def empty_question(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001 the table's signature
    """Nothing was asked."""
    return "nothing was asked" if is_placeholder(seen.question) else None


def empty_answer(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """No answer, or a placeholder in its place. A label may be any word, and a call of a tool is an answer."""
    if seen.is_label:
        return None if seen.record.label.strip() else "there is no label"
    if seen.last is None:
        return "nobody answers in this conversation"
    if not seen.last.tool_calls and is_placeholder(seen.answer):
        return "the answer is empty or a placeholder"
    rejected = seen.record.rejected
    if rejected and not rejected[-1].tool_calls and is_placeholder(rejected[-1].content):
        return "the rejected answer is empty or a placeholder"
    return None


def empty_document(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """A raw text without a letter."""
    return None if _LETTER.search(seen.text) else "the document has no letter and no figure"


def no_licence(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """Nobody says that this record may be used."""
    return _no_licence(seen.record.terms.licence)


def too_short(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """A question with fewer letters and digits than the threshold."""
    return _too_few(seen.question, "question", threshold)


def short_document(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """A raw text with fewer letters and digits than the threshold."""
    return _too_few(seen.text, "document", threshold)


def too_long(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """More characters in all turns together than the threshold, with either answer of a pair."""
    size = sum(len(message.content) for message in seen.record.messages)
    if seen.record.rejected:
        size += max(0, sum(map(len, seen.worse)) - len(seen.answer))
    return f"{size} characters" if size > threshold else None


def long_document(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """A raw text of more characters than the threshold."""
    return f"{len(seen.text)} characters" if len(seen.text) > threshold else None


def repetition(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """A turn that says the same again and again: share of its 8-character pieces that repeat an earlier one."""
    if seen.is_document:
        windows = [seen.text[at : at + _WINDOW] for at in range(0, len(seen.text), _WINDOW)]
        share = sum(_repeated(text) * len(text) for text in windows) / max(1, len(seen.text))
        return f"{share:.0%} of the text repeats what stands close by" if share > threshold else None
    for text in seen.said:
        share = _repeated(text)
        if share > threshold:
            return f"{share:.0%} of a turn repeats itself"
    return None


def repeated_lines(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """A raw text of which lines or sentences stood there before; by characters (Rae et al. 2021, section A1.1)."""
    units = [unit for unit in map(str.strip, _UNIT.findall(seen.text)) if unit]
    if len(units) < _UNITS_FROM:
        return None
    size = sum(map(len, units))
    share = (size - sum(map(len, set(units)))) / size
    return f"{share:.0%} of the text are lines or sentences that stood there before" if share > threshold else None


def symbols(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """A turn that is mostly signs: neither letters, nor digits, nor spaces."""
    for text in seen.said:
        if len(text) < _SYMBOLS_FROM:
            continue
        signs = _signs(text)
        if signs > threshold * len(text):
            return f"{signs / len(text):.0%} of a turn are signs"
    return None


def links(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """A turn that is mostly links, of which it has several: a single link may be the answer."""
    if "://" not in seen.text and "www." not in seen.text:
        return None
    for text in seen.said:
        found = _LINK.findall(text)
        share = sum(map(len, found)) / len(text)
        if len(found) >= _LINKS_FROM and share > threshold:
            return f"{share:.0%} of a turn are links"
    return None


def answer_equals_question(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """The answer only says the question back."""
    if seen.is_undesired or _first_letter(seen.question) != _first_letter(seen.answer):
        return None
    asked = compact(seen.question)
    return "the answer is the question" if len(asked) >= threshold and asked == compact(seen.answer) else None


def no_preference(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """The chosen and the rejected answer of a pair say the same."""
    rejected = seen.record.rejected
    if not rejected or compact(rejected[-1].content) != compact(seen.answer):
        return None
    return "the rejected answer is the chosen one"


def mojibake(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """Text read in a wrong encoding that nothing could undo (what could be undone was, see `repair`)."""
    if seen.is_document:
        # One unreadable character in some pages is no reason to lose a book.
        unreadable = seen.text.count(REPLACEMENT) >= seen.thousands or garbled(seen.text.replace(REPLACEMENT, ""))
    else:
        unreadable = any(garbled(text) for text in (*seen.said, *seen.worse) if not text.isascii())
    return "unreadable characters that cannot be repaired" if unreadable else None


def is_placeholder(text: str) -> bool:
    """Whether a text is empty or stands for "nothing yet"."""
    if len(text) > _LONGEST_PLACEHOLDER and text[0].isalpha() and text[0] not in _AROUND:
        return False
    plain = normalise(text)
    return plain in _placeholders() or not plain.strip(_AROUND)


@lru_cache(maxsize=1)
def _placeholders() -> frozenset[str]:
    return frozenset(word_list("placeholders")["answer"])


@lru_cache(maxsize=1024)
def _no_licence(licence: str) -> str | None:
    stated = normalise(licence)
    if not stated:
        return "no licence: neither the row nor its source states one"
    return f"no licence: the row says '{licence}'" if stated in word_list("placeholders")["licence"] else None


def _first_letter(text: str) -> str:
    found = _LETTER.search(text)
    return unicodedata.normalize("NFKC", found.group()).casefold()[:1] if found else ""


def _too_few(text: str, what: str, threshold: float) -> str | None:
    enough = 0
    for character in text:
        enough += character.isalnum()
        if enough >= threshold:
            return None
    letters = len(compact(text))
    return f"the {what} has {letters} letters or digits" if letters < threshold else None


def _repeated(text: str) -> float:
    """The share of the pieces of a text that repeat an earlier one; 0 for a short text."""
    if len(text) < _REPETITION_FROM or not _may_repeat(text):
        return 0.0
    pieces = [text[i : i + _REPEATED_GRAM] for i in range(len(text) - _REPEATED_GRAM + 1)]
    return 1 - len(set(pieces)) / len(pieces)


def _may_repeat(text: str) -> bool:
    """Whether any of some pieces of a text occurs twice: of a text that repeats itself, most do."""
    step = max(1, (len(text) - _REPEATED_GRAM) // _PROBES)
    for at in range(0, len(text) - _REPEATED_GRAM + 1, step):
        piece = text[at : at + _REPEATED_GRAM]
        if text.find(piece) != at or text.find(piece, at + 1) > 0:
            return True
    return False


def _signs(text: str) -> int:
    """How many characters of a text are neither letters, nor figures, nor spaces."""
    if text.isascii():
        return len(text) - len(text.encode().translate(None, _ASCII_SIGNS))
    return sum(map(len, _SIGNS.findall(text)))
