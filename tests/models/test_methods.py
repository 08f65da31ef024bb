"""Methods beside LoRA: what they train, that a fresh one changes nothing, what PEFT makes of them, what is refused."""

import warnings
from typing import Any

import peft
import pytest
import torch

from kitae.core.method_settings import (
    AdapterSettings,
    FreezeSettings,
    FullSettings,
    PeftSettings,
    PromptSettings,
)
from kitae.core.resolved import ResolvedIA3, ResolvedLora
from kitae.errors import InputError, RecipeError, UnknownName
from kitae.models import attach, facts, load, ready, save_adapter
from kitae.models.adapters import METHOD
from kitae.models.bottleneck import BottleneckConfig
from kitae.train.optimizer import groups

IDS = torch.arange(6, 26)[None]
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


def lora(**changes: Any) -> ResolvedLora:
    return ResolvedLora(**{"rank": 4, "alpha": 8.0, "targets": ["q_proj"], "train_embeddings": False, **changes})


def model_of(base: str, method: Any, **more: Any) -> Any:
    return attach(load(base, precision="fp32").model, method, seed=1, **more).eval()


def trained(model: Any) -> dict[str, Any]:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


@torch.no_grad()
def logits(model: Any) -> torch.Tensor:
    return model(input_ids=IDS).logits


@pytest.mark.parametrize("placement", ["houlsby", "pfeiffer"])
def test_a_bottleneck_stands_behind_each_sublayer(base_of: Any, placement: str) -> None:
    for kind in ("llama", "qwen3", "gemma3", "mistral", "gpt2"):
        plain = load(base_of(kind), precision="fp32").model
        want = logits(plain)
        model = model_of(base_of(kind), AdapterSettings(kind="adapter", placement=placement, width=8))
        assert torch.equal(logits(model), want), "a fresh adapter changes nothing"
        places = {name.rpartition(".bottleneck_")[0] for name in trained(model)}
        assert len(places) == facts(base_of(kind)).layers * (2 if placement == "houlsby" else 1)


def test_a_mixture_of_experts_has_no_place_for_a_bottleneck(base_of: Any) -> None:
    with pytest.raises(InputError, match=r"Use method: \{kind: lora\}"):
        model_of(base_of("qwen3_moe"), AdapterSettings(kind="adapter"))


def test_plain_peft_knows_the_bottleneck(base_of: Any, tmp_path: Any) -> None:
    model = peft.get_peft_model(
        load(base_of("llama"), precision="fp32").model,
        BottleneckConfig(task_type="CAUSAL_LM", width=4, target_modules=["mlp.down_proj"]),
    ).eval()
    with torch.no_grad():
        for parameter in trained(model).values():
            parameter.normal_(std=0.2)
    model.save_pretrained(str(tmp_path))
    again = peft.PeftModel.from_pretrained(load(base_of("llama"), precision="fp32").model, str(tmp_path)).eval()
    assert torch.equal(logits(again), logits(model))
    with again.disable_adapter():
        assert torch.equal(logits(again), logits(load(base_of("llama"), precision="fp32").model))
    assert peft.PeftConfig.from_pretrained(str(tmp_path)).width == 4


def test_freeze_trains_the_last_layers_and_the_norm_behind_them(base: str, tmp_path: Any) -> None:
    model = model_of(base, FreezeSettings(kind="freeze", layers=1))
    numbers = {part for name in trained(model) for part in name.split(".") if part.isdecimal()}
    assert numbers == {"1"} or facts(base).layers == 1 or "experts" in str(trained(model).keys())
    assert any(
        "norm" in name or "ln_f" in name for name in trained(model) if "layers" not in name and ".h." not in name
    )
    with torch.no_grad():
        for parameter in trained(model).values():
            parameter.add_(0.01)
    save_adapter(model, tmp_path, base="x")
    assert torch.equal(logits(ready(base, tmp_path).model), logits(model))
    assert (tmp_path / METHOD).is_file()


