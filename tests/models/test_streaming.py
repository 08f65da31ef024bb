"""Streaming: whole characters only, the same answer for the same seed, greedy equal to batched generation."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import build_tokenizer

from kitae.core.chat import end_token_ids, prompt_ids
from kitae.core.records import Message
from kitae.errors import InputError
from kitae.models import Limits, generate, load
from kitae.models.drawing import Dice, draw
from kitae.models.streaming import HALF, Detokenizer, Sampling, tokens

TOKENIZER = build_tokenizer()
ODD = "温泉は♨️です。👨‍👩‍👧 ｶﾞ が é"


def text_of(loaded, prompt, **sampling):
    text = Detokenizer(loaded.tokenizer)
    return "".join(map(text.push, tokens(loaded, prompt, Sampling(**sampling)))) + text.flush()


def pieces_of(ids):
    text = Detokenizer(TOKENIZER)
    return [*(text.push(token) for token in ids), text.flush()]


@given(st.text(max_size=40).filter(lambda text: HALF not in text))
def test_pieces_join_to_the_text_and_never_show_half_a_character(text):
    ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    pieces = pieces_of(ids)
    assert "".join(pieces) == TOKENIZER.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert not any(HALF in piece for piece in pieces)


def test_japanese_comes_character_by_character():
    ids = TOKENIZER(ODD, add_special_tokens=False)["input_ids"]
    assert len(ids) > len(ODD)  # so that characters are split over tokens
    pieces = pieces_of(ids)
    assert "".join(pieces) == ODD
    assert sum(bool(piece) for piece in pieces) > 10


def test_bytes_that_never_become_a_character_are_shown_at_the_end():
    whole = TOKENIZER("♨", add_special_tokens=False)["input_ids"]
    pieces = pieces_of(whole[:-1])
    assert [*pieces[:-1]] == [""] * (len(whole) - 1)
    assert set(pieces[-1]) == {HALF}


def test_greedy_equals_generate(base):
    loaded = load(base, precision="fp32")
    prompt = prompt_ids(loaded.tokenizer, (Message("user", "朝食は何時?"),))
    stop = end_token_ids(loaded.tokenizer)
    answer = generate(loaded, [prompt], Limits(24, 1, frozenset(stop)))[0]
    text = loaded.tokenizer.decode(answer, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert text_of(loaded, prompt, max_new_tokens=24) == text


def test_the_seed_decides(base_of):
    loaded = load(base_of("llama"), precision="fp32")
    prompt = [20, 30, 40]

    def drawn(seed):
        return text_of(loaded, prompt, max_new_tokens=20, temperature=3.0, seed=seed)

    assert drawn(1) == drawn(1)
    assert len({drawn(seed) for seed in range(5)}) > 1


def test_draws_follow_the_probabilities_and_top_p():
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    dice = Dice(0)

    def drawn(count, temperature=1.0, top_p=1.0):
        rows = draw(logits.expand(count, -1), temperature, top_p, [dice.roll([0])[0] for _ in range(count)])
        return Counter(rows.tolist())

    counts = drawn(4000)
    assert all(abs(counts[token] / 4000 - chance) < 0.03 for token, chance in enumerate((0.5, 0.3, 0.15, 0.05)))
    for top_p, kept in ((0.79, {0, 1}), (0.81, {0, 1, 2}), (1e-9, {0})):
        assert set(drawn(400, top_p=top_p)) == kept
    assert drawn(1000, temperature=0.2)[0] > 900
    assert draw(logits, 1.0, 1.0, [1 - 1e-12]).tolist() == [3]


def test_a_prompt_without_room(base_of):
    loaded = load(base_of("llama"), precision="fp32")
    for prompt in ([], [7] * 256):
        with pytest.raises(InputError):
            list(tokens(loaded, prompt, Sampling(4)))
