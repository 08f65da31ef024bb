"""Rules with reasons: what is wrong with a record, by name, and what is done about it.

Some faults only show against the rest: an answer without a full stop is cut off in a source whose answers all have
one, and ordinary in a source of chat lines. `Norms` holds what was learnt from the data before any rule is asked.
"""

from kitae.data.rules.content import is_placeholder
from kitae.data.rules.norms import Beginnings, Norms, NormsPart, learn, learn_norms, look_again, merge
from kitae.data.rules.table import (
    RULES,
    Asked,
    Assessment,
    Rule,
    Rules,
    assess,
    chosen_rules,
    empty_answer,
    flags,
    judge,
    rules_table,
)

__all__ = [
    "RULES",
    "Asked",
    "Assessment",
    "Beginnings",
    "Norms",
    "NormsPart",
    "Rule",
    "Rules",
    "assess",
    "chosen_rules",
    "empty_answer",
    "flags",
    "is_placeholder",
    "judge",
    "learn",
    "learn_norms",
    "look_again",
    "merge",
    "rules_table",
]
