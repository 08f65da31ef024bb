"""Gates: at the edge, without evidence, and what they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitae.core.recipe import GateSettings
from kitae.registry.gates import GateResult, judge

from .conftest import figures

share = st.floats(0, 1, allow_nan=False)


def gate(name: str, settings: GateSettings, summary: dict) -> GateResult:
    return next(result for result in judge(settings, summary) if result.name == name)


@pytest.mark.parametrize(
    ("base", "tuned", "min_gain", "passed"),
    [
        (0.1, 0.9, 0.0, True),
        (0.5, 0.5, 0.0, False),
        (0.5, 0.4, 0.0, False),
        (0.2, 0.3, 0.1, False),
        (0.2, 0.301, 0.1, True),
        (0.5, 0.49, -0.02, True),
    ],
)
def test_the_gain_must_be_more_than_asked(base: float, tuned: float, min_gain: float, passed: bool) -> None:
    assert gate("min_gain", GateSettings(min_gain=min_gain), figures(tuned, base)).passed is passed


def test_where_lower_is_better_a_smaller_figure_is_the_gain() -> None:
    summary = figures(0.2, 0.5)
    summary["sets"]["test"]["better"] = "lower"
    assert gate("min_gain", GateSettings(min_gain=0.25), summary).passed
    summary = figures(0.5, 0.2)
    summary["sets"]["test"]["better"] = "lower"
    assert not gate("min_gain", GateSettings(min_gain=0.0), summary).passed


@pytest.mark.parametrize(("p", "passed"), [(0.05, True), (0.0501, False), (0.0, True), (1.0, False), (None, False)])
def test_the_p_value_must_be_at_most_what_is_asked(p: float | None, passed: bool) -> None:
    assert gate("max_p_value", GateSettings(max_p_value=0.05), figures(p=p)).passed is passed


@pytest.mark.parametrize(
    ("baseline", "outcome", "passed"),
    # Intervals of 0.94 and 0.90 overlap; the paired test on the same rows sees the difference all the same.
    [(0.99, "worse", False), (0.94, "worse", False), (0.95, "tie", True), (0.5, "better", True)],
)
def test_a_significantly_better_baseline_refuses_only_when_asked(baseline: float, outcome: str, passed: bool) -> None:
    summary = figures(tuned=0.9, baseline=baseline, outcome=outcome)
    assert gate("beat_baseline", GateSettings(beat_baseline=True), summary).passed is passed
    assert gate("beat_baseline", GateSettings(), summary).passed


@pytest.mark.parametrize(
    ("summary", "word"),
    [
        ({}, "no test rows"),
        ({"sets": {}}, "no test rows"),
        (figures(rows=0), "no test rows"),
        (figures(base=None, p=None), "evaluate.compare_to"),
    ],
)
def test_without_evidence_no_gate_that_compares_passes(summary: dict, word: str) -> None:
    results = judge(GateSettings(beat_baseline=True), summary)
    assert not any(result.passed for result in results)
    assert word in results[0].reason


def test_another_held_out_set_is_no_evidence() -> None:
    summary = figures()
    summary["sets"] = {"wild": summary["sets"]["test"]}
    assert not any(r.passed for r in judge(GateSettings(), summary) if r.name != "beat_baseline")


@given(base=share, tuned=share, p=share, low=share, high=share)
def test_a_stricter_gate_never_lets_more_through(base: float, tuned: float, p: float, low: float, high: float) -> None:
    low, high = sorted([low, high])
    summary = figures(tuned, base, p)
    lax = judge(GateSettings(min_gain=low, max_p_value=max(high, 1e-6)), summary)
    strict = judge(GateSettings(min_gain=high, max_p_value=max(low, 1e-6)), summary)
    assert all(one.passed or not other.passed for one, other in zip(lax, strict, strict=True))


def test_the_reason_has_both_figures_and_what_was_wanted() -> None:
    reason = gate("min_gain", GateSettings(min_gain=0.05), figures(0.9, 0.1, rows=321)).reason
    assert all(piece in reason for piece in ("0.100", "0.900", "321", "more than 0.05"))
