"""Preference losses on the layout in trees = the formulas over transformers' own forward of each row by itself."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from invariant.families import adapted, rows
from invariant.test_packing import TOLERANCE, grads
from invariant.test_sharing import joined
from torch import Tensor
from torch.nn import functional

from kitae.core.chat import Tokens
from kitae.core.train_settings import PreferenceSettings
from kitae.train.learner import Learner
from kitae.train.objectives import Preferences
from kitae.train.pairs import Pair
from kitae.train.reference import FILE, with_reference
from kitae.train.rows import Row

LOSSES = {
    "dpo": PreferenceSettings(loss="dpo", beta=0.3),
    "dpo, some mistaken": PreferenceSettings(loss="dpo", beta=0.3, mistaken=0.2),
    "dpo with the answer": PreferenceSettings(loss="dpo", beta=0.3, answer_weight=0.5),
    "ipo": PreferenceSettings(loss="ipo", beta=0.1),
    "orpo": PreferenceSettings(loss="orpo", beta=0.4),
    "simpo": PreferenceSettings(loss="simpo", beta=2.0, margin=0.5),
}


def pairs() -> list[Pair]:
    """Pairs whose prompts are longer than their answers; two of them have the same prompt."""
    [one, other, *answers] = rows((40, 36, 9, 12, 7, 20, 8, 3), seed=2)
    prompts = [one, one, other]
    return [
        Pair(answered(prompt, chosen), answered(prompt, rejected))
        for prompt, chosen, rejected in zip(prompts, answers[::2], answers[1::2], strict=True)
    ]


def answered(prompt: Row, answer: Row) -> Row:
    row = joined(prompt, answer)
    return Row(row.record, Tokens(row.tokens.ids, tuple(t >= len(prompt) for t in range(len(row))), turns=2))


def plain_log_prob(model: Any, row: Row) -> Tensor:
    model.get_base_model().set_attn_implementation("eager")
    logits = model(input_ids=torch.tensor([row.tokens.ids]), use_cache=False).logits[0].double()
    taken = logits.log_softmax(-1)[:-1].gather(1, torch.tensor(row.tokens.ids[1:])[:, None])[:, 0]
    return taken[torch.tensor(row.tokens.trained[1:])].sum()


def plain_loss(model: Any, pair: Pair, asked: PreferenceSettings) -> Tensor:
    """The formulas of the papers, one pair at a time."""
    chosen, rejected = plain_log_prob(model, pair.chosen), plain_log_prob(model, pair.rejected)
    mean_chosen, mean_rejected = chosen / pair.chosen.labels, rejected / pair.rejected.labels
    before = pair.reference or (0.0, 0.0)
    lead = (chosen - before[0]) - (rejected - before[1])
    sigmoid = functional.sigmoid
    loss = {
        "dpo": -(1 - asked.mistaken) * sigmoid(asked.beta * lead).log()
        - asked.mistaken * sigmoid(-asked.beta * lead).log(),
        "ipo": (lead - 1 / (2 * asked.beta)).square(),
        "orpo": -mean_chosen
        - asked.beta
        * sigmoid(
            (mean_chosen.exp() / (1 - mean_chosen.exp())).log()
            - (mean_rejected.exp() / (1 - mean_rejected.exp())).log()
        ).log(),
        "simpo": -sigmoid(asked.beta * (mean_chosen - mean_rejected) - asked.margin).log(),
    }[asked.loss]
    return loss - asked.answer_weight * mean_chosen


def odds(log_prob: Tensor) -> Tensor:
    return log_prob.exp() / (1 - log_prob.exp())


def assert_near(got: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    """Relative to each gradient: those of ipo are large."""
    assert got.keys() == wanted.keys()
    for name, grad in wanted.items():
        assert grad.norm() > 0, name
        assert (got[name] - grad).norm() <= TOLERANCE * grad.norm(), name


def learned(model: Any, wanted: list[Pair], asked: PreferenceSettings, *, budget: int) -> tuple[float, dict[str, Any]]:
    model.zero_grad()
    learner = Learner(model, longest_row=max(map(len, wanted)), objective=Preferences(asked))
    with learner:
        batches = learner.micro_batches(wanted, budget=budget)
        loss = sum(learner.backward(batch, divisor=learner.count(wanted)) for batch in batches)
    return loss, grads(model)


def expected(model: Any, wanted: list[Pair], asked: PreferenceSettings) -> tuple[float, dict[str, Any]]:
    model.eval().zero_grad()
    loss = sum(plain_loss(model, pair, asked) for pair in wanted) / len(wanted)
    loss.backward()
    return float(loss.detach()), grads(model)


def moved(model: Any, wanted: list[Pair], tmp_path: Path) -> list[Pair]:
    """The pairs as the model sees them, after which the model is moved, as training does."""
    learner = Learner(model, longest_row=max(map(len, wanted)))
    known = with_reference(learner, wanted, budget=1_000, folder=tmp_path)
    torch.manual_seed(8)
    with torch.no_grad():
        for parameter in learner.parameters.values():
            parameter.add_(torch.randn_like(parameter), alpha=0.02)
    return known


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", ["llama", "gemma2", "granite", "gpt2"])
def test_loss_and_gradients_are_those_of_the_formula(kind: str, loss: str, tmp_path: Path) -> None:
    model = adapted(kind)
    wanted = moved(model, pairs(), tmp_path)
    wanted_loss, wanted_grads = expected(model, wanted, LOSSES[loss])
    got_loss, got_grads = learned(model, wanted, LOSSES[loss], budget=1_000)
    assert got_loss == pytest.approx(wanted_loss, rel=TOLERANCE)
    assert_near(got_grads, wanted_grads)


def test_the_reference_is_the_plain_log_probability(tmp_path: Path) -> None:
    model = adapted("llama")
    known = with_reference(Learner(model, longest_row=60), pairs(), budget=1_000, folder=tmp_path)
    for pair in known:
        assert pair.reference is not None
        for row, held in zip(pair.rows, pair.reference, strict=True):
            assert held == pytest.approx(float(plain_log_prob(model, row).detach()), rel=TOLERANCE)


def test_the_reference_of_before_is_kept_and_that_of_other_pairs_is_not(tmp_path: Path) -> None:
    model = adapted("llama")
    known = moved(model, pairs(), tmp_path)
    learner = Learner(model, longest_row=60)
    assert with_reference(learner, pairs(), budget=50, folder=tmp_path) == known
    fewer = with_reference(learner, pairs()[:2], budget=1_000, folder=tmp_path)
    assert fewer != known[:2]
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:50])
    assert with_reference(learner, pairs()[:2], budget=1_000, folder=tmp_path) == fewer


def test_micro_batches_of_any_size_add_up_to_the_same(tmp_path: Path) -> None:
    model = adapted("llama")
    wanted = moved(model, pairs(), tmp_path)
    loss, got = learned(model, wanted, LOSSES["dpo"], budget=1_000)
    for budget in (1, 90):
        again, grads_again = learned(model, wanted, LOSSES["dpo"], budget=budget)
        assert again == pytest.approx(loss, rel=TOLERANCE)
        assert_near(grads_again, got)


@pytest.mark.parametrize("whole_head", [False, True], ids=["", "whole head"])
def test_where_nothing_can_be_packed_the_answers_of_a_pair_do_not_see_each_other(
    tmp_path: Path, whole_head: bool
) -> None:
    model = adapted("llama")
    wanted = moved(model, pairs(), tmp_path)
    wanted_loss, wanted_grads = expected(model, wanted, LOSSES["dpo"])
    model.zero_grad()
    learner = Learner(model, longest_row=max(map(len, wanted)), objective=Preferences(LOSSES["dpo"]))
    model.get_base_model().set_attn_implementation("eager")
    learner.one_by_one = learner.unshared = "for the test"
    learner.whole_head = "for the test" if whole_head else None
    batches = list(learner.micro_batches(wanted, budget=1_000))
    assert len(batches) == len(wanted)
    loss = sum(learner.backward(batch, divisor=learner.count(wanted)) for batch in batches)
    assert loss == pytest.approx(wanted_loss, rel=TOLERANCE)
    assert_near(grads(model), wanted_grads)


def test_before_training_nothing_is_preferred(tmp_path: Path) -> None:
    model = adapted("llama")
    learner = Learner(model, longest_row=60, objective=Preferences(LOSSES["dpo"]))
    wanted = with_reference(learner, pairs(), budget=1_000, folder=tmp_path)
    [batch] = learner.micro_batches(wanted, budget=1_000)
    assert float(learner.loss(batch, divisor=learner.count(wanted)).detach()) == pytest.approx(math.log(2), abs=1e-4)


def test_a_prompt_is_computed_once_for_both_answers(tmp_path: Path) -> None:
    learner = Learner(adapted("llama"), longest_row=60)
    through = sum(batch.ids.shape[1] for batch in learner.micro_batches(pairs(), budget=1_000))
    answers = sum(row.labels for pair in pairs() for row in pair.rows)
    assert through == 40 + 36 + answers
