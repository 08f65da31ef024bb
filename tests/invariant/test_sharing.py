"""Shared beginnings = one by one: loss and every gradient, whatever rows share; and the trees hold every row."""

import itertools
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from invariant.families import CONFIGS, adapted, rows
from invariant.test_packing import METHODS, TOLERANCE, assert_same, one_by_one, packed

from kitae.core.chat import Tokens
from kitae.models.adapters import attach
from kitae.train.batches import computed, micro_batches
from kitae.train.learner import Learner
from kitae.train.rows import Row
from kitae.train.sharing import LEAST_SAVED, segments, trees


def family_rows() -> list[Row]:
    """A system prompt before several questions, two answers to one of them, a conversation and its beginning, twins."""
    [system, *questions] = rows((40, 9, 12, 7, 30, 11, 8, 25), seed=2)
    made = [joined(system, question) for question in questions[:3]]
    made += [joined(system, questions[0], questions[3]), joined(system, questions[0], questions[4])]
    made += [joined(questions[3], questions[5]), joined(questions[3], questions[6]), questions[3]]
    return [*made, made[0], *rows((20, 5))]


def joined(*parts: Row) -> Row:
    ids = tuple(itertools.chain.from_iterable(part.tokens.ids for part in parts))
    trained = tuple(itertools.chain.from_iterable(part.tokens.trained for part in parts))
    return Row(parts[0].record, Tokens(ids, trained, turns=2))


def tokens_through(learner: Learner, wanted: Sequence[Row], budget: int) -> int:
    return sum(batch.ids.shape[1] for batch in learner.micro_batches(wanted, budget=budget))


@pytest.mark.parametrize("embeddings", [False, True], ids=["", "embeddings"])
@pytest.mark.parametrize("kind", CONFIGS)
def test_shared_equals_one_by_one(kind: str, embeddings: bool) -> None:
    model = adapted(kind, embeddings=embeddings)
    wanted = family_rows()
    expected, expected_grads = one_by_one(model.eval(), wanted)
    loss, got, learner = packed(model, wanted, budget=1_000)
    assert learner.unshared is None
    assert tokens_through(learner, wanted, 1_000) < 0.6 * sum(map(len, wanted))
    assert abs(loss - expected) < TOLERANCE
    assert_same(got, expected_grads)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["llama", "gemma3", "gpt2"])
