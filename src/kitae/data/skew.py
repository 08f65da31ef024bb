"""Whether the splits are alike: Pearson's chi-square test of independence between split and label.

Where many cells expect fewer than five rows, the chi-square distribution is no good approximation (Cochran 1954). The
p-value is then taken from tables drawn at random with the same margins (Hope 1968; drawn after Patefield 1981), as the
share of those that are at least as skewed, this one included (Phipson and Smyth 2010). With many rows the least skew
is significant, so its size is said as well: Cramer's V, with bounds as Cohen (1988, chapter 7) suggests them.

Rows of one cluster stand together, so the test is a little too ready to call large clusters a skew.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SKEWED_BELOW = 0.01
"""A p-value below this is said as a skew."""
SMALL_EXPECTED = 5.0
FEWEST_TABLES, MOST_TABLES = 199, 9_999
CELLS_IN_ALL = 20_000_000
"""So many cells of random tables are drawn at most."""
CELLS_AT_ONCE = 2_000_000
SEED = 20_240_501
EFFECTS = ((0.1, "negligible"), (0.3, "small"), (0.5, "medium"))
"""Cramer's V below the bound is called so; from the last one on it is large."""


@dataclass(frozen=True)
class Table:
    """How many rows of each side have each value: `counts` is [sides, values]."""

    sides: tuple[str, ...]
    values: tuple[str, ...]
    counts: "NDArray[np.int64]"


def skew(table: Table, *, what: str) -> dict[str, Any]:
    """The test, or {} when there is nothing to compare. `what` names the values in the sentence.

    Gives the statistic, degrees of freedom, p-value and how it was found, Cramer's V, the share of cells with an
    expected count below 5, the values that a side lacks, and a sentence.
    """
    import numpy as np
    from scipy.stats import chi2_contingency

    used = table.counts.sum(axis=0) > 0
    counts, values = table.counts[:, used], [name for name, here in zip(table.values, used, strict=True) if here]
    full = counts.sum(axis=1) > 0
    if full.sum() < 2 or len(values) < 2:
        return {}
    test = chi2_contingency(counts[full], correction=False)
    small = float((test.expected_freq < SMALL_EXPECTED).mean())
    p_value = _drawn_p(counts[full], float(test.statistic)) if small else float(test.pvalue)
    effect = float(np.sqrt(test.statistic / (counts.sum() * (min(counts[full].shape) - 1))))
    lacking = {
        side: [name for name, count in zip(values, row, strict=True) if not count]
        for side, row in zip(table.sides, counts.tolist(), strict=True)
    }
    found = {
        "over": what,
        "statistic": round(float(test.statistic), 4),
        "degrees_of_freedom": int(test.dof),
        "p_value": round(p_value, 6),
        "p_from": "random tables" if small else "chi-square distribution",
        "cramers_v": round(effect, 4),
        "small_cells_share": round(small, 4),
        "lacking": {side: names for side, names in lacking.items() if names},
    }
    return {**found, "sentence": _sentence(found, values=len(values))}


def _drawn_p(counts: "NDArray[np.int64]", statistic: float) -> float:
    """The share of random tables with the same margins that are at least as skewed, this one included."""
    import numpy as np
    from scipy.stats import random_table

    margins = counts.sum(axis=1), counts.sum(axis=0)
    expected = np.outer(*margins) / counts.sum()
    chance = np.random.default_rng(SEED)
    tables = int(np.clip(CELLS_IN_ALL // counts.size, FEWEST_TABLES, MOST_TABLES))
    at_once = max(1, CELLS_AT_ONCE // counts.size)
    as_skewed = 0
    for begin in range(0, tables, at_once):
        drawn = random_table.rvs(*margins, size=min(at_once, tables - begin), random_state=chance)
        as_skewed += int((((drawn - expected) ** 2 / expected).sum(axis=(1, 2)) >= statistic * (1 - 1e-12)).sum())
    return (1 + as_skewed) / (1 + tables)


def _sentence(found: dict[str, Any], *, values: int) -> str:
    what = found["over"]
    alike = "are skewed between the splits" if found["p_value"] < SKEWED_BELOW else "are alike in the splits"
    size = next((name for bound, name in EFFECTS if found["cramers_v"] < bound), "large")
    by_chance = " of random tables" if found["small_cells_share"] else ""
    sentence = (
        f"{what} {alike} (chi-square {found['statistic']:.1f}, {found['degrees_of_freedom']} degrees of freedom, "
        f"p = {found['p_value']:.3f}{by_chance}; Cramer's V {found['cramers_v']:.2f}, {size})"
    )
    if found["small_cells_share"]:
        sentence += f"; {found['small_cells_share']:.0%} of the cells expect fewer than 5 rows"
    if found["lacking"]:
        missing = (f"{side} lacks {len(names)} of {values} {what}" for side, names in found["lacking"].items())
        sentence += "; " + ", ".join(missing)
    return sentence
