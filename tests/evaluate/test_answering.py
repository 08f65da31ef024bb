"""A real (tiny, random) model behind the three verbs."""

from pathlib import Path
from typing import Any

import pytest
from tiny import POSITIONS, build_tiny

from kitae import models
from kitae.core.chat import encode, end_token_ids, prompt_ids
from kitae.core.records import Message
from kitae.errors import BaseError
from kitae.evaluate.answering import UNREADABLE, ModelAnswerer, open_model

from .desk import resolved

QUESTIONS = ["チェックインは何時ですか", "Is parking free?", "朝食", "When is breakfast, please?", "温泉はありますか"]
CHOICES = ["駐車場は無料です。", "Breakfast is at seven.", "はい"]


@pytest.fixture(scope="module")
def answerer(tmp_path_factory: pytest.TempPathFactory) -> ModelAnswerer:
    base = build_tiny("llama", Path(tmp_path_factory.mktemp("base")))
    return ModelAnswerer(models.load(str(base), precision="fp32"), max_new_tokens=12, batch_rows=2)


def asked(*questions: str) -> list[tuple[Message, ...]]:
    return [(Message("user", question),) for question in questions]


def answers(answerer: ModelAnswerer, questions: list[str], known: dict[int, list[int]] | None = None) -> dict[int, Any]:
    found: dict[int, Any] = {}
    answerer.answer(asked(*questions), known=known or {}, on_done=found.__setitem__)
    return found


def chosen(answerer: ModelAnswerer, questions: list[str], known: dict[int, int] | None = None) -> dict[int, int]:
    found: dict[int, int] = {}
    answerer.choose(asked(*questions), CHOICES, known=known or {}, on_done=found.__setitem__)
    return found


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
    picked = chosen(answerer, QUESTIONS)
    assert chosen(answerer, QUESTIONS, known={0: picked[0]}) == {i: picked[i] for i in (1, 2, 3, 4)}


def test_the_choice_is_the_likeliest_answer_as_training_ends_it(answerer: ModelAnswerer) -> None:
    import torch

    model, tokenizer = answerer.loaded.model, answerer.loaded.tokenizer
    picked = chosen(answerer, QUESTIONS)
    for index, question in enumerate(QUESTIONS):
        scores = []
        for choice in CHOICES:
            row = encode(tokenizer, [(Message("user", question), Message("assistant", choice))])[0][0]
            assert list(row.ids[: row.trained.index(True)]) == prompt_ids(tokenizer, asked(question)[0])
            with torch.inference_mode():
                logits = model(input_ids=torch.tensor([row.ids])).logits[0].log_softmax(-1)
            steps = [place for place, trained in enumerate(row.trained) if trained]
            scores.append(sum(float(logits[place - 1, row.ids[place]]) for place in steps))
        assert picked[index] == max(range(len(CHOICES)), key=scores.__getitem__)


def test_a_question_too_long_to_read_is_a_failure_and_stops_nothing(answerer: ModelAnswerer) -> None:
    long = "長い質問" * POSITIONS
    questions = [QUESTIONS[0], long, QUESTIONS[2]]
    found = answers(answerer, questions)
    assert found[1] == []
    assert {index: found[index] for index in (0, 2)} == {
        0: answers(answerer, [QUESTIONS[0]])[0],
        2: answers(answerer, [QUESTIONS[2]])[0],
    }
    assert chosen(answerer, questions)[1] == UNREADABLE
    assert set(chosen(answerer, [long])) == {0}


def test_tokens_become_text_without_special_tokens(answerer: ModelAnswerer) -> None:
    tokenizer = answerer.loaded.tokenizer
    ids = tokenizer(" 朝食は七時です。 ", add_special_tokens=False)["input_ids"]
    assert answerer.text([*ids, *end_token_ids(tokenizer)]) == "朝食は七時です。"


def test_a_base_that_changed_since_it_was_planned_with_is_refused() -> None:
    with pytest.raises(BaseError, match="the base has changed since it was planned with"):
        open_model(resolved(), None)
