"""Packed = one by one with the model's own attention and plain cross-entropy: loss, and every adapter's gradient."""

import warnings
from typing import Any

import pytest
import torch
from invariant.families import CONFIGS, adapted, rows
from torch.nn import functional
from transformers import AutoModelForCausalLM

from kitae.core.method_settings import (
    AdapterSettings,
    FreezeSettings,
    FullSettings,
    PrefixSettings,
    PromptSettings,
    PTuningSettings,
)
from kitae.models.adapters import attach
from kitae.models.prompts import virtual_tokens
from kitae.train.learner import Learner
from kitae.train.objectives import Answers
from kitae.train.optimizer import groups
from kitae.train.rows import Row

TOLERANCE = 1e-5


def one_by_one(model: Any, wanted: list[Row], *, smoothing: float = 0.0) -> tuple[float, dict[str, torch.Tensor]]:
    """The reference: transformers' own forward of each row, PEFT's own LoRA, torch's own cross-entropy."""
    model.zero_grad()
    divisor = sum(row.labels for row in wanted)
    total = 0.0
    for row in wanted:
        ids = torch.tensor([row.tokens.ids], device=model.device)
        logits = model(input_ids=ids, **({} if virtual_tokens(model) else {"use_cache": False})).logits[0].float()
        logits = logits[-len(row) :]
        labels = torch.where(torch.tensor([row.tokens.trained], device=model.device), ids, -100)[0]
        loss = functional.cross_entropy(logits[:-1], labels[1:], reduction="sum", label_smoothing=smoothing) / divisor
        loss.backward()
        total += loss.item()
    return total, grads(model)


def grads(model: Any) -> dict[str, torch.Tensor]:
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.requires_grad and p.grad is not None}


def packed(
    model: Any, wanted: list[Row], *, budget: int, smoothing: float = 0.0
) -> tuple[float, dict[str, torch.Tensor], Learner]:
    learner = Learner(model, longest_row=max(map(len, wanted)), objective=Answers(smoothing))
    divisor = float(sum(row.labels for row in wanted))
    with learner:
        learner.clear()
        batches = list(learner.micro_batches(wanted, budget=budget))
        loss = sum(learner.backward(batch, divisor=divisor) for batch in batches)
    return loss, grads(model), learner


