"""Choosing among labels: equal to scoring every label in full after every prompt."""

import random

import pytest
import torch

from kitae.errors import InputError
from kitae.models import choose, load, scoring
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


def test_equal_to_plain_scoring(base, questions):
    prompts, choices = questions
    loaded = load(base, precision="fp32")
    expected = plainly(loaded, prompts, choices)
    got = score(Forward(loaded.model), prompts, [build_trie(choices)])
    assert (got - expected).abs().max() < 1e-4
    for rows in (1, 5, 100):
        assert choose(loaded, prompts, choices, batch_rows=rows) == expected.argmax(-1).tolist()


def test_one_tree_or_many_give_the_same(base, questions, monkeypatch):
    prompts, choices = questions
    loaded = load(base, precision="fp32")
    expected = choose(loaded, prompts, choices, batch_rows=4)
    monkeypatch.setattr(scoring, "LOGIT_NUMBERS", 20 * loaded.facts.vocabulary)
    assert choose(loaded, prompts, choices, batch_rows=4) == expected


def test_a_choice_may_begin_another_and_a_tie_goes_to_the_first(base_of):
    loaded = load(base_of("llama"), precision="fp32")
    choices = [[7], [7, 8], [7, 8, 9], [7, 8]]
    expected = plainly(loaded, [[20, 30]], choices)
    got = score(Forward(loaded.model), [[20, 30]], [build_trie(choices)])
    assert (got - expected).abs().max() < 1e-4
    assert choose(loaded, [[20, 30]], [[7, 8], [7, 8]], batch_rows=1) == [0]


def test_reported_once_and_resumed(base_of, questions):
    prompts, choices = questions
    loaded = load(base_of("llama"), precision="fp32")
    seen = []
    expected = choose(loaded, prompts, choices, batch_rows=4, on_done=lambda *row: seen.append(row))
    assert sorted(seen) == sorted(enumerate(expected))
    again = []
    resumed = choose(
        loaded, prompts, choices, batch_rows=4, known=dict(seen[:6]), on_done=lambda *row: again.append(row)
    )
    assert (resumed, again) == (expected, seen[6:])


def test_the_tree_holds_shared_beginnings_once():
    trie = build_trie([[5, 6, END], [5, 7, END], [5, 6, 8]])
    assert len(trie.tokens) == 6
    assert [trie.tokens[node] for node in trie.inner] == [5, 6, 7]
    assert all(parent < node for node, parent in enumerate(trie.parents))
    assert [[trie.tokens[node] for node in path] for path in trie.paths] == [[5, 6, END], [5, 7, END], [5, 6, 8]]


@pytest.mark.parametrize("choices", [[], [[7], []]])
def test_no_or_empty_choices(choices, base_of):
    with pytest.raises(InputError, match="at least one choice"):
        choose(load(base_of("llama"), precision="fp32"), [[7]], choices, batch_rows=1)


def test_a_prompt_without_room_for_the_longest_choice(base_of):
    with pytest.raises(InputError, match="no room"):
        choose(load(base_of("gpt2"), precision="fp32"), [[7] * 250], [[8] * 10], batch_rows=1)
