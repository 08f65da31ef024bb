"""The table of rules; the recipe sets thresholds, and whether a record is dropped, set aside or only flagged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kitae.core.data_settings import RuleSettings
from kitae.core.records import Edit, Record
from kitae.data.rules import answers, content, leftovers, tone, turns
from kitae.data.rules.norms import Norms
from kitae.data.rules.seen import Kind, Seen
from kitae.errors import RecipeError, UnknownName

Action = Literal["drop", "flag", "quarantine"]
Check = Callable[[Seen, Norms, float], str | None]
ALL: tuple[Kind, ...] = ("talk", "label", "document")
ASKED: tuple[Kind, ...] = ("talk", "label")
TALK: tuple[Kind, ...] = ("talk",)
RAW: tuple[Kind, ...] = ("document",)
Part = Literal["question", "answer", "turns", "rejected", "document", "terms"]
"""What of a record a rule looks at: the last question, the last answer, all turns of user, assistant and tool, what
people liked less (a rejected answer, or one judged undesirable), raw text, the terms of use."""
SAID: tuple[Part, ...] = ("turns", "document")
EVERY: tuple[Part, ...] = ("turns", "rejected", "document")


@dataclass(frozen=True)
class Rule:
    """A check that returns a reason or None, what its threshold means, and which kinds of records it is about.

    Who judges a rejected answer by what makes an answer bad would throw away what a preference teaches. So of those
    only what makes them unreadable or empty counts.
    """

    check: Check
    default: float | bool
    """Its threshold, or True where there is nothing to set."""
    meaning: str
    looks_at: tuple[Part, ...]
    """Which of its parts speak for or against a record."""
    about: tuple[Kind, ...] = ALL
    action: Action = "drop"
    """What happens to a record it speaks against, unless the recipe says otherwise."""
    on: bool = True
    """Whether it is asked when the recipe does not name it."""


@dataclass(frozen=True)
class Asked:
    """A rule as a recipe asks it."""

    rule: Rule
    threshold: float
    action: Action


@dataclass(frozen=True)
class Assessment:
    """What the rules say of a record: the (rule, reason) by which it goes, if any, and the flags if it stays."""

    against: tuple[str, str] | None
    flags: tuple[Edit, ...] = ()


Rules = Mapping[str, Asked]

RULES: dict[str, Rule] = {
    "empty_question": Rule(content.empty_question, True, "nothing was asked, or only a placeholder", ("question",),
                           ASKED),
    "empty_answer": Rule(content.empty_answer, True, "no answer, or only a placeholder (-, N/A, TBD, 未記入)",
                         ("answer", "rejected"), ASKED),
    "empty_document": Rule(content.empty_document, True, "a raw text without a letter", ("document",), RAW),
    "no_licence": Rule(content.no_licence, True, "neither the row nor its source says on what licence it may be used",
                       ("terms",)),
    "mojibake": Rule(content.mojibake, True, "wrong encoding that cannot be undone", EVERY),
    "wrong_language": Rule(answers.wrong_language, 0.5, "not in data.languages, or answered in another language than "
                           "asked; a file with at least this share of such rows holds translations and is left alone",
                           ("question", "turns", "rejected", "document")),
    "offensive": Rule(tone.offensive, 1.0, "score of the ja/en lexicon from which a record goes; of a raw text per "
                      "1,000 characters", SAID),
    "role_order": Rule(turns.role_order, True, "two turns of one speaker in a row that could not be made one, the "
                       "assistant first, nobody answering last, a tool that was not called", ("turns",), TALK),
    "refusal": Rule(answers.refusal, True, "a language model declines or speaks of itself", ("turns",), TALK),
    "boilerplate": Rule(leftovers.boilerplate, 1.0, "score from which what mail programs and web pages leave counts "
                        "(footers, cookie notices, copyright lines); of a raw text per 1,000 characters", SAID),
    "leftover_template": Rule(leftovers.leftover_template, True, "a field that nobody filled in ({{name}}, %s, [Your "
                              "Name], ○○様, XXX, Lorem ipsum); of a raw text one per 1,000 characters", SAID),
    "too_short": Rule(content.too_short, 2, "fewest letters and digits of a question", ("question",), ASKED),
    "too_long": Rule(content.too_long, 20_000, "most characters of a conversation", ("turns", "rejected"), ASKED),
    "short_document": Rule(content.short_document, 20, "fewest letters and digits of a raw text", ("document",), RAW),
    "long_document": Rule(content.long_document, 1_000_000, "most characters of a raw text", ("document",), RAW),
    "repetition": Rule(content.repetition, 0.6, "largest share of a turn that repeats itself, of a raw text what "
                       "stands close by", SAID),
    "repeated_lines": Rule(content.repeated_lines, 0.3, "largest share of a raw text that are lines or sentences which "
                           "stood there before", ("document",), RAW),
    "symbols": Rule(content.symbols, 0.6, "largest share of a turn that are signs: no letters, figures or spaces",
                    SAID),
    "links": Rule(content.links, 0.6, "largest share of a turn that are links, if it has at least three", SAID),
    "answer_equals_question": Rule(content.answer_equals_question, 4, "fewest letters from which an echo counts",
                                   ("question", "answer"), TALK),
    "no_preference": Rule(content.no_preference, True, "the rejected answer says what the chosen one says",
                          ("answer", "rejected"), TALK),
    "truncated_answer": Rule(answers.truncated_answer, 0.85, "share of a file's answers that end as sentences, from "
                             "which one that does not is cut off", ("answer",), TALK),
    "emotion_skew": Rule(tone.emotion_skew, 0.5, "most standard deviations by which the feeling of a source may differ "
                         "from the rest; its most emotional records beyond go", SAID, on=False),
    "suspected_typo": Rule(tone.suspected_typo, 1, "fewest suspected slips of the keyboard in a record, of a raw text "
                           "per 1,000 characters", SAID, action="flag"),
}  # fmt: skip
"""In the order in which they are asked; the first reason counts."""


def chosen_rules(clean: Mapping[str, bool | float | RuleSettings]) -> dict[str, Asked]:
    """The rules to ask: `clean` maps a name to false, true, a threshold, or a threshold and what is to be done.

    Raises `UnknownName` for a rule that does not exist, `RecipeError` for a threshold that is no number of use.
    """
    for name in clean:
        if name not in RULES:
            raise UnknownName("rule in data.clean:", got=name, known=RULES)
    asked = {name: _asked(name, rule, clean.get(name, rule.on)) for name, rule in RULES.items()}
    return {name: one for name, one in asked.items() if one is not None}


def assess(record: Record, norms: Norms, rules: Rules) -> Assessment:
    """Ask all rules about a record at once: those that flag only if none speaks against it."""
    seen = Seen(record, norms.task)
    against = _against(seen, norms, rules)
    return Assessment(against) if against else Assessment(None, tuple(_flags(seen, norms, rules)))


def judge(record: Record, norms: Norms, rules: Rules) -> tuple[str, str] | None:
    """(rule, reason) of the first rule that speaks against keeping a record, or None."""
    return _against(Seen(record, norms.task), norms, rules)


def flags(record: Record, norms: Norms, rules: Rules) -> list[Edit]:
    """An edit for each rule that only flags and has something to say; the record's text stays as it is."""
    return _flags(Seen(record, norms.task), norms, rules)


