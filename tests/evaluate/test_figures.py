"""A figure with everything about it: direction, groups, measures, ties, and intervals that hold what they say."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import sacrebleu

from kitae.evaluate import intervals, paired
from kitae.evaluate.figures import Measuring, figure
from kitae.evaluate.intervals import draw_together, spread
from kitae.evaluate.metrics import Given, Metric, Questions, metrics_for, ratio
from kitae.evaluate.paired import paired_bootstrap, randomisation

HOW = Measuring(0.95, 7, "test")


def metric(name: str, references: Sequence[str], language: str = "en") -> Metric:
    return metrics_for([name], Questions(tuple(references), (language,) * len(references)))[0]


def found(one: Metric, answers: dict[str, Any], how: Measuring = HOW, **measures: Any) -> dict[str, Any]:
    values = figure(one, answers, how, measures)
    assert values is not None
    return values


def test_where_lower_is_better_a_smaller_value_is_a_gain() -> None:
    random = np.random.default_rng(1)
    wanted = random.integers(0, 50, 80)
    near, far = (wanted + random.integers(-reach, reach + 1, 80) for reach in (2, 12))
    values = found(
        metric("mae", [str(n) for n in wanted]), {"tuned": [str(n) for n in near], "base": [str(n) for n in far]}
    )
    against = values["against"]["base"]
    assert values["better"] == "lower"
    assert against["difference"] < 0 < against["gain"]
    assert against["outcome"] == "better"
    assert values["detectable"]["against"] == "base"
    assert values["systems"]["base"]["high"] > 1


def test_where_neither_is_better_a_difference_is_only_named() -> None:
    values = found(
        metric("length", ["x"] * 30), {"tuned": ["long answer"] * 15 + ["longer answer"] * 15, "base": ["s"] * 30}
    )
    assert values["against"]["base"]["outcome"] == "differs"


def test_rows_that_all_agree_on_a_number_without_bounds_have_no_upper_end() -> None:
    values = found(metric("mae", ["3"] * 9), {"tuned": ["3"] * 9})
    assert (values["systems"]["tuned"]["low"], values["systems"]["tuned"]["high"]) == (0.0, None)


def test_a_system_without_the_measure_has_no_figure() -> None:
    one = metric("tokens", ["x"] * 4)
    assert figure(one, {"tuned": ["a"] * 4}, HOW) is None
    values = found(one, {"tuned": ["a"] * 4, "baseline": ["a"] * 4}, tuned={"tokens": [1, 2, 3, None]})
    assert set(values["systems"]) == {"tuned"}
    assert (values["systems"]["tuned"]["n"], values["systems"]["tuned"]["value"]) == (3, 2.0)


def test_a_rival_asked_for_a_part_is_compared_on_that_part() -> None:
    answers = {"tuned": ["a"] * 20 + ["b"] * 20, "choice": [None] * 20 + ["a"] * 20}
    values = found(metric("macro_f1", ["a"] * 40), answers)
    assert values["systems"]["tuned"]["n"] == 40
    assert (values["against"]["choice"]["n"], values["against"]["choice"]["tuned"]) == (20, 0.0)


# --- groups ---------------------------------------------------------------------------------------


def in_groups(random: np.random.Generator, groups: int, size: int) -> tuple[list[str], list[str], list[str]]:
    """Right answers and a system that is right or wrong by whole groups."""
    right = np.repeat(random.random(groups) < 0.6, size)
    return ["y"] * len(right), ["y" if one else "n" for one in right], [str(n // size) for n in range(len(right))]


def test_rows_of_one_group_are_one_piece_of_evidence() -> None:
    wanted, given, groups = in_groups(np.random.default_rng(3), 40, 10)
    alone = found(metric("accuracy", wanted), {"tuned": given})
    together = found(metric("accuracy", wanted), {"tuned": given}, Measuring(0.95, 7, "test", groups))
    widths = [one["systems"]["tuned"]["high"] - one["systems"]["tuned"]["low"] for one in (alone, together)]
    assert widths[1] == pytest.approx(widths[0] * np.sqrt(10), rel=0.15)
    assert (alone["groups"], together["groups"]) == (None, 40)
    assert together["systems"]["tuned"]["method"].endswith("-by-group")


def test_groups_of_one_row_each_change_nothing() -> None:
    answers = {"tuned": ["y", "n"] * 20, "base": ["n", "n"] * 20}
    by_row = Measuring(0.95, 7, "test", [str(n) for n in range(40)])
    assert found(metric("accuracy", ["y"] * 40), answers, by_row) == found(metric("accuracy", ["y"] * 40), answers)


def test_by_group_intervals_cover_and_tests_keep_their_level() -> None:
    """Systems that are right or wrong by whole groups of ten: by rows both would be far too sure."""
    random = np.random.default_rng(12)
    number = np.repeat(np.arange(30), 10)
    covered, alarms = [], []
    for trial in range(150):
        tables = []
        for _ in range(2):
            right = np.repeat(random.random(30) < 0.6, 10).astype(float)
            tables.append(np.stack([right, np.ones(300)], axis=1))
        drawn = draw_together(
            [(lambda counts, table: ratio(counts @ table), tables[0])], seed=trial, name="x", groups=number
        )[0]
        ends = spread(drawn, 30, 0.95)
        covered.append(ends.low <= 0.6 <= ends.high)
        alarms.append(randomisation(*tables, ratio, seed=trial, name="x", groups=number) <= 0.05)
    assert 0.89 <= np.mean(covered) <= 0.99
    assert np.mean(alarms) <= 0.10


# --- the statistics themselves ---------------------------------------------------------------------


@pytest.fixture
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "DRAWS", 400)
    monkeypatch.setattr(paired, "ASSIGNMENTS", 399)


def test_the_standard_error_does_not_shrink_with_the_number_of_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error divided by the root of the number of draws is a known fault; theory says sd / root of the rows."""
    wanted = np.random.default_rng(2).normal(20, 4, 200).round(2)
    answers = {"tuned": ["20"] * 200}
    one = metric("mae", [str(n) for n in wanted])
    theory = np.abs(wanted - 20).std() / np.sqrt(200)
    for draws in (500, 4000):
        monkeypatch.setattr(intervals, "DRAWS", draws)
        assert found(one, answers)["systems"]["tuned"]["standard_error"] == pytest.approx(theory, rel=0.1)
    hits = found(metric("exact_match", ["a"] * 100), {"tuned": ["a"] * 80 + ["b"] * 20})
    assert hits["systems"]["tuned"]["standard_error"] == pytest.approx(0.04)


