"""The checks: each looks at a record and says nothing, or why it should go."""

import re
import tomllib
from importlib.resources import files

from kitae.core.records import Record
from kitae.core.text import compact, ends_sentence, is_japanese, normalise
from kitae.data.language import detect_language, same_language
from kitae.data.offence import offence
from kitae.data.repair import garbled
from kitae.data.rules.norms import SHORTEST_UNENDED, Norms, ends_otherwise

_WORDS = tomllib.loads(files("kitae.data").joinpath("placeholders.toml").read_text(encoding="utf-8"))
PLACEHOLDERS = frozenset(_WORDS["answer"])
NO_LICENCE = frozenset(_WORDS["licence"])
_CUT_JA = re.compile(
    r"(?:[、，,・（「『(]|[をがのにへとや]|から|まで|より|ですが|ますが|または|および|また|ので|ため|など(?=[をが]))$"
)
_CUT_EN = re.compile(
    r"(?:[,;(]|\b(?:the|a|an|and|or|but|of|to|in|on|at|for|with|by|from|your|our|is|are|will|can))$", re.IGNORECASE
)
_REPEATED_GRAM = 8
_REPETITION_FROM = 48


def empty_question(record: Record, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001 the table's signature
    """Nothing was asked."""
    return "nothing was asked" if is_placeholder(record.question) else None


def empty_answer(record: Record, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """No answer, or a placeholder in its place. A label may be any word."""
    if norms.task == "classify":
        return None if record.label.strip() else "there is no label"
    if not any(m.role == "assistant" for m in record.messages):
        return "nobody answers in this conversation"
    return "the answer is empty or a placeholder" if is_placeholder(record.answer) else None


def truncated_answer(record: Record, norms: Norms, threshold: float) -> str | None:
    """A cut-off answer: no end of sentence where the source's answers have one, or the start of a longer answer."""
    answer = record.answer.strip()
    if norms.task == "classify" or ends_sentence(answer) or len(answer) < 4:
        return None
    if ends_otherwise(answer):
        return None
    share = norms.sentence_share.get(record.origin.file, 0.0)
    if len(answer) >= SHORTEST_UNENDED and norms.is_start_of_another(answer):
        return "the answer is the beginning of a longer one"
    if share >= threshold:
        return f"the answer does not end as a sentence; {share:.0%} of the answers of this file do"
    if share >= 0.5 and len(answer) >= 12 and (_CUT_JA if is_japanese(answer) else _CUT_EN).search(answer):
        return "the answer ends in the middle of a sentence"
    return None


def wrong_language(record: Record, norms: Norms, threshold: float) -> str | None:
    """A language the recipe does not keep, or an answer in another language than its question.

    A file in which that is the rule (translations) is left alone.
    """
    asked = record.language or detect_language(record.question)
    if asked and asked not in norms.languages:
        return f"the question is in '{asked}', the recipe keeps {', '.join(norms.languages)}"
    if norms.task == "classify":
        return None
    answered = detect_language("\n".join(m.content for m in record.messages if m.role == "assistant"))
    if answered and answered not in norms.languages:
        return f"the answer is in '{answered}', the recipe keeps {', '.join(norms.languages)}"
    if same_language(asked, answered) or norms.translated_share.get(record.origin.file, 0.0) >= threshold:
        return None
    return f"a question in '{asked}' is answered in '{answered}'"


def offensive(record: Record, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """Insults, threats, slurs and sexual abuse by our own lexicon."""
    score, kinds = 0.0, set()
    for message in record.messages:
        weight, found = offence(message.content)
        score += weight
        kinds |= set(found)
    return f"offensive text ({', '.join(sorted(kinds))}), score {score:g}" if score >= threshold else None


def no_licence(record: Record, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """Nobody says that this record may be used."""
    stated = normalise(record.terms.licence)
    if not stated:
        return "no licence: neither the row nor its source states one"
    return f"no licence: the row says '{record.terms.licence}'" if stated in NO_LICENCE else None


def too_short(record: Record, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """A question with fewer letters and digits than the threshold."""
    letters = len(compact(record.question))
    return f"the question has {letters} letters or digits" if letters < threshold else None


def too_long(record: Record, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """More characters in all turns together than the threshold."""
    size = sum(len(message.content) for message in record.messages)
    return f"{size} characters" if size > threshold else None


def repetition(record: Record, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """A turn that says the same again and again: share of its 8-character pieces that repeat an earlier one."""
    for message in record.messages:
        text = message.content
        if len(text) < _REPETITION_FROM:
            continue
        pieces = [text[i : i + _REPEATED_GRAM] for i in range(len(text) - _REPEATED_GRAM + 1)]
        share = 1 - len(set(pieces)) / len(pieces)
        if share > threshold:
            return f"{share:.0%} of a turn repeats itself"
    return None


def answer_equals_question(record: Record, norms: Norms, threshold: float) -> str | None:
    """The answer only says the question back."""
    asked = compact(record.question)
    if norms.task == "classify" or len(asked) < threshold or asked != compact(record.answer):
        return None
    return "the answer is the question"


def mojibake(record: Record, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """Text read in a wrong encoding that nothing could undo (what could be undone was, see `repair`)."""
    return "unreadable characters that cannot be repaired" if any(garbled(m.content) for m in record.messages) else None


def is_placeholder(text: str) -> bool:
    """Whether a text is empty or stands for "nothing yet"."""
    plain = normalise(text)
    return plain in PLACEHOLDERS or not plain.strip("()[]<>-–—―ー_.…・*/~=#?？!！。、 ")