def test_every_kind_of_method_shares_as_its_own_code_would_train(kind: str, method: str) -> None:
    torch.manual_seed(4)
    base = adapted(kind).unload()
    model = attach(base, METHODS[method], seed=4)
    wanted = family_rows()
    expected, expected_grads = one_by_one(model.eval(), wanted)
    model.zero_grad()
    loss, got, learner = packed(model, wanted, budget=1_000)
    assert (learner.unshared is None) == (method != "prefix")
    assert abs(loss - expected) < TOLERANCE
    for name, grad in expected_grads.items():
        torch.testing.assert_close(got[name], grad, rtol=1e-4, atol=TOLERANCE, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("budget", [1, 70, 100, 200])
def test_a_beginning_is_computed_again_where_a_micro_batch_is_full(budget: int) -> None:
    model = adapted("llama")
    wanted = family_rows()
    expected, expected_grads = one_by_one(model.eval(), wanted)
    loss, got, learner = packed(model, wanted, budget=budget)
    longest = max(map(len, wanted))
    assert all(batch.ids.shape[1] <= max(budget, longest) for batch in learner.micro_batches(wanted, budget=budget))
    assert abs(loss - expected) < TOLERANCE
    assert_same(got, expected_grads)


def test_long_beginnings_and_long_rows() -> None:
    model = adapted("llama")
    model.config.max_position_embeddings = 2048
    [system, long, *questions] = rows((900, 800, 9, 790, 12), seed=2)
    wanted = [joined(system, question) for question in questions] + [long]
    expected, expected_grads = one_by_one(model.eval(), wanted)
    loss, got, learner = packed(model, wanted, budget=4_000)
    assert tokens_through(learner, wanted, 4_000) == sum(map(len, wanted)) - 2 * 900
    assert abs(loss - expected) < TOLERANCE
    assert_same(got, expected_grads)


def test_bf16_stays_near_fp32() -> None:
    wanted = family_rows()
    exact, exact_grads = one_by_one(adapted("llama").eval(), wanted)
    loss, got, learner = packed(adapted("llama", dtype=torch.bfloat16), wanted, budget=400)
    assert learner.unshared is None
    assert abs(loss - exact) / exact < 0.02
    for name, grad in exact_grads.items():
        cosine = torch.nn.functional.cosine_similarity(got[name].flatten(), grad.flatten(), dim=0)
        assert cosine > 0.98, name


def test_dropout_draws_for_each_row_anew() -> None:
    model = adapted("llama")
    for module in model.modules():
        if hasattr(module, "lora_dropout"):
            module.lora_dropout["default"] = torch.nn.Dropout(0.1)
    learner = Learner(model, longest_row=60)
    assert learner.unshared == "dropout draws for each row anew"
    assert learner.one_by_one is None
    assert tokens_through(learner, family_rows(), 1_000) == sum(map(len, family_rows()))


@st.composite
def families(draw: st.DrawFn) -> list[tuple[int, ...]]:
    """Rows made by going on from rows made before, so that they share much."""
    made: list[tuple[int, ...]] = []
    for _ in range(draw(st.integers(1, 14))):
        parent = draw(st.sampled_from(made)) if made and draw(st.booleans()) else ()
        cut = draw(st.integers(0, len(parent)))
        more = draw(st.lists(st.integers(2, 4), min_size=0 if cut else 1, max_size=60))
        made.append((*parent[:cut], *more))
    return made


@given(families(), st.integers(1, 300))
def test_every_row_lies_whole_in_exactly_one_tree(wanted: list[tuple[int, ...]], budget: int) -> None:
    laid = trees(wanted, budget=budget)
    assert sorted(row for tree in laid for row in tree.rows) == list(range(len(wanted)))
    for tree in laid:
        cut = segments(tree, dict(enumerate(wanted)))
        assert tree.tokens == len(cut.ids) == sum(cut.lengths)
        assert tree.tokens <= budget or len(tree.rows) == 1
        starts = [0, *itertools.accumulate(cut.lengths)]
        for row, places in zip(tree.rows, cut.places, strict=True):
            assert [cut.ids[p] for p in places] == list(wanted[row])
            below = -1
            for segment in dict.fromkeys(next(s for s, e in enumerate(starts[1:]) if p < e) for p in places):
                assert cut.parents[segment] == below
                below = segment


@given(families())
def test_what_is_shared_is_worth_it(wanted: list[tuple[int, ...]]) -> None:
    for tree in trees(wanted, budget=10_000):
        cut = segments(tree, dict(enumerate(wanted)))
        starts = [0, *itertools.accumulate(cut.lengths)]
        for i, length in enumerate(cut.lengths):
            rows_below = sum(bool(((p >= starts[i]) & (p < starts[i + 1])).any()) for p in cut.places)
            assert rows_below == 1 or length * (rows_below - 1) >= LEAST_SAVED


def test_the_share_that_is_computed() -> None:
    wanted = family_rows()
    assert computed([wanted], budget=1_000) < 0.6
    assert computed([[row] for row in wanted], budget=1_000) == 1.0


def test_a_place_has_a_label_for_each_row_that_goes_on_from_it() -> None:
    wanted = family_rows()
    apart, shared = (
        next(iter(micro_batches(wanted, budget=10_000, device=torch.device("cpu"), packed=True, shared=shared)))
        for shared in (False, True)
    )
    assert shared.ids.shape[1] < 0.6 * apart.ids.shape[1]
    for batch in (apart, shared):
        for number, row in enumerate(batch.examples):
            own = batch.owners == number
            trained = [t for t in range(1, len(row)) if row.tokens.trained[t]]
            assert batch.labels[own].tolist() == [row.tokens.ids[t] for t in trained]
            assert batch.documents.position_ids[0, batch.places[own]].tolist() == [t - 1 for t in trained]
