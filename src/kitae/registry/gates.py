"""Gates: what a verdict must show. Each gate looks at the test split only and says why it passed or did not.

A gate without evidence (no test rows, an opponent that was not measured) does not pass.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kitae.core.recipe import GateSettings


@dataclass(frozen=True)
class GateResult:
    """One gate: what was wanted, what was got, and a sentence of reason."""

    name: str
    passed: bool
    wanted: str
    got: str
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True)
class Evidence:
    """The figures of the test split: each side's main metric, and the paired tests.

    `p_value` is the test against the base; `outcomes` says of each opponent whether the tuned model came out better,
    worse or as a tie in the paired test, corrected for their number.
    """

    rows: int
    metric: str
    sides: Mapping[str, Mapping[str, Any]]
    p_value: float | None
    outcomes: Mapping[str, str]
    lower_is_better: bool = False

    @staticmethod
    def of(summary: Mapping[str, Any]) -> "Evidence":
        """Read a verdict's summary; a verdict without a test split gives no rows and no sides."""
        test = summary.get("sets", {}).get("test", {})
        sides = {name: test[name] for name in ("tuned", "base", "baseline") if isinstance(test.get(name), Mapping)}
        rows, metric = int(test.get("n", 0)), str(summary.get("main_metric", ""))
        lower = test.get("better") == "lower"
        return Evidence(rows, metric, sides, test.get("p_value"), test.get("outcomes", {}), lower)

    def value(self, side: str) -> float | None:
        """The main metric of a side, or None when it was not measured."""
        figures = self.sides.get(side, {}) if self.rows else {}
        found = figures.get("value")
        return None if found is None else float(found)


def judge(settings: GateSettings, summary: Mapping[str, Any]) -> list[GateResult]:
    """Every gate that the recipe sets, in a fixed order."""
    evidence = Evidence.of(summary)
    return [gate(settings, evidence) for gate in GATES]


def min_gain(settings: GateSettings, evidence: Evidence) -> GateResult:
    """The tuned model must beat the base by more than `min_gain`."""
    wanted = f"more than {settings.min_gain:g}"
    tuned, base = evidence.value("tuned"), evidence.value("base")
    if tuned is None or base is None:
        return _no_evidence("min_gain", wanted, evidence, side="base" if tuned is not None else "tuned")
    # Rounded, so that 0.3 - 0.2 against a gate of 0.1 is not decided by the last bit of a float.
    gain = round((base - tuned) if evidence.lower_is_better else (tuned - base), 9)
    passed = gain > settings.min_gain
    reason = f"{evidence.metric} {base:.3f} → {tuned:.3f} on {evidence.rows} test rows, a gain of {gain:+.3f}"
    return GateResult("min_gain", passed, wanted, f"{gain:+.4f}", f"{reason}; wanted {wanted}")


def max_p_value(settings: GateSettings, evidence: Evidence) -> GateResult:
    """The paired test against the base must be at most `max_p_value`."""
    wanted = f"at most {settings.max_p_value:g}"
    if evidence.p_value is None or not evidence.rows:
        return _no_evidence("max_p_value", wanted, evidence, side="base")
    passed = float(evidence.p_value) <= settings.max_p_value
    got = f"{evidence.p_value:.3g}"
    return GateResult("max_p_value", passed, wanted, got, f"paired test against the base: p = {got}; wanted {wanted}")


def beat_baseline(settings: GateSettings, evidence: Evidence) -> GateResult:
    """The classical baseline must not be significantly better in the paired test on the same rows."""
    if not settings.beat_baseline:
        return GateResult("beat_baseline", True, "not asked for", "", "the baseline is reported, not gated")
    wanted = "a baseline that is not significantly better"
    tuned, baseline = evidence.value("tuned"), evidence.value("baseline")
    outcome = evidence.outcomes.get("baseline")
    if tuned is None or baseline is None or outcome is None:
        return _no_evidence("beat_baseline", wanted, evidence, side="baseline" if tuned is not None else "tuned")
    reason = f"{evidence.metric} of the baseline {baseline:.3f}, of the tuned model {tuned:.3f}"
    return GateResult("beat_baseline", outcome != "worse", wanted, f"{baseline:.4f}", f"{reason}; wanted {wanted}")


GATES: tuple[Callable[[GateSettings, Evidence], GateResult], ...] = (min_gain, max_p_value, beat_baseline)


def _no_evidence(gate: str, wanted: str, evidence: Evidence, *, side: str) -> GateResult:
    why = (
        f"no figure for {side}; add it to evaluate.compare_to"
        if evidence.rows
        else "there are no test rows; set data.split.test, or name a source with `use: test`"
    )
    return GateResult(gate, False, wanted, "no evidence", f"{gate} cannot be judged: {why}")
