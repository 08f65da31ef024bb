"""The table of rules; the recipe sets thresholds, and whether a rule drops a record or only flags it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from kitae.core.data_settings import RuleSettings
from kitae.core.records import Edit, Record
from kitae.data.rules import checks
from kitae.data.rules.norms import Norms
from kitae.errors import RecipeError, UnknownName

Action = Literal["drop", "flag"]
Check = Callable[[Record, Norms, float], str | None]


@dataclass(frozen=True)
class Rule:
    """A check that returns a reason or None, and what its threshold means."""

    check: Check
    default: float | bool
    """Its threshold, or True where there is nothing to set."""
    meaning: str
    action: Action = "drop"
    """What happens to a record it speaks against, unless the recipe says otherwise."""


@dataclass(frozen=True)
class Asked:
    """A rule as a recipe asks it."""

    threshold: float
    action: Action


Rules = Mapping[str, Asked]

RULES: dict[str, Rule] = {
    "empty_question": Rule(checks.empty_question, True, "nothing was asked, or only a placeholder"),
    "empty_answer": Rule(checks.empty_answer, True, "no answer, or only a placeholder (-, N/A, TBD, 未記入)"),
    "no_licence": Rule(checks.no_licence, True, "neither the row nor its source says on what licence it may be used"),
    "mojibake": Rule(checks.mojibake, True, "wrong encoding that cannot be undone"),
    "wrong_language": Rule(checks.wrong_language, 0.5, "not in data.languages, or answered in another language than "
                           "asked; a file with at least this share of such rows holds translations and is left alone"),
    "offensive": Rule(checks.offensive, 1.0, "score of the ja/en lexicon from which a record goes"),
    "too_short": Rule(checks.too_short, 2, "fewest letters and digits of a question"),
    "too_long": Rule(checks.too_long, 20_000, "most characters of a conversation"),
    "repetition": Rule(checks.repetition, 0.6, "largest share of a turn that repeats itself"),
    "answer_equals_question": Rule(checks.answer_equals_question, 4, "fewest letters from which an echo counts"),
    "truncated_answer": Rule(checks.truncated_answer, 0.85, "share of a file's answers that end as sentences, from "
                             "which one that does not is cut off"),
}  # fmt: skip
"""In the order in which they are asked; the first reason counts."""


def chosen_rules(clean: Mapping[str, bool | float | RuleSettings]) -> dict[str, Asked]:
    """The rules to ask: `clean` maps a name to false, true, a threshold, or a threshold and what is to be done.

    Raises `UnknownName` for a rule that does not exist, `RecipeError` for a threshold that is no number of use.
    """
    for name in clean:
        if name not in RULES:
            raise UnknownName("rule in data.clean:", got=name, known=RULES)
    asked = {name: _asked(name, rule, clean.get(name, True)) for name, rule in RULES.items()}
    return {name: one for name, one in asked.items() if one is not None}


def _asked(name: str, rule: Rule, value: bool | float | RuleSettings) -> Asked | None:
    """How a rule is to be asked, or None when it is switched off."""
    if value is False:
        return None
    said = value if isinstance(value, RuleSettings) else RuleSettings(threshold=None if value is True else value)
    threshold = float(rule.default) if said.threshold is None else said.threshold
    if threshold < 0:
        raise RecipeError(f"data.clean.{name}: a threshold is at least 0", got=threshold)
    return Asked(threshold, said.action or rule.action)


def judge(record: Record, norms: Norms, rules: Rules) -> tuple[str, str] | None:
    """(rule, reason) of the first rule that speaks against keeping a record, or None."""
    for name, asked in rules.items():
        if asked.action == "flag":
            continue
        reason = RULES[name].check(record, norms, asked.threshold)
        if reason is not None:
            return name, reason
    return None


def flags(record: Record, norms: Norms, rules: Rules) -> list[Edit]:
    """An edit for each rule that only flags and has something to say; the record's text stays as it is."""
    return [
        Edit(name, reason, {"action": "flag"})
        for name, asked in rules.items()
        if asked.action == "flag" and (reason := RULES[name].check(record, norms, asked.threshold)) is not None
    ]


def rules_table() -> list[dict[str, object]]:
    """The rules for people and programs: name, default (a threshold, or true), action, meaning."""
    return [
        {"name": name, "default": rule.default, "action": rule.action, "meaning": rule.meaning}
        for name, rule in RULES.items()
    ]
