"""Rules: each looks at a record and says nothing, or why it should go. RULES is the table; the recipe sets thresholds.

Some faults only show against the rest: an answer without a full stop is cut off in a source whose answers all have
one, and ordinary in a source of chat lines. `Norms` holds what was learnt from the data before any rule is asked.
"""

import re
import tomllib
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from kitae.core.records import Record
from kitae.core.text import compact, ends_sentence, is_japanese, normalise
from kitae.data.language import detect_language, same_language
from kitae.data.offence import offence
from kitae.data.repair import garbled
from kitae.errors import RecipeError, UnknownName

_WORDS = tomllib.loads(files("kitae.data").joinpath("placeholders.toml").read_text(encoding="utf-8"))
PLACEHOLDERS = frozenset(_WORDS["answer"])
NO_LICENCE = frozenset(_WORDS["licence"])
_LINK_END = re.compile(r"https?://\S+$|\S+@\S+\.\w+$|```$")
_BARE_FIGURE = re.compile(r"[^\s]{0,6}?\d[\d:,./\-]*\s*(?:円|時|分|人|個|日|%|yen|am|pm|km|m|kg)?$", re.IGNORECASE)
_CUT_JA = re.compile(
    r"(?:[、，,・（「『(]|[をがのにへとや]|から|まで|より|ですが|ますが|または|および|また|ので|ため|など(?=[をが]))$"
)
_CUT_EN = re.compile(
    r"(?:[,;(]|\b(?:the|a|an|and|or|but|of|to|in|on|at|for|with|by|from|your|our|is|are|will|can))$", re.IGNORECASE
)
_REPEATED_GRAM = 8
_REPETITION_FROM = 48


@dataclass(frozen=True)
class Norms:
    """What the data itself says is normal. Shares are of the answers of one file."""

    task: str
    languages: tuple[str, ...]
    sentence_share: Mapping[str, float]
    """File to the share of its answers that end as sentences end."""
    translated_share: Mapping[str, float]
    """File to the share of its answers that are in another language than their question."""
    answers: Sequence[str]
    """All answers, sorted: a cut-off answer stands right before the whole one."""

    def is_start_of_another(self, answer: str) -> bool:
        """Whether a longer answer of the data begins with this one."""
        at = bisect_left(self.answers, answer)
        while at < len(self.answers) and self.answers[at] == answer:
            at += 1
        return at < len(self.answers) and self.answers[at].startswith(answer)


Check = Callable[[Record, Norms, float], str | None]


@dataclass(frozen=True)
class Rule:
    """A check that returns a reason or None, and what its threshold means."""

    check: Check
    default: float | bool
    """Its threshold, or True where there is nothing to set."""
    meaning: str


def learn_norms(records: Sequence[Record], *, task: str, languages: Sequence[str]) -> Norms:
    """Measure the norms on all records of a dataset."""
    ends: dict[str, list[bool]] = defaultdict(list)
    crossed: dict[str, list[bool]] = defaultdict(list)
    for record in records:
        answer = record.answer.strip()
        if not compact(answer):
            continue
        ends[record.origin.file].append(ends_sentence(answer))
        if task == "chat":
            crossed[record.origin.file].append(not same_language(record.language, detect_language(answer)))
    return Norms(
        task=task,
        languages=tuple(languages),
        sentence_share={file: sum(flags) / len(flags) for file, flags in ends.items()},
        translated_share={file: sum(flags) / len(flags) for file, flags in crossed.items()},
        answers=sorted({record.answer.strip() for record in records}),
    )


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
    if _LINK_END.search(answer) or _BARE_FIGURE.fullmatch(answer):
        return None
    share = norms.sentence_share.get(record.origin.file, 0.0)
    if len(answer) >= 8 and norms.is_start_of_another(answer):
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


RULES: dict[str, Rule] = {
    "empty_question": Rule(empty_question, True, "nothing was asked, or only a placeholder"),
    "empty_answer": Rule(empty_answer, True, "no answer, or only a placeholder (-, N/A, TBD, 未記入)"),
    "no_licence": Rule(no_licence, True, "neither the row nor its source says on what licence it may be used"),
    "mojibake": Rule(mojibake, True, "wrong encoding that cannot be undone"),
    "wrong_language": Rule(wrong_language, 0.5, "not in data.languages, or answered in another language than asked; "
                           "a file with at least this share of such rows holds translations and is left alone"),
    "offensive": Rule(offensive, 1.0, "score of the ja/en lexicon from which a record goes"),
    "too_short": Rule(too_short, 2, "fewest letters and digits of a question"),
    "too_long": Rule(too_long, 20_000, "most characters of a conversation"),
    "repetition": Rule(repetition, 0.6, "largest share of a turn that repeats itself"),
    "answer_equals_question": Rule(answer_equals_question, 4, "fewest letters from which an echo counts"),
    "truncated_answer": Rule(truncated_answer, 0.85, "share of a file's answers that end as sentences, from which one "
                             "that does not is cut off"),
}  # fmt: skip
"""In the order in which they are asked; the first reason counts."""


def chosen_rules(clean: Mapping[str, bool | float]) -> dict[str, float]:
    """The rules to ask with their thresholds: `clean` maps a name to false, true or a threshold.

    Raises `UnknownName` for a rule that does not exist, `RecipeError` for a threshold that is no number of use.
    """
    for name, value in clean.items():
        if name not in RULES:
            raise UnknownName("rule in data.clean:", got=name, known=RULES)
        if value is not True and value is not False and value < 0:
            raise RecipeError(f"data.clean.{name}: a threshold is at least 0", got=value)
    chosen = {}
    for name, rule in RULES.items():
        value = clean.get(name, True)
        if value is not False:
            chosen[name] = float(rule.default) if value is True else float(value)
    return chosen


def judge(record: Record, norms: Norms, rules: Mapping[str, float]) -> tuple[str, str] | None:
    """(rule, reason) of the first rule that speaks against a record, or None."""
    for name, threshold in rules.items():
        reason = RULES[name].check(record, norms, threshold)
        if reason is not None:
            return name, reason
    return None


def is_placeholder(text: str) -> bool:
    """Whether a text is empty or stands for "nothing yet"."""
    plain = normalise(text)
    return plain in PLACEHOLDERS or not plain.strip("()[]<>-–—―ー_.…・*/~=#?？!！。、 ")


def rules_table() -> list[dict[str, object]]:
    """The rules for people and programs: name, default (a threshold, or true), meaning."""
    return [{"name": name, "default": rule.default, "meaning": rule.meaning} for name, rule in RULES.items()]


def count_by(names: Sequence[str]) -> dict[str, int]:
    """How often each name occurs, commonest first, ties by name."""
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))
