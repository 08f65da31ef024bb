"""A real (tiny, random) model behind the three verbs."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny import POSITIONS, build_tiny

from kitae import models
from kitae.core.chat import encode, end_token_ids, prompt_ids
from kitae.core.records import Message
from kitae.errors import BaseError
from kitae.evaluate.answering import ModelAnswerer, open_model

from .desk import resolved

QUESTIONS = ["チェックインは何時ですか", "Is parking free?", "朝食", "When is breakfast, please?", "温泉はありますか"]
CHOICES = ["駐車場は無料です。", "Breakfast is at seven.", "はい"]


@pytest.fixture(scope="module")
def answerer(tmp_path_factory: pytest.TempPathFactory) -> ModelAnswerer:
    base = build_tiny("llama", Path(tmp_path_factory.mktemp("base")))
    loaded = models.load(str(base), precision="fp32")
    return ModelAnswerer(loaded, models.Limits(12, 2, frozenset(end_token_ids(loaded.tokenizer))))


def asked(*questions: str) -> list[tuple[Message, ...]]:
    return [(Message("user", question),) for question in questions]


def answers(answerer: ModelAnswerer, questions: list[str], known: dict[int, list[int]] | None = None) -> dict[int, Any]:
    found: dict[int, Any] = {}
    answerer.answer(asked(*questions), known=known or {}, on_done=found.__setitem__)
    return found


def weighed(answerer: ModelAnswerer, questions: list[str], known: Collection[int] = ()) -> dict[int, list[float]]:
    found: dict[int, list[float]] = {}
    answerer.weigh(asked(*questions), CHOICES, known=known, on_done=found.__setitem__)
    return found


def plainly(answerer: ModelAnswerer, question: str, answer: str) -> float:
    """The log-probability of an answer as training ends it, from one forward pass over the whole conversation."""
    import torch

    model, tokenizer = answerer.loaded.model, answerer.loaded.tokenizer
    row = encode(tokenizer, [(Message("user", question), Message("assistant", answer))])[0][0]
    assert list(row.ids[: row.trained.index(True)]) == prompt_ids(tokenizer, asked(question)[0])
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([row.ids])).logits[0].log_softmax(-1)
    steps = [place for place, trained in enumerate(row.trained) if trained]
    return sum(float(logits[place - 1, row.ids[place]]) for place in steps)


def test_together_and_one_by_one_give_the_same_answers(answerer: ModelAnswerer) -> None:
    together = answers(answerer, QUESTIONS)
    assert together == {index: answers(answerer, [question])[0] for index, question in enumerate(QUESTIONS)}
    assert all(len(tokens) <= 12 for tokens in together.values())
    assert not {token for tokens in together.values() for token in tokens} & set(
        end_token_ids(answerer.loaded.tokenizer)
    )


def test_what_is_known_is_not_answered_again(answerer: ModelAnswerer) -> None:
    every = answers(answerer, QUESTIONS)
    rest = answers(answerer, QUESTIONS, known={1: every[1], 3: every[3]})
    assert rest == {index: every[index] for index in (0, 2, 4)}
    scores = weighed(answerer, QUESTIONS)
    assert weighed(answerer, QUESTIONS, known=[0]) == {i: scores[i] for i in (1, 2, 3, 4)}


def test_choices_weigh_as_training_ends_them(answerer: ModelAnswerer) -> None:
    scores = weighed(answerer, QUESTIONS)
    for index, question in enumerate(QUESTIONS):
        assert scores[index] == pytest.approx([plainly(answerer, question, choice) for choice in CHOICES], abs=1e-4)


def test_the_likelihood_of_the_right_answer(answerer: ModelAnswerer) -> None:
    long = "長い質問" * POSITIONS
    found: dict[int, tuple[float | None, int]] = {}
    right = [*CHOICES, "はい"]
    answerer.likelihood(
        asked(*QUESTIONS[:3], long),
        right,
        known={1},
        on_done=lambda row, score, size: found.update({row: (score, size)}),
    )
    assert sorted(found) == [0, 2, 3]
    for row in (0, 2):
        score, size = found[row]
        assert score == pytest.approx(plainly(answerer, QUESTIONS[row], right[row]), abs=1e-4)
        assert size == len(answerer.loaded.tokenizer(right[row])["input_ids"]) + 1
    assert found[3][0] is None


def test_drawn_answers_end_before_a_stop_text(answerer: ModelAnswerer) -> None:
    free = replace(answerer, limits=replace(answerer.limits, temperature=1.0, seed=4, stop_ids=frozenset()))
    drawn = {index: answerer.text(tokens) for index, tokens in answers(free, QUESTIONS).items()}
    stop = next(text[3:5] for text in drawn.values() if len(text) > 5)
    stopped = replace(free, limits=replace(free.limits, stop_texts=(stop,)))
    ended = {index: stopped.text(tokens) for index, tokens in answers(stopped, QUESTIONS).items()}
    assert ended == {index: text.split(stop)[0].strip() for index, text in drawn.items()}
    assert ended != drawn


def test_a_question_too_long_to_read_is_a_failure_and_stops_nothing(answerer: ModelAnswerer) -> None:
    long = "長い質問" * POSITIONS
    questions = [QUESTIONS[0], long, QUESTIONS[2]]
    found = answers(answerer, questions)
    assert found[1] == []
    assert {index: found[index] for index in (0, 2)} == {
        0: answers(answerer, [QUESTIONS[0]])[0],
        2: answers(answerer, [QUESTIONS[2]])[0],
    }
    assert weighed(answerer, questions)[1] == []
    assert weighed(answerer, [long]) == {0: []}


def test_tokens_become_text_without_special_tokens(answerer: ModelAnswerer) -> None:
    tokenizer = answerer.loaded.tokenizer
    ids = tokenizer(" 朝食は七時です。 ", add_special_tokens=False)["input_ids"]
    assert answerer.text([*ids, *end_token_ids(tokenizer)]) == "朝食は七時です。"


def test_a_base_that_changed_since_it_was_planned_with_is_refused() -> None:
    with pytest.raises(BaseError, match="the base has changed since it was planned with"):
        open_model(resolved(), None)
