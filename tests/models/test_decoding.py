"""Batched generation: token for token what transformers writes for one prompt at a time, greedy or drawn."""

import random
import re
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest
import torch
from transformers import GenerationConfig

from kitae.core.chat import end_token_ids
from kitae.errors import InputError
from kitae.models import Limits, before_stop, generate, load
from kitae.models.streaming import Sampling, tokens

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
    # Greedy, so that a stop token only ends an answer that begins in the same way.
    ends = [next((at for at, token in enumerate(answer) if token in stop), LONGEST) for answer in free]
    return loaded, prompts, stop, [answer[:end] for answer, end in zip(free, ends, strict=True)]


@pytest.fixture
def case(base):
    """A model, prompts, stop tokens that end many answers early and some not, and the expected answers."""
    return case_of(base)


@pytest.mark.parametrize("batch_rows", [1, 3, 8, 64])
def test_equal_to_one_by_one(case, batch_rows):
    loaded, prompts, stop, expected = case
    assert 0 < sum(len(answer) == LONGEST for answer in expected) < len(expected)
    got = generate(loaded, prompts, Limits(LONGEST, batch_rows, frozenset(stop)))
    assert got == expected


def test_each_row_is_reported_once_as_soon_as_it_is_done(case):
    loaded, prompts, stop, expected = case
    seen = []
    generate(
        loaded,
        prompts,
        Limits(LONGEST, 64, frozenset(stop)),
        on_done=lambda index, answer: seen.append((index, answer)),
    )
    assert sorted(seen) == sorted(enumerate(expected))
    # All rows begin together here, so those that took fewer steps are done first.
    steps = [min(len(answer) + 1, LONGEST) for _, answer in seen]
    assert steps == sorted(steps)


def test_a_resumed_call_computes_only_blocks_that_were_not_finished(case):
    loaded, prompts, stop, expected = case
    limits = Limits(LONGEST, 2, frozenset(stop))
    order = []
    generate(loaded, prompts, limits, on_done=lambda index, _: order.append(index))
    known = {index: expected[index] for index in order[:17]}
    again = []
    got = generate(loaded, prompts, limits, known=known, on_done=lambda index, _: again.append(index))
    assert got == expected
    assert sorted(again) == sorted(order[17:])
    untouched = generate(
        loaded, prompts, limits, known=dict(enumerate(expected)), on_done=lambda *_: pytest.fail("computed again")
    )
    assert untouched == expected


def test_no_prompts(base_of):
    loaded = load(base_of("llama"), precision="fp32")
    assert generate(loaded, [], Limits(5, 4, frozenset())) == []


def test_answers_end_where_positions_end(base_of):
    for kind in ("gpt2", "llama"):
        loaded = load(base_of(kind), precision="fp32")
        prompts = [*prompts_of(1, longest=2), list(range(6, 6 + 250)), list(range(100, 355))]
        answers = generate(loaded, prompts, Limits(12, 2, frozenset()))
        assert [len(answer) for answer in answers] == [12, 6, 1]


def test_prompts_that_cannot_be_answered(base_of):
    loaded = load(base_of("llama"), precision="fp32")
    for prompts, words in (([[7], []], "empty"), ([[7] * 256], "at most 256 tokens")):
        with pytest.raises(InputError, match=words):
            generate(loaded, prompts, Limits(5, 4, frozenset()))


def test_more_prompt_tokens_than_fit_at_once(base_of, monkeypatch):
    from kitae.models import decoding

    loaded = load(base_of("llama"), precision="fp32")
    prompts = prompts_of(20)
    expected = generate(loaded, prompts, Limits(8, 16, frozenset([1])))
    monkeypatch.setattr(decoding, "PREFILL_TOKENS", 50)
    assert generate(loaded, prompts, Limits(8, 16, frozenset([1]))) == expected


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
    assert generate(loaded, prompts, Limits(LONGEST, 4, frozenset([1]))) == expected
    limits = Limits(LONGEST, 4, frozenset([1]), temperature=2.0, seed=3)
    drawn = generate(loaded, prompts, limits)
    assert drawn != expected
    assert drawn[0] == list(tokens(loaded, prompts[0], Sampling(LONGEST, temperature=2.0, seed=3)))


@pytest.mark.parametrize("batch_rows", [3, 64])
def test_drawn_answers_follow_from_seed_and_number_alone(base_of, batch_rows):
    loaded = load(base_of("llama"), precision="fp32")
    prompts = prompts_of(10)
    drawn = Limits(LONGEST, batch_rows, frozenset([1]), temperature=1.5, top_p=0.9, seed=5)
    answers = generate(loaded, prompts, drawn)
    assert answers == generate(loaded, prompts, replace(drawn, batch_rows=10))
    assert answers != generate(loaded, prompts, replace(drawn, seed=6))
    assert generate(loaded, [prompts[3]] * 3, drawn) != [answers[3]] * 3
    kept = {index: answers[index] for index in range(0, 10, 3)}
    again = {}
    assert generate(loaded, prompts, drawn, known=kept, on_done=again.__setitem__) == answers
    assert kept.keys() & again.keys() == set()


def test_drawn_answers_are_those_of_streaming(base):
    loaded = load(base, precision="fp32")
    for prompt in prompts_of(3):
        limits = Limits(LONGEST, 1, frozenset(end_token_ids(loaded.tokenizer)), temperature=1.2, top_p=0.8, seed=9)
        streamed = list(tokens(loaded, prompt, Sampling(LONGEST, 1.2, 0.8, seed=9)))
        assert generate(loaded, [prompt], limits) == [streamed]


@pytest.mark.parametrize("batch_rows", [1, 16])
def test_an_answer_ends_with_the_token_that_completes_a_stop_text(base_of, batch_rows):
    loaded = load(base_of("llama"), precision="fp32")
    prompts = prompts_of(16)

    def decode(ids):
        return loaded.tokenizer.decode(ids, skip_special_tokens=True)

    free = generate(loaded, prompts, Limits(40, 16, frozenset()))
    pairs = Counter(pair for answer in free for pair in re.findall(r"(?=([a-z ]{2}))", decode(answer)))
    stops = tuple(pair for pair, _ in pairs.most_common(3))
    stopped = generate(loaded, prompts, Limits(40, batch_rows, frozenset(), stop_texts=("", *stops)))
    assert stopped != free
    for short, long in zip(stopped, free, strict=True):
        assert long[: len(short)] == short
        held = [any(stop in decode(short[:size]) for stop in stops) for size in range(len(short) + 1)]
        assert not any(held[:-1])
        assert held[-1] or short == long
        assert before_stop(decode(short), stops) == before_stop(decode(long), stops)
