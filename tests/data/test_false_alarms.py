"""On clean real data the rules hardly ever speak. The shares are upper bounds, measured and rounded up."""

from collections import Counter
from pathlib import Path

import pytest
from data.talks import CLEAN, clean_pairs

from kitae.data.rules import RULES, chosen_rules, learn_norms
from kitae.data.rules.seen import Seen

NEW = ("boilerplate", "leftover_template", "refusal", "role_order", "symbols", "links", "suspected_typo", "offensive")
MOST = 0.001
"""Share of the records of a data set that any of `NEW` may speak of, but for what is said here."""
KNOWN: dict[tuple[str, str], float] = {
    # True slips of people who type: real questions to a bank and to hotels, and descriptions of pictures.
    ("banking77", "suspected_typo"): 0.007,
    ("asdc_topics", "suspected_typo"): 0.002,
    ("asdc_dialogues", "suspected_typo"): 0.006,
    ("jsts", "suspected_typo"): 0.005,
    # Wikipedia quotes foreign names whose text was lost: 、。
    ("jsquad", "suspected_typo"): 0.014,
    ("gsm8k", "suspected_typo"): 0.002,
    # Its tasks are about toxic words, lists of links, guitar tablature and letters (427 rows: one is 0.23 %).
    ("self_instruct", "offensive"): 0.012,
    ("self_instruct", "links"): 0.008,
    ("self_instruct", "symbols"): 0.003,
    ("self_instruct", "leftover_template"): 0.003,
    ("self_instruct", "suspected_typo"): 0.01,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CLEAN)
def test_clean_data_stays_as_it_is(name: str, shared_data: Path) -> None:
    records = clean_pairs(shared_data, name)
    task = "classify" if records[0].label else "chat"
    norms = learn_norms(records, task=task, languages=("ja", "en"))
    rules = chosen_rules({})
    spoken: Counter[str] = Counter()
    for record in records:
        seen = Seen(record, task)
        for rule in NEW:
            asked = rules[rule]
            if seen.kind in RULES[rule].about and asked.rule.check(seen, norms, asked.threshold):
                spoken[rule] += 1
    shares = {rule: spoken[rule] / len(records) for rule in NEW}
    over = {rule: share for rule, share in shares.items() if share > KNOWN.get((name, rule), MOST)}
    assert over == {}