def test_the_bootstrap_of_a_corpus_figure_is_that_of_drawn_corpora() -> None:
    """BLEU of a drawn corpus from sums equals sacrebleu's BLEU of the very rows."""
    references = ["the dog bit the man", "it was not unexpected", "the man bit him first", "a cat sat on the mat"]
    answers = ["the dog bit a man", "it was unexpected", "the man had bit him", "the cat sat on a mat"]
    one = metric("bleu", references)
    statistics = one.statistics(Given(answers))
    for counts in np.random.default_rng(6).multinomial(4, [0.25] * 4, size=12):
        rows = [row for row, count in enumerate(counts) for _ in range(count)]
        expected = sacrebleu.corpus_bleu([answers[row] for row in rows], [[references[row] for row in rows]]).score
        assert one.drawn(counts[None].astype(float), statistics)[0] == pytest.approx(expected / 100, abs=1e-9)


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("test", ["randomisation", "bootstrap"])
def test_p_values_are_uniform_when_nothing_differs(test: str) -> None:
    random = np.random.default_rng(21)
    p_values = []
    for trial in range(400):
        tables = [np.stack([scores, np.ones(80)], axis=1) for scores in random.beta(2, 1, (2, 80))]
        if test == "randomisation":
            p_values.append(randomisation(*tables, ratio, seed=trial, name="null"))
        else:
            drawn = draw_together(
                [(lambda counts, table: ratio(counts @ table), table) for table in tables], seed=trial, name="null"
            )
            p_values.append(paired_bootstrap(drawn[0] - drawn[1]))
    # Kolmogorov and Smirnov's distance of 400 uniform values stays below 0.081 in 99 of 100 times.
    order = np.sort(p_values)
    assert max(np.abs(order - np.arange(1, 401) / 400).max(), np.abs(order - np.arange(400) / 400).max()) < 0.081


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("name", ["mae", "macro_f1", "spearman"])
def test_intervals_cover_as_often_as_they_say(name: str) -> None:
    """Against the figure of a large sample; the tolerance is three errors of 200 trials around 95 %."""
    random = np.random.default_rng(17)

    def sample(size: int) -> tuple[list[str], list[str]]:
        if name == "macro_f1":
            wanted = random.choice(["a", "b", "c"], size, p=[0.5, 0.3, 0.2])
            said = np.where(random.random(size) < 0.7, wanted, random.choice(["a", "b", "c"], size))
            return list(wanted), list(said)
        numbers = random.integers(0, 100, size)
        return [str(n) for n in numbers], [str(n) for n in numbers + random.normal(0, 15, size).round().astype(int)]

    wanted, said = sample(40_000)
    truth = metric(name, wanted).over(said)
    covered = []
    for trial in range(200):
        wanted, said = sample(150)
        ends = found(metric(name, wanted), {"tuned": said}, Measuring(0.95, trial, "test"))["systems"]["tuned"]
        covered.append(ends["low"] <= truth <= ends["high"])
    assert 0.90 <= np.mean(covered) <= 0.99


def test_equal_systems_are_a_tie_in_every_metric_of_text() -> None:
    references = ["the dog bit the man", "it was not unexpected"] * 6
    said = ["the dog bit him", "it was unexpected"] * 6
    for one in metrics_for(
        ["exact_match", "rouge_1", "bleu", "chrf", "ter", "macro_f1"], Questions(tuple(references), ("en",) * 12)
    ):
        values = found(one, {"tuned": said, "base": list(said)})
        assert (values["against"]["base"]["outcome"], values["against"]["base"]["p_value"]) == ("tie", 1.0)