def test_freeze_in_bf16_computes_its_own_layers_in_fp32(base_of: Any) -> None:
    for kind in ("llama", "gpt2", "gemma3"):
        model = attach(
            load(base_of(kind), precision="bf16").model, FreezeSettings(kind="freeze", layers=1), seed=1
        ).eval()
        assert {p.dtype for p in trained(model).values()} == {torch.float32}
        hidden = model.base_model(input_ids=IDS).last_hidden_state
        assert hidden.dtype == torch.float32
        hidden.sum().backward()


def test_the_changed_weights_of_another_base_are_refused(base_of: Any, tmp_path: Any) -> None:
    save_adapter(model_of(base_of("llama"), FullSettings(kind="full")), tmp_path, base="x")
    with pytest.raises(InputError, match="another base"):
        ready(base_of("gpt2"), tmp_path)


def test_virtual_tokens_leave_fewer_positions_for_prompts(base_of: Any, tmp_path: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        save_adapter(model_of(base_of("llama"), PromptSettings(kind="prompt", tokens=9)), tmp_path, base="x")
    assert ready(base_of("llama"), tmp_path).facts.max_positions == facts(base_of("llama")).max_positions - 9


@pytest.mark.parametrize(
    ("method", "error", "said"),
    [
        (PeftSettings(kind="peft", name="lohaa"), UnknownName, "Did you mean 'loha'"),
        (PeftSettings(kind="peft", name="loha", arguments={"rnk": 3}), UnknownName, "argument of loha 'rnk'"),
        (PeftSettings(kind="peft", name="adalora"), RecipeError, "it moves ranks between layers"),
        (PeftSettings(kind="peft", name="loha", arguments={"target_modules": ["x"]}), RecipeError, "PEFT cannot put"),
        (FreezeSettings(kind="freeze", layers=3), RecipeError, "It has 2"),
        (lora(init="pissa", variant="dora"), RecipeError, "changes the base's weights"),
        (lora(init="eva"), RecipeError, "needs training rows"),
        (ResolvedIA3(kind="ia3", targets=["k_prj"], feedforward=[]), UnknownName, "Did you mean 'k_proj'"),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_what_cannot_be_is_refused(base_of: Any, method: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        model_of(base_of("llama"), method)


def test_a_beginning_from_the_base_is_stored_as_a_plain_update_of_twice_the_rank(base_of: Any, tmp_path: Any) -> None:
    model = model_of(base_of("llama"), lora(init="olora"))
    save_adapter(model, tmp_path, base="x")
    config = peft.PeftConfig.from_pretrained(str(tmp_path))
    assert (config.r, config.init_lora_weights, config.lora_alpha) == (8, True, 16.0)
    plain = load(base_of("llama"), precision="fp32").model
    torch.testing.assert_close(logits(ready(base_of("llama"), tmp_path).model), logits(plain), atol=1e-3, rtol=1e-4)


def test_only_matrices_of_linear_layers_decay(base_of: Any) -> None:
    def decayed(method: Any) -> set[str]:
        model = model_of(base_of("gpt2"), method)
        made = groups(model, trained(model), decay=0.1)
        assert sorted(name for group in made for name in group.parameters) == sorted(trained(model))
        return {name for group in made if group.decay for name in group.parameters}

    full = decayed(FullSettings(kind="full"))
    assert full
    assert not any(part in name for name in full for part in ("bias", "ln_", "wte", "wpe"))
    names = decayed(lora(targets=["c_attn"], train_embeddings=True, variant="dora"))
    assert {name.split(".")[-3] for name in names} == {"lora_A", "lora_B"}
    assert all(name.endswith("weight") for name in decayed(AdapterSettings(kind="adapter", width=4)))
    assert decayed(ResolvedIA3(kind="ia3", targets=["c_attn"], feedforward=[])) == set()
    assert decayed(PromptSettings(kind="prompt", tokens=3)) == set()


def test_lora_plus_lets_the_second_matrix_learn_faster(base_of: Any) -> None:
    model = model_of(base_of("llama"), lora(plus_ratio=8.0))
    made = groups(model, trained(model), decay=0.1, plus_ratio=8.0)
    rates = {name.split(".")[-3]: group.rate for group in made for name in group.parameters}
    assert rates == {"lora_A": 1.0, "lora_B": 8.0}
