"""Choosing among labels: equal to scoring every label in full after every prompt."""

import random

import pytest
import torch

from kitae.errors import InputError
from kitae.models import likelihood, load, scoring, weigh
from kitae.models.cache import Forward
from kitae.models.scoring import build_trie, score

END = 1


@pytest.fixture(scope="module")
def questions():
    dice = random.Random(0)
    prompts = [[dice.randrange(6, 384) for _ in range(dice.randrange(1, 40))] for _ in range(12)]
    choices = [[dice.choice((7, 8, 9)) for _ in range(dice.randrange(1, 12))] + [END] for _ in range(25)]
    return prompts, choices


@torch.no_grad()
def plainly(loaded, prompts, choices):
    """Log-probability of every choice after every prompt, one full forward pass each."""
    rows = []
    for prompt in prompts:
        row = []
        for choice in choices:
            logits = loaded.model(input_ids=torch.tensor([[*prompt, *choice]])).logits[0].log_softmax(-1)
            row.append(sum(logits[len(prompt) - 1 + at, token].item() for at, token in enumerate(choice)))
        rows.append(row)
    return torch.tensor(rows)


def weighed(loaded, prompts, choices, **settings):
    found = {}
    weigh(loaded, prompts, choices, on_done=found.__setitem__, **{"batch_rows": 4, **settings})
    return found


def test_equal_to_plain_scoring(base, questions):
    prompts, choices = questions
    loaded = load(base, precision="fp32")
    expected = plainly(loaded, prompts, choices)
    got = score(Forward(loaded.model), prompts, [build_trie(choices)])
    assert (got - expected).abs().max() < 1e-4
    for rows in (1, 5, 100):
        found = weighed(loaded, prompts, choices, batch_rows=rows)
        assert (torch.tensor([found[row] for row in range(len(prompts))]) - expected).abs().max() < 1e-4


def test_one_tree_or_many_give_the_same(base, questions, monkeypatch):
    prompts, choices = questions
    loaded = load(base, precision="fp32")
    expected = weighed(loaded, prompts, choices)
    monkeypatch.setattr(scoring, "LOGIT_NUMBERS", 20 * loaded.facts.vocabulary)
    again = weighed(loaded, prompts, choices)
    assert all(again[row] == pytest.approx(expected[row], abs=1e-4) for row in range(len(prompts)))


def test_a_choice_may_begin_another_and_equal_ones_are_equal(base_of):
    loaded = load(base_of("llama"), precision="fp32")
    choices = [[7], [7, 8], [7, 8, 9], [7, 8]]
    expected = plainly(loaded, [[20, 30]], choices)
    got = score(Forward(loaded.model), [[20, 30]], [build_trie(choices)])
    assert (got - expected).abs().max() < 1e-4
    assert got[0, 1] == got[0, 3]


def test_reported_once_and_resumed(base_of, questions):
    prompts, choices = questions
    loaded = load(base_of("llama"), precision="fp32")
    expected = weighed(loaded, prompts, choices)
    assert sorted(expected) == list(range(len(prompts)))
    done = list(expected)[:6]
    rest = weighed(loaded, prompts, choices, known=done)
    assert rest == {index: expected[index] for index in expected if index not in done}
    weigh(loaded, prompts, choices, batch_rows=4, known=list(expected), on_done=lambda *_: pytest.fail("weighed again"))


@pytest.mark.parametrize("batch_rows", [1, 5, 100])
def test_the_likelihood_of_an_answer_is_that_of_its_tokens_one_by_one(base, questions, batch_rows):
    prompts, choices = questions
    loaded = load(base, precision="fp32")
    answers = choices[: len(prompts)]
    expected = plainly(loaded, prompts, answers).diagonal()
    found = {}
    likelihood(loaded, prompts, answers, batch_rows=batch_rows, on_done=found.__setitem__)
    assert [found[row] for row in range(len(prompts))] == pytest.approx(expected.tolist(), abs=1e-4)
    rest = {}
    likelihood(loaded, prompts, answers, batch_rows=batch_rows, known={2, 3}, on_done=rest.__setitem__)
    assert rest == {row: found[row] for row in found if row not in {2, 3}}


def test_an_answer_that_has_no_likelihood(base_of):
    loaded = load(base_of("gpt2"), precision="fp32")
    for answers, words in (([[7], []], "answer 1"), ([[7], [8] * 10], "at most 256 tokens")):
        with pytest.raises(InputError, match=words):
            likelihood(loaded, [[7], [7] * 247], answers, batch_rows=2, on_done=lambda *_: None)


def test_the_tree_holds_shared_beginnings_once():
    trie = build_trie([[5, 6, END], [5, 7, END], [5, 6, 8]])
    assert len(trie.tokens) == 6
    assert [trie.tokens[node] for node in trie.inner] == [5, 6, 7]
    assert all(parent < node for node, parent in enumerate(trie.parents))
    assert [[trie.tokens[node] for node in path] for path in trie.paths] == [[5, 6, END], [5, 7, END], [5, 6, 8]]


@pytest.mark.parametrize("choices", [[], [[7], []]])
def test_no_or_empty_choices(choices, base_of):
    with pytest.raises(InputError, match="at least one choice"):
        weighed(load(base_of("llama"), precision="fp32"), [[7]], choices)


def test_a_prompt_without_room_for_the_longest_choice(base_of):
    with pytest.raises(InputError, match="no room"):
        weighed(load(base_of("gpt2"), precision="fp32"), [[7] * 250], [[8] * 10])
