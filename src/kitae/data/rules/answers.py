"""Checks of answers: cut off, in another language, a model that speaks of itself."""

import re

from kitae.core.text import is_japanese
from kitae.data.language import detect_language, same_language
from kitae.data.rules.lexicon import lexicon
from kitae.data.rules.norms import SHORTEST_UNENDED, Norms, ends_otherwise, has_end
from kitae.data.rules.seen import Seen

_CUT_JA = re.compile(
    r"(?:[、，,・（「『(]|[をがのにへとや]|から|まで|より|ですが|ますが|または|および|また|ので|ため|など(?=[をが]))$"
)
_SPOKEN_JA = re.compile(r"(?:です|ます|でした|ました|ません|でしょう)(?:の|が|けど|けれど|から|ので)$")
"""As people end sentences when they speak; nothing is missing."""
_CUT_EN = re.compile(
    r"(?:[,(]|\b(?:the|a|an|and|or|but|of|to|in|on|at|for|with|by|from|your|our|is|are|will|can))$", re.IGNORECASE
)
_FENCE = "```"


def truncated_answer(seen: Seen, norms: Norms, threshold: float) -> str | None:
    """A cut-off answer: code without an end, or no end of sentence where the source's answers have one."""
    answer = "" if seen.is_undesired else seen.answer.strip()
    if _FENCE in answer and answer.count(_FENCE) % 2:
        return "the answer ends within a block of code"
    if has_end(answer) or len(answer) < 4 or ends_otherwise(answer):
        return None
    share = norms.sentence_share.get(seen.record.origin.file, 0.0)
    if len(answer) >= SHORTEST_UNENDED and norms.is_start_of_another(answer):
        return "the answer is the beginning of a longer one"
    if share >= threshold:
        return f"the answer does not end as a sentence; {share:.0%} of the answers of this file do"
    if share >= 0.5 and len(answer) >= 12 and _breaks_off(answer):
        return "the answer ends in the middle of a sentence"
    return None


def _breaks_off(answer: str) -> bool:
    """Whether the last words of an answer want others behind them."""
    if is_japanese(answer):
        return _CUT_JA.search(answer) is not None and _SPOKEN_JA.search(answer) is None
    return _CUT_EN.search(answer) is not None


def wrong_language(seen: Seen, norms: Norms, threshold: float) -> str | None:
    """A language the recipe does not keep, or an answer in another language than its question.

    A file in which that is the rule (translations) is left alone.
    """
    asked = seen.record.language or detect_language(seen.text if seen.is_document else seen.question)
    if asked and asked not in norms.languages:
        what = "text" if seen.is_document else "question"
        return f"the {what} is in '{asked}', the recipe keeps {', '.join(norms.languages)}"
    if seen.is_label or seen.is_document:
        return None
    answered = detect_language(seen.answers)
    if answered and answered not in norms.languages:
        return f"the answer is in '{answered}', the recipe keeps {', '.join(norms.languages)}"
    rejected = {language for language in map(detect_language, seen.worse) if language} - set(norms.languages)
    if rejected:
        return f"the rejected answer is in '{min(rejected)}', the recipe keeps {', '.join(norms.languages)}"
    if same_language(asked, answered) or norms.translated_share.get(seen.record.origin.file, 0.0) >= threshold:
        return None
    return f"a question in '{asked}' is answered in '{answered}'"


def refusal(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001 the table's signature
    """An answer in which a language model declines or speaks of itself, by our own list."""
    if seen.found.isdisjoint(lexicon("refusal").needles):
        return None
    found = next(lexicon("refusal").matches(seen.answers, seen.found), None)
    return f"the answer {found.kind}: “{' '.join(found.text.split())[:60]}”" if found else None
