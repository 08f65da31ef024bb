"""The classical baseline learns what is easy, and never fails on odd text."""

import pytest

from kitae.core.records import Record
from kitae.evaluate.baseline import fit, nearest_question
from kitae.evaluate.rouge import exact_form

from .desk import desk, record

TRAIN = desk(frames=slice(0, 2))


def test_it_learns_an_easy_faq_in_both_languages() -> None:
    test = desk(frames=slice(3, 4))
    baseline = fit(TRAIN, desk(frames=slice(2, 3)))
    given = baseline.answer([row.question for row in test])
    assert sum(answer == row.answer for answer, row in zip(given, test, strict=True)) / len(test) >= 0.9
    assert set(baseline.validation) == {"nearest question", "TF-IDF + logistic regression"}
    assert baseline.validation[baseline.name] == max(baseline.validation.values())


RARE = [record(f"hello there number {n}", "common") for n in range(60)] + [record("hello there number 9z", "rare")]
WRONGLY_LABELLED = [
    *[record(f"parking for my {word}", "yes") for word in ("car", "van", "truck", "bike", "bus", "tractor", "scooter")],
    record("parking for my motorbike", "no"),
    *[record(f"breakfast with {word}", "no") for word in ("eggs", "rice", "fish", "bread", "tea", "miso", "soup")],
]


@pytest.mark.parametrize(
    ("train", "asked", "answer", "winner"),
    [
        (RARE, "hello there number 9z", "rare", "nearest question"),
        (WRONGLY_LABELLED, "parking for my motorbikes", "yes", "TF-IDF + logistic regression"),
    ],
    ids=["one rare row", "one wrong row"],
)
def test_the_better_method_on_the_validation_split_answers(
    train: list[Record], asked: str, answer: str, winner: str
) -> None:
    baseline = fit(train, [record(asked, answer), train[0]])
    assert baseline.name == winner
    assert sorted(baseline.validation.values()) == [0.5, 1.0]
    assert baseline.answer([asked]) == [answer]


def test_answers_that_never_repeat_are_left_to_the_nearest_question() -> None:
    train = [record(f"What is item {n}?", f"It is {n}.") for n in range(30)]
    baseline = fit(train, [])
    assert baseline.name == "nearest question"
    assert baseline.answer(["what is ITEM 17"]) == ["It is 17."]


def test_one_answer_only_is_no_classification() -> None:
    assert fit([record(f"q{n}", "same") for n in range(9)], [record("q", "same")]).answer(["x"]) == ["same"]


@pytest.mark.parametrize("questions", [["", ""], ["?", "！"], ["\u200b", " "], ["🙂", "🙃🙃"]])
def test_odd_questions_do_no_harm(questions: list[str]) -> None:
    train = [record(question, answer) for question, answer in zip(questions * 3, ["a", "b"] * 3, strict=True)]
    baseline = fit(train, train)
    assert set(baseline.answer(["", "🙂", "normal text", *questions])) <= {"a", "b"}
    assert baseline.answer([]) == []


def test_spellings_of_one_answer_are_one_class_and_the_commonest_is_given() -> None:
    answers = ["無料です。", "無料です。", " 無料です。", "有料 です。", "有料　です。", "有料　です。"]
    train = [record(f"{'駐車' if n < 3 else '朝食'} {n}", answer) for n, answer in enumerate(answers)]
    baseline = fit(train, [])
    assert baseline.name == "TF-IDF + logistic regression"
    assert baseline.answer(["駐車", "朝食"]) == ["無料です。", "有料　です。"]
    assert len({exact_form(answer) for answer in answers}) == 2


def test_the_nearest_question_ignores_case_and_width() -> None:
    assert nearest_question(["When is breakfast?", "Ｗｉ－Ｆｉはありますか"])(["WI-FI", "BREAKFAST"]) == [1, 0]
