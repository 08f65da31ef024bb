"""What cannot be packed or made lean is trained all the same, by the model's own code, with the same result."""

import warnings
from typing import Any

import pytest
import torch
from invariant.families import CONFIGS, VOCABULARY, rows
from invariant.test_packing import assert_same, one_by_one, packed
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, Mamba2Config

from kitae.models.lean import LeanLora, lean


def with_lora(config: Any, targets: list[str], **changes: Any) -> Any:
    torch.manual_seed(2)
    base = AutoModelForCausalLM.from_config(config)
    for name, parameter in base.named_parameters():
        if parameter.ndim == 2 and "embed" not in name:
            torch.nn.init.normal_(parameter, std=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", r=3, target_modules=targets, **changes))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def test_state_that_would_leak_is_trained_one_by_one() -> None:
    config = Mamba2Config(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, head_dim=16, num_heads=4, state_size=8, n_groups=1
    )
    model = with_lora(config, ["in_proj"])
    expected, expected_grads = one_by_one(model.eval(), rows())
    loss, got, learner = packed(model, rows(), budget=1_000)
    assert learner.one_by_one
    assert abs(loss - expected) < 1e-5
    assert_same(got, expected_grads)


def test_an_adapted_head_is_left_to_the_model() -> None:
    model = with_lora(CONFIGS["qwen2"](), ["q_proj", "lm_head"])
    expected, expected_grads = one_by_one(model.eval(), rows())
    loss, got, learner = packed(model, rows(), budget=1_000)
    assert learner.whole_head
    assert learner.one_by_one is None
    assert abs(loss - expected) < 1e-5
    assert_same(got, expected_grads)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_layer_norm_without_bias_is_not_taken_for_an_rms_norm(dtype: torch.dtype) -> None:
    """At great width the two differ little on numbers with a mean of zero, less than bf16 rounds."""
    wide = torch.nn.LayerNorm(8_192, bias=False, dtype=dtype).requires_grad_(requires_grad=False)
    true = torch.nn.RMSNorm(8_192, eps=1e-6, dtype=dtype).requires_grad_(requires_grad=False)
    model = torch.nn.Sequential(wide, true)
    with lean(model) as replaced:
        assert replaced == 1
        assert model[0] is wide


@pytest.mark.parametrize("changes", [{"use_dora": True}, {"lora_dropout": 0.3}, {"use_rslora": True}], ids=str)
def test_only_plain_lora_is_made_lean(changes: dict[str, Any]) -> None:
    model = with_lora(CONFIGS["llama"](), ["q_proj", "down_proj"], **changes)
    with lean(model):
        made = any(isinstance(module, LeanLora) for module in model.modules())
    assert made == ("use_rslora" in changes)
    expected, expected_grads = one_by_one(model.eval(), rows())
    if "lora_dropout" in changes:
        return
    loss, got, _ = packed(model, rows(), budget=1_000)
    assert abs(loss - expected) < 1e-5
    assert_same(got, expected_grads)
