"""Feeling is a small whole number; a source that feels otherwise is measured against the rest and capped on request."""

from collections import Counter
from itertools import pairwise

import pytest
from data.talks import pair
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kitae.data.rules import chosen_rules, judge, learn_norms
from kitae.data.rules.attributes import attributes
from kitae.data.rules.emotion import MOST, emotion
from kitae.data.rules.seen import found_in
from kitae.data.rules.skew import SCORES, Cap, caps_of, difference, holm, mann_whitney, skews


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("The room is on the second floor.", 0), ("部屋は2階です。", 0), ("I love it, it was perfect!", 4),
        ("That is nice.", 1),
        ("That is not nice.", -1), ("I am not happy with it, it is terrible.", -3),
        ("最悪です。二度と行きません。", -4),
        ("とても嬉しいです。", 2), ("嬉しくないです。", -1), ("大好きです", 2), ("好きではありません", -1),
        ("最高に楽しかったです", 3),
        ("hateful gladiators", 0), ("awful awful awful awful", -4), ("happy, but sad", 0),
    ],
)  # fmt: skip
def test_feeling(text: str, score: int) -> None:
    assert emotion(text, found_in(text)) == score


@pytest.mark.parametrize(
    ("text", "appear"),
    [
        ("My mother and her son live in Tokyo.", {("gender", "female"), ("gender", "male"), ("region", "kanto")}),
        ("小学生の娘と沖縄へ行きます。", {("age", "child"), ("region", "kyushu_okinawa")}),
        ("日光が差す部屋、ヒーローの映画、themes", set()),
    ],
)
def test_who_and_where_appears(text: str, appear: set[tuple[str, str]]) -> None:
    assert attributes(text, found_in(text)) == appear


@given(st.text(max_size=80))
def test_feeling_has_bounds(text: str) -> None:
    assert -MOST <= emotion(text, found_in(text)) <= MOST


histograms = st.lists(st.integers(0, 30), min_size=len(SCORES), max_size=len(SCORES)).map(tuple)


@given(histograms, histograms)
def test_the_rank_test_is_that_of_scipy(mine: tuple[int, ...], rest: tuple[int, ...]) -> None:
    one = [score for score, count in zip(SCORES, mine, strict=True) for _ in range(count)]
    other = [score for score, count in zip(SCORES, rest, strict=True) for _ in range(count)]
    if len(set(one + other)) < 2 or not one or not other:
        assert mann_whitney(mine, rest) == 1.0
        return
    expected = stats.mannwhitneyu(one, other, method="asymptotic", use_continuity=False).pvalue
    assert mann_whitney(mine, rest) == pytest.approx(expected, abs=1e-9)


def test_holm() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})


def test_a_source_is_measured_against_the_rest() -> None:
    angry = (9, 5, 4, 1, 1, 0, 0, 0, 0)
    calm = (0, 0, 1, 2, 50, 2, 1, 0, 0)
    found = skews({"angry": angry, "calm": calm})
    assert found["angry"].difference == pytest.approx(-found["calm"].difference)
    assert found["angry"].difference < -2
    assert found["angry"].negative == pytest.approx(0.9)
    assert found["angry"].p_value < 1e-6
    assert skews({"alone": calm})["alone"].difference == 0.0


def capped(counts: tuple[int, ...], cap: Cap) -> tuple[int, ...]:
    """What a cap leaves when its share is met exactly."""
    gone = [cap.share if score == cap.score else float(cap.takes("", score)) for score in SCORES]
    return tuple(count - round(count * share) for count, share in zip(counts, gone, strict=True))


@given(st.lists(histograms.filter(lambda h: sum(h) > 2), min_size=2, max_size=4), st.sampled_from([0.1, 0.3, 0.6]))
def test_a_cap_takes_the_most_extreme_and_brings_every_source_near(sources: list[tuple[int, ...]], most: float) -> None:
    feelings = tuple((str(number), counts) for number, counts in enumerate(sources))
    caps = caps_of(feelings, most)
    left = {name: capped(counts, caps[name]) if name in caps else counts for name, counts in feelings}
    alike = {name: counts for name, counts in left.items() if 2 * sum(counts) > sum(dict(feelings)[name]) + 1}
    assert all(abs(skew.difference) <= most for skew in skews(alike).values())
    for cap in caps.values():
        assert 0 < cap.share <= 1
        order = SCORES if cap.skew < 0 else SCORES[::-1]
        taken = [cap.takes("0", score) for score in order]
        assert all(one >= other for one, other in pairwise(taken))


def test_the_cap_drops_rows_with_a_reason_and_leaves_the_rest_alone() -> None:
    calm = ["It closes at ten.", "That is nice, thank you.", "I am a bit worried.", "Is it far away?"]
    angry = ["This is terrible!", "I hate it, it is awful.", "Where is it?", "Is it open?", "Is it warm?", "How far?"]
    records = [pair(calm[row % 4], "Yes.", file="calm", row=row) for row in range(400)]
    records += [pair(angry[row % 6], "Yes.", file="angry", row=1000 + row) for row in range(200)]
    rules = chosen_rules({"emotion_skew": 0.3, "offensive": False})
    norms = learn_norms(records, task="chat", languages=("en",), asked=rules)
    kept, gone = [], Counter()
    for record in records:
        verdict = judge(record, norms, rules)
        if verdict is None:
            kept.append(record)
        else:
            assert verdict[0] == "emotion_skew"
            assert "standard deviations" in verdict[1]
            gone[record.origin.file] += 1
    assert gone.keys() == {"angry"}
    again = learn_norms(kept, task="chat", languages=("en",), asked=rules)
    left = skews(dict(again.feelings))["angry"].difference
    assert abs(left) < 0.45  # which rows go at the innermost score is drawn by their ids: 0.3 is met on average
    assert difference(dict(norms.feelings)["angry"], dict(norms.feelings)["calm"]) < -0.8
    assert judge(records[-1], norms, chosen_rules({})) is None


def test_the_most_extreme_go_first() -> None:
    caps = caps_of((("a", (5, 5, 0, 0, 10, 0, 0, 0, 0)), ("b", (0, 0, 0, 5, 60, 5, 0, 0, 0))), 0.2)
    assert caps["a"].takes("any", -4)
    assert not caps["a"].takes("any", 0)
    assert not caps["a"].takes("any", 4)
