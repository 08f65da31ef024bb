"""Batched generation: token for token what transformers writes for one prompt at a time."""

import random
from collections import Counter
from functools import cache

import pytest
import torch
from transformers import GenerationConfig

from kitae.errors import InputError
from kitae.models import generate, load

LONGEST = 14


def prompts_of(count, seed=0, longest=40):
    dice = random.Random(seed)
    return [[dice.randrange(6, 384) for _ in range(dice.randrange(1, longest))] for _ in range(count)]


def one_by_one(loaded, prompt, stop, longest=LONGEST):
    ids = torch.tensor([prompt])
    settings = GenerationConfig(max_new_tokens=longest, do_sample=False, eos_token_id=stop or None, pad_token_id=0)
    whole = loaded.model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=settings)
    answer = whole[0, len(prompt) :].tolist()
    return answer[:-1] if answer and answer[-1] in stop else answer


@cache
def case_of(base):
    loaded = load(base, precision="fp32")
    prompts = prompts_of(30)
    free = [one_by_one(loaded, prompt, []) for prompt in prompts]
    common = Counter(token for answer in free for token in answer).most_common()
    stop = [1, *(token for token, _ in common[3:9])]
    return loaded, prompts, stop, [one_by_one(loaded, prompt, stop) for prompt in prompts]


@pytest.fixture
def case(base):
    """A model, prompts, stop tokens that end many answers early and some not, and the expected answers."""
    return case_of(base)


@pytest.mark.parametrize("batch_rows", [1, 3, 8, 64])
def test_equal_to_one_by_one(case, batch_rows):
    loaded, prompts, stop, expected = case
    assert 0 < sum(len(answer) == LONGEST for answer in expected) < len(expected)
    got = generate(loaded, prompts, max_new_tokens=LONGEST, batch_rows=batch_rows, stop_ids=stop)
    assert got == expected


def test_each_row_is_reported_once_as_soon_as_it_is_done(case):
    loaded, prompts, stop, expected = case
    seen = []
    generate(
        loaded,
        prompts,
        max_new_tokens=LONGEST,
        batch_rows=64,
        stop_ids=stop,
        on_done=lambda index, answer: seen.append((index, answer)),
    )
    assert sorted(seen) == sorted(enumerate(expected))
    # All rows begin together here, so those that took fewer steps are done first.
    steps = [min(len(answer) + 1, LONGEST) for _, answer in seen]
    assert steps == sorted(steps)


def test_a_resumed_call_computes_only_blocks_that_were_not_finished(case):
    loaded, prompts, stop, expected = case
    settings = {"max_new_tokens": LONGEST, "batch_rows": 2, "stop_ids": stop}
    order = []
    generate(loaded, prompts, **settings, on_done=lambda index, _: order.append(index))
    known = {index: expected[index] for index in order[:17]}
    again = []
    got = generate(loaded, prompts, **settings, known=known, on_done=lambda index, _: again.append(index))
    assert got == expected
    assert sorted(again) == sorted(order[17:])
    untouched = generate(
        loaded, prompts, **settings, known=dict(enumerate(expected)), on_done=lambda *_: pytest.fail("computed again")
    )
    assert untouched == expected


def test_no_prompts(base_of):
    loaded = load(base_of("llama"), precision="fp32")
    assert generate(loaded, [], max_new_tokens=5, batch_rows=4, stop_ids=[]) == []


def test_answers_end_where_positions_end(base_of):
    for kind in ("gpt2", "llama"):
        loaded = load(base_of(kind), precision="fp32")
        prompts = [*prompts_of(1, longest=2), list(range(6, 6 + 250)), list(range(100, 355))]
        answers = generate(loaded, prompts, max_new_tokens=12, batch_rows=2, stop_ids=[])
        assert [len(answer) for answer in answers] == [12, 6, 1]


def test_prompts_that_cannot_be_answered(base_of):
    loaded = load(base_of("llama"), precision="fp32")
    for prompts, words in (([[7], []], "empty"), ([[7] * 256], "at most 256 tokens")):
        with pytest.raises(InputError, match=words):
            generate(loaded, prompts, max_new_tokens=5, batch_rows=4, stop_ids=[])


def test_more_prompt_tokens_than_fit_at_once(base_of, monkeypatch):
    from kitae.models import decoding

    loaded = load(base_of("llama"), precision="fp32")
    prompts = prompts_of(20)
    expected = generate(loaded, prompts, max_new_tokens=8, batch_rows=16, stop_ids=[1])
    monkeypatch.setattr(decoding, "PREFILL_TOKENS", 50)
    assert generate(loaded, prompts, max_new_tokens=8, batch_rows=16, stop_ids=[1]) == expected


def test_a_model_with_running_state_is_answered_too(tmp_path):
    """Mamba keeps no keys and values; rows cannot be shared out, so prompts are answered one at a time."""
    from tiny import build_tokenizer
    from transformers import MambaConfig, MambaForCausalLM

    config = MambaConfig(vocab_size=384, hidden_size=32, num_hidden_layers=2, state_size=8, initializer_range=0.3)
    torch.manual_seed(0)
    MambaForCausalLM(config).save_pretrained(tmp_path)
    build_tokenizer().save_pretrained(tmp_path)
    values = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(values.replace('"hidden_size"', '"num_attention_heads": 1, "hidden_size"'))
    loaded = load(str(tmp_path), precision="fp32")
    prompts = prompts_of(4)
    expected = [one_by_one(loaded, prompt, [1]) for prompt in prompts]
    assert generate(loaded, prompts, max_new_tokens=LONGEST, batch_rows=4, stop_ids=[1]) == expected