def empty_answer(record: Record, norms: Norms, threshold: float) -> str | None:
    """Why nobody could mark an answer to a record: it has none itself. None when it has."""
    return content.empty_answer(Seen(record, norms.task), norms, threshold)


def rules_table() -> list[dict[str, Any]]:
    """The rules for people and programs: name, default (a threshold, or true), whether on, action, parts, meaning."""
    return [
        {
            "name": name,
            "default": rule.default,
            "on": rule.on,
            "action": rule.action,
            "looks_at": list(rule.looks_at),
            "meaning": rule.meaning,
        }
        for name, rule in RULES.items()
    ]


def _asked(name: str, rule: Rule, value: bool | float | RuleSettings) -> Asked | None:
    """How a rule is to be asked, or None when it is switched off."""
    if value is False:
        return None
    said = value if isinstance(value, RuleSettings) else RuleSettings(threshold=None if value is True else value)
    threshold = float(rule.default) if said.threshold is None else said.threshold
    if threshold < 0:
        raise RecipeError(f"data.clean.{name}: a threshold is at least 0", got=threshold)
    return Asked(rule, threshold, said.action or rule.action)


def _against(seen: Seen, norms: Norms, rules: Rules) -> tuple[str, str] | None:
    for name, asked in rules.items():
        if asked.action != "flag" and seen.kind in asked.rule.about:
            reason = asked.rule.check(seen, norms, asked.threshold)
            if reason is not None:
                return name, reason
    return None


def _flags(seen: Seen, norms: Norms, rules: Rules) -> list[Edit]:
    return [
        Edit(name, reason, {"action": "flag"})
        for name, asked in rules.items()
        if asked.action == "flag"
        and seen.kind in asked.rule.about
        and (reason := asked.rule.check(seen, norms, asked.threshold)) is not None
    ]