def assert_same(got: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert got.keys() == expected.keys()
    for name, grad in expected.items():
        assert grad.abs().max() > 0, name
        torch.testing.assert_close(got[name], grad, rtol=TOLERANCE, atol=TOLERANCE, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("embeddings", [False, True], ids=["", "embeddings"])
@pytest.mark.parametrize("kind", CONFIGS)
def test_packed_equals_one_by_one(kind: str, embeddings: bool) -> None:
    model = adapted(kind, embeddings=embeddings)
    expected, expected_grads = one_by_one(model.eval(), rows())
    loss, got, learner = packed(model, rows(), budget=1_000)
    assert learner.one_by_one is None
    assert abs(loss - expected) < TOLERANCE
    assert_same(got, expected_grads)


METHODS = {
    "full": FullSettings(kind="full"),
    "freeze": FreezeSettings(kind="freeze", layers=1),
    "houlsby": AdapterSettings(kind="adapter", placement="houlsby", width=4),
    "prompt": PromptSettings(kind="prompt", tokens=3),
    "p_tuning": PTuningSettings(kind="p_tuning", tokens=3, encoder_width=8),
    "prefix": PrefixSettings(kind="prefix", tokens=3),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma3", "gpt2", "gpt_neox"])
def test_every_kind_of_method_is_trained_as_its_own_code_would(kind: str, method: str) -> None:
    """Virtual tokens stand before every document of a packed row; a prefix takes one row at a time."""
    torch.manual_seed(4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        base = AutoModelForCausalLM.from_config(CONFIGS[kind]())
    model = attach(base, METHODS[method], seed=4)
    for parameter in model.parameters():
        if parameter.requires_grad and method not in {"full", "freeze"}:
            torch.nn.init.normal_(parameter, std=0.1)
    expected, expected_grads = one_by_one(model.eval(), rows())
    model.zero_grad()
    loss, got, learner = packed(model, rows(), budget=1_000)
    assert (learner.one_by_one is None) == (method != "prefix")
    assert abs(loss - expected) < TOLERANCE
    assert got.keys() == expected_grads.keys()
    for name, grad in expected_grads.items():
        torch.testing.assert_close(got[name], grad, rtol=1e-4, atol=TOLERANCE, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("kind", ["llama", "gemma3", "gpt2"])
def test_eight_micro_batches_equal_one(kind: str) -> None:
    wanted = rows((16,) * 8)
    loss_1, grads_1, _ = packed(adapted(kind), wanted, budget=8 * 16)
    loss_8, grads_8, _ = packed(adapted(kind), wanted, budget=16)
    assert abs(loss_1 - loss_8) < TOLERANCE
    assert_same(grads_8, grads_1)


def test_long_documents_take_the_fused_kernel_with_the_same_result() -> None:
    model = adapted("llama")
    model.config.max_position_embeddings = 1024
    wanted = rows((790, 17, 800, 40))
    expected, expected_grads = one_by_one(model.eval(), wanted)
    loss, got, _ = packed(model, wanted, budget=2_000)
    assert abs(loss - expected) < TOLERANCE
    assert_same(got, expected_grads)


@pytest.mark.parametrize("kind", ["llama", "gemma2", "granite"])
def test_smoothed_labels_are_trained_on_and_plain_ones_measured(kind: str) -> None:
    model = adapted(kind)
    plain, _ = one_by_one(model.eval(), rows())
    expected, expected_grads = one_by_one(model.eval(), rows(), smoothing=0.1)
    loss, got, learner = packed(model, rows(), budget=1_000, smoothing=0.1)
    assert abs(loss - expected) < TOLERANCE
    assert_same(got, expected_grads)
    divisor = float(sum(row.labels for row in rows()))
    with learner.measuring():
        measured = sum(float(learner.loss(b, divisor=divisor)) for b in learner.micro_batches(rows(), budget=1_000))
    assert abs(measured - plain) < TOLERANCE


@pytest.mark.parametrize("kind", ["llama", "qwen3"])
def test_the_end_of_a_base_in_bf16_is_trained_packed_in_fp32(kind: str) -> None:
    torch.manual_seed(4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        base = AutoModelForCausalLM.from_config(CONFIGS[kind]()).bfloat16()
    learner = Learner(attach(base, METHODS["freeze"], seed=4), longest_row=31)
    assert learner.one_by_one is None
    assert learner.whole_head is None


def test_factors_that_follow_the_longest_row_keep_short_ones_apart() -> None:
    """longrope: a document beyond the original length changes how the row's other documents are read."""
    from transformers import Phi3Config

    factors = [1.0 + 0.5 * i for i in range(4)]
    rope = {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 4, "long_factor": factors}
    config = Phi3Config(
        vocab_size=90,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        original_max_position_embeddings=32,
        rope_parameters={**rope, "original_max_position_embeddings": 32},
        initializer_range=0.2,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = AutoModelForCausalLM.from_config(config).eval()
    from kitae.models.prove import packing_fault

    assert packing_fault(model, longest_row=64)
    assert packing_fault(model, longest_row=30) is None


def test_peft_layers_are_back_after_training() -> None:
    model = adapted("llama")
    before = {name: type(module) for name, module in model.named_modules()}
    packed(model, rows(), budget=100)
    assert {name: type(module) for name, module in model.named_modules()} == before


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_the_matrices_of_an_adapter_decay_also_behind_their_stand_ins(kind: str) -> None:
    model = adapted(kind, embeddings=True)
    with Learner(model, longest_row=20) as learner:
        made = groups(learner.model, learner.parameters, decay=0.05)
    decayed = {name for group in made if group.decay for name in group.parameters}
    assert decayed == {name for name in learner.parameters if ".lora_A." in name or ".lora_B." in name}


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_lora_layer_and_rms_norm_has_a_stand_in(kind: str) -> None:
    model = adapted(kind)
    wanted = [m for m in model.modules() if "RMSNorm" in type(m).__name__ or hasattr(m, "lora_A")]
    with Learner(model, longest_row=20) as learner:
        assert learner.lean_layers == len(wanted)


@pytest.mark.parametrize("kind", ["mamba2", "qwen3_next"])
def test_state_that_would_leak_goes_one_by_one(kind: str) -> None:
    from transformers import AutoModelForCausalLM, Mamba2Config, Qwen3NextConfig

    configs = {
        "mamba2": lambda: Mamba2Config(
            vocab_size=90, hidden_size=32, num_hidden_layers=2, head_dim=16, num_heads=4, state_size=8, n_groups=1
        ),
        "qwen3_next": lambda: Qwen3NextConfig(
            vocab_size=90,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=16,
            linear_num_value_heads=2,
            linear_num_key_heads=2,
            linear_key_head_dim=8,
            linear_value_head_dim=8,
            layer_types=["linear_attention", "full_attention"],
            num_experts=2,
            num_experts_per_tok=1,
            moe_intermediate_size=16,
            shared_expert_intermediate_size=16,
        ),
    }
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(configs[kind]())
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    from kitae.models.prove import packing_fault

    assert packing_fault(model.eval(), longest_row=64)


@pytest.mark.parametrize("embeddings", [False, True], ids=["", "embeddings"])
def test_bf16_stays_near_fp32(embeddings: bool) -> None:
    exact, exact_grads = one_by_one(adapted("llama", embeddings=embeddings).eval(), rows())
    loss, got, learner = packed(adapted("llama", embeddings=embeddings, dtype=torch.bfloat16), rows(), budget=200)
    assert learner.one_by_one is None
    assert learner.whole_head is None
    assert abs(loss - exact) / exact < 0.02
    assert {p.dtype for p in learner.parameters.values()} == {torch.float32}
    for name, grad in exact_grads.items():
        assert functional.cosine_similarity(got[name].flatten(), grad.flatten(), dim=0) > 0.98, name
