"""Whether the splits are alike: Pearson's chi-square test of independence between split and label."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from kitae.core.records import Record

SKEWED_BELOW = 0.01
"""A p-value below this is said as a skew."""
SMALL_EXPECTED = 5.0


def label_skew(by_side: Mapping[str, Sequence[Record]]) -> dict[str, Any]:
    """The test over labels, or over languages where there are no labels; {} when there is nothing to compare.

    Gives the statistic, degrees of freedom, p-value, the share of cells with an expected count below 5 (where the
    test is only a hint; Cochran 1954), the labels that a split lacks, and a sentence.
    """
    sides = [side for side, rows in by_side.items() if rows]
    labelled = any(record.label for rows in by_side.values() for record in rows)
    counts = {side: Counter(r.label if labelled else r.language for r in by_side[side]) for side in sides}
    names = sorted({name for count in counts.values() for name in count})
    if len(sides) < 2 or len(names) < 2:
        return {}
    from scipy.stats import chi2_contingency

    test = chi2_contingency([[counts[side][name] for name in names] for side in sides])
    small = float((test.expected_freq < SMALL_EXPECTED).mean())
    p_value = round(float(test.pvalue), 6)
    lacking = {side: [name for name in names if not counts[side][name]] for side in sides}
    what = "labels" if labelled else "languages"
    alike = "are skewed between the splits" if p_value < SKEWED_BELOW else "are alike in the splits"
    sentence = f"{what} {alike} (chi-square {test.statistic:.1f}, {test.dof} degrees of freedom, p = {p_value:.3f})"
    if small:
        sentence += f"; {small:.0%} of the cells expect fewer than 5 rows"
    missing = {side: len(found) for side, found in lacking.items() if found}
    if missing:
        sentence += "; " + ", ".join(f"{side} lacks {count} of {len(names)} {what}" for side, count in missing.items())
    return {
        "over": what,
        "statistic": round(float(test.statistic), 4),
        "degrees_of_freedom": int(test.dof),
        "p_value": p_value,
        "small_cells_share": round(small, 4),
        "lacking": {side: found for side, found in lacking.items() if found},
        "sentence": sentence,
    }
