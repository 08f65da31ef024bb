"""Comparisons: several systems on the same rows, each asked in its own way, and one verdict with its reasons."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from data.small.endpoint import TOKENS_IN, TOKENS_OUT, Fake, serving

from kitae.core.artifacts import Comparison
from kitae.core.contest_settings import ContestantSettings, load_contestants
from kitae.core.records import Message
from kitae.core.text import compact
from kitae.core.workspace import Workspace
from kitae.errors import InputError, RecipeError, UnknownName
from kitae.evaluate.contest import stage
from kitae.evaluate.contest.asking import Contestant, conversations
from kitae.evaluate.contest.board import outcome_of

from .desk import Cut, FakeAnswerer, desk, files_of, knows, resolved, split_in

ROWS = desk(answer=lambda text: text[:4])
TRAIN, TEST = ROWS[:36], ROWS[36:]


def system(name: str, **settings: Any) -> Contestant:
    way = {} if "endpoint" in settings else {"base": name}
    return Contestant(ContestantSettings.model_validate({"name": name, **way, **settings}), name, f"digest of {name}")


def compared(
    out: Workspace, replies: dict[str, Any], *more: Contestant, test: Any = TEST, **settings: Any
) -> Comparison:
    """Models that reply by functions of the last question, or are answerers; then systems of other kinds."""
    models = {name: one if isinstance(one, FakeAnswerer) else FakeAnswerer(one) for name, one in replies.items()}
    split = split_in(out, train=TRAIN, validation=[], test=test)
    return stage.compare(
        [*(system(name) for name in models), *more],
        split,
        {},
        settings=resolved(**{"task": "classify", "metrics": ["accuracy"], **settings}),
        out=out,
        open_model=lambda one, _settings: models[one.name],
    )


def clueless(_question: str) -> str:
    return "Hm."


def told(made: Comparison) -> list[str]:
    return [line["en"] for line in made.json("comparison.json")["lines"]]


def test_the_best_is_named_with_whom_it_beats(workspace: Workspace) -> None:
    made = compared(workspace, {"good": knows(ROWS), "weak": knows(ROWS, wrong_every=2), "none": clueless})
    assert told(made)[0] == "Take `good`: accuracy 100.0 % (90.3–100.0), better than every other beyond chance"
    assert told(made)[1].startswith("`good` beats `weak` by 50.0 points (p < 0.001, n = 36)")
    values = made.json("comparison.json")
    assert [row["system"] for row in values["ranking"]] == ["good", "weak", "none"]
    assert values["ranking"][1]["beaten_by"] == ["good"]
    pair = next(pair for pair in values["main"]["pairs"] if {pair["first"], pair["second"]} == {"good", "weak"})
    assert (pair["only_tuned_right"], pair["only_other_right"], pair["test"]) == (18, 0, "mcnemar-exact")
    assert outcome_of(values["main"], "weak", "good") == "worse"


def test_a_tie_is_decided_by_what_it_costs(workspace: Workspace) -> None:
    prices = [system("dear", price_per_hour=1000.0), system("cheap", price_per_hour=1.0)]
    replies = {"dear": knows(ROWS), "cheap": knows(ROWS, wrong_every=30)}
    split = split_in(workspace, train=TRAIN, validation=[], test=TEST)
    made = stage.compare(
        prices,
        split,
        {"dear": split},
        settings=resolved(task="classify", metrics=["accuracy"]),
        out=workspace,
        open_model=lambda one, _settings: FakeAnswerer(replies[one.name]),
    )
    assert made.json("comparison.json")["best"] == "cheap"
    assert told(made)[0].startswith("Take `cheap`: accuracy 94.4 %")
    assert "not beyond chance behind `dear`" in told(made)[0]
    assert " times cheaper" in told(made)[0]
    assert told(made)[1].startswith("The 36 rows of `test` can only show gains above ")


def test_without_a_clear_reason_the_highest_is_taken_and_the_tie_is_said(workspace: Workspace) -> None:
    made = compared(
        workspace, {"one": knows(ROWS, wrong_every=30), "two": knows(ROWS, wrong_every=18)}, metrics=["accuracy"]
    )
    assert "may be chance" in told(made)[0] or "times faster" in told(made)[0]


def test_every_item_is_kept_and_the_page_shows_where_they_differ(workspace: Workspace) -> None:
    made = compared(
        workspace,
        {"good": knows(ROWS), "<b>": knows(ROWS, wrong_every=2)}
        if False
        else {"good": knows(ROWS), "weak": knows(ROWS, wrong_every=2)},
    )
    rows = [json.loads(line) for line in made.file("items.jsonl").read_text("utf-8").splitlines()]
    assert [row["id"] for row in rows] == [row.id for row in TEST]
    differing = [row for row in rows if row["right"]["good"] != row["right"]["weak"]]
    page = made.file("report.html").read_text("utf-8")
    assert len(differing) == 18
    assert page.count('<article class="failure">') == 18
    assert "順位" in page
    assert "Leaderboard" in page
    assert "http" not in page.replace("http-equiv", "")


def test_rows_that_a_version_learnt_from_are_said(workspace: Workspace) -> None:
    split = split_in(workspace, train=TRAIN, validation=[], test=TEST)
    leaky = split_in(workspace, train=[*TRAIN, *TEST[:5]], validation=[], test=TEST)
    made = stage.compare(
        [system("a"), system("b")],
        split,
        {"a": leaky, "b": split},
        settings=resolved(task="classify", metrics=["accuracy"]),
        out=workspace,
        open_model=lambda _one, _settings: FakeAnswerer(clueless),
    )
    assert told(made)[-1] == "`a` learnt from 5 of the 36 questions: its figures flatter it"


def test_a_system_that_says_nothing_is_named(workspace: Workspace) -> None:
    quiet = knows(ROWS)
    made = compared(workspace, {"good": quiet, "mute": lambda text: "" if "car" in text else quiet(text)})
    count = sum("car" in row.question for row in TEST)
    assert told(made)[-1].startswith(f"`mute` gave no answer to {count} of the 36 questions")


def test_instruction_and_examples_stand_before_each_question() -> None:
    one = system("few", instruction="Answer in one word.", shots=3)
    talks = conversations(one, TEST, TRAIN, seed=1)
    assert talks[0][0] == Message("system", "Answer in one word.")
    assert [turn.role for turn in talks[0][1:]] == ["user", "assistant"] * 3 + ["user"]
    assert talks[0][-1].content == TEST[0].question
    assert talks[0][1:7] == talks[1][1:7]  # the same for all
    near = conversations(system("near", shots=2, shots_by="nearest"), ROWS[::2], ROWS[1::2], seed=1)
    assert near[0][:4] != near[20][:4]
    assert {len(talk) for talk in near} == {5}
    same = conversations(one, TRAIN[:1], TRAIN, seed=1)  # an example never asks the question itself
    assert TRAIN[0].question not in {turn.content for turn in same[0][:-1]}
    with pytest.raises(InputError, match="too few for 40 examples"):
        conversations(system("many", shots=40), TEST, TRAIN, seed=1)


@pytest.mark.parametrize("shots_by", ["random", "nearest"])
def test_no_example_asks_the_question_itself_however_it_is_written(shots_by: str) -> None:
    question = ROWS[0]
    asked = question.question
    messages = [(Message("user", text), question.messages[1]) for text in (asked, f" {asked} ", asked.upper())]
    twins = [replace(question, id=f"twin{n}", messages=said) for n, said in enumerate(messages)]
    one = system("few", shots=3, shots_by=shots_by)
    [talk] = conversations(one, [question], [*twins, *ROWS[1:5]], seed=1)
    shown = [compact(message.content) for message in talk[:-1] if message.role == "user"]
    assert len(shown) == 3
    assert compact(asked) not in shown


def test_what_nobody_could_want_is_neither_reference_nor_example(workspace: Workspace) -> None:
    bad = [replace(row, id=f"bad{n}", desirable=False) for n, row in enumerate(TEST[:4])]
    made = compared(workspace, {"good": knows(ROWS), "bad": clueless}, test=[*TEST, *bad])
    assert made.json("comparison.json")["rows"] == len(TEST)


def test_a_column_for_groups_that_is_not_there_is_refused_before_anybody_is_asked(workspace: Workspace) -> None:
    with pytest.raises(UnknownName, match=r"evaluate\.group_by"):
        compared(workspace, {"good": knows(ROWS), "bad": clueless}, group_by="custmer")


@pytest.fixture
def endpoint() -> Iterator[Fake]:
    with serving() as fake:
        fake.reply = knows(ROWS, wrong_every=3)
        yield fake


def paid(fake: Fake, **more: Any) -> Contestant:
    values = {"base_url": fake.base_url, "model": "big", "price_in": 1.0, "price_out": 2.0, "attempts": 1}
    return system("big", endpoint={**values, **more})


def test_an_endpoint_is_compared_with_its_seconds_and_cost(workspace: Workspace, endpoint: Fake) -> None:
    made = compared(workspace, {"mine": knows(ROWS)}, paid(endpoint))
    figures = {one["metric"]: one for one in made.json("comparison.json")["figures"]}
    assert figures["accuracy"]["systems"]["big"]["value"] == pytest.approx(2 / 3, abs=1e-6)
    assert figures["cost"]["systems"]["big"]["value"] == pytest.approx((TOKENS_IN + 2 * TOKENS_OUT) / 1e3, abs=1e-6)
    assert set(figures["latency"]["systems"]) == {"mine", "big"}
    assert figures["latency"]["systems"]["mine"]["n"] == 30
    assert figures["tokens"]["systems"]["big"]["value"] == TOKENS_OUT
    assert 'class="curve"' in made.file("report.html").read_text("utf-8")


def test_cut_off_it_asks_only_for_what_is_missing(tmp_path: Path, endpoint: Fake) -> None:
    out = Workspace(tmp_path / "home")
    endpoint.before = lambda number: 400 if number == 20 else 0
    mine = FakeAnswerer(knows(ROWS))
    with pytest.raises(InputError, match=r"refuses the request.*the endpoint of big"):
        compared(out, {"mine": mine}, paid(endpoint))
    asked = len(mine.asked)
    endpoint.before = lambda _number: 0
    compared(out, {"mine": mine}, paid(endpoint, attempts=3))  # how patient one is changes no answer
    assert len(endpoint.prompts) == len(TEST)
    assert len(mine.asked) == asked
    dying = FakeAnswerer(knows(ROWS), cut_after=9)
    with pytest.raises(Cut):
        compared(out, {"mine": mine, "late": dying})
    dying.cut_after = None
    compared(out, {"mine": mine, "late": dying})
    assert len(set(dying.asked)) == len(TEST)


def test_a_cap_on_cost_stops_before_it_is_passed_and_goes_on_when_raised(workspace: Workspace, endpoint: Fake) -> None:
    with pytest.raises(InputError, match=r"would cost more than its most_cost.*Set endpoint\.most_cost higher"):
        compared(workspace, {"mine": clueless}, paid(endpoint, most_cost=0.003))
    before = len(endpoint.prompts)
    assert 0 < before < len(TEST)
    compared(workspace, {"mine": clueless}, paid(endpoint))
    assert len(endpoint.prompts) == len(TEST)


def test_an_endpoint_that_does_not_answer_is_an_error(workspace: Workspace, endpoint: Fake) -> None:
    endpoint.before = lambda _number: 503
    with pytest.raises(InputError, match="gave no answer in 1 attempts"):
        compared(workspace, {"mine": clueless}, paid(endpoint))


@pytest.mark.parametrize("names", [["a"], ["a", "b", "a"]])
def test_a_comparison_needs_two_systems_of_different_names(workspace: Workspace, names: list[str]) -> None:
    split = split_in(workspace, train=TRAIN, validation=[], test=TEST)
    with pytest.raises(InputError, match="at least two systems"):
        stage.compare([system(name) for name in names], split, {}, settings=resolved(), out=workspace)


def test_equal_comparisons_are_found_again(workspace: Workspace) -> None:
    first = compared(workspace, {"good": knows(ROWS), "none": clueless})
    silent = FakeAnswerer(clueless, cut_after=0)
    again = compared(workspace, {"good": silent, "none": silent})
    assert files_of(again.folder) == files_of(first.folder)


def written(folder: Path, text: str) -> Path:
    path = folder / "systems.yaml"
    path.write_text(text, encoding="utf-8")
    return path


GOOD = """
systems:
  - {name: few, base: kitae-nano, instruction: "一語で答えてください", shots: 4}
  - {name: gpt, endpoint: {base_url: "http://model.test/v1", model: m}}
"""


def test_a_file_of_systems(tmp_path: Path) -> None:
    few, gpt = load_contestants(written(tmp_path, GOOD))
    assert (few.shots, few.instruction) == (4, "一語で答えてください")
    assert gpt.endpoint is not None
    assert gpt.endpoint.temperature == 0.0


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("systems: [{name: a}]", InputError, "a must be exactly one of version, base and endpoint.*none"),
        ("systems: [{name: a, base: b, version: c}]", InputError, "exactly one of.*base.*version"),
        ("systems: [{name: a, base: b, shot: 3}]", UnknownName, "'shot'.*Did you mean 'shots'"),
        ("systems: []", RecipeError, "systems needs at least 1"),
        ("[1]", RecipeError, "begins with `systems:`"),
        (
            "systems: [{name: a, endpoint: {base_url: 'http://x/v1', model: m}, price_per_hour: 1}]",
            InputError,
            "paid by the token",
        ),
    ],
)
def test_wrong_files_of_systems(tmp_path: Path, text: str, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        load_contestants(written(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="there is no list of systems at"):
        load_contestants(tmp_path / "none.yaml")
