"""Adapters: attached by seed, saved as plain PEFT, loaded and merged without changing an answer."""

import json

import peft
import pytest
import torch

from kitae.core.files import folder_digests
from kitae.core.resolved import ResolvedLora
from kitae.errors import BaseError, DamagedArtifact, UnknownName
from kitae.models import attach, facts, load, ready, save_adapter
from kitae.models.adapters import CONFIG, WEIGHTS, load_adapter, merge

IDS = torch.arange(6, 26)[None]


def method(base, *, embeddings=False, targets=None):
    return ResolvedLora(
        kind="lora",
        rank=4,
        alpha=8.0,
        dropout=0.0,
        targets=list(targets or facts(base).linear_names),
        train_embeddings=embeddings,
    )


def tuned(base, *, embeddings=False, precision="fp32"):
    """A model with adapters that do something."""
    model = attach(load(base, precision=precision).model, method(base, embeddings=embeddings), seed=1)
    dice = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=dice) * 0.05)
    return model.eval()


@torch.no_grad()
def logits(model):
    return model(input_ids=IDS).logits.float()


def trained(model):
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def test_fresh_adapters_change_nothing_and_follow_the_seed(base):
    plain = load(base, precision="fp32").model
    before = logits(plain)
    state = torch.get_rng_state()
    first, again, other = (
        attach(load(base, precision="fp32").model, method(base), seed=seed).eval() for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(logits(first), before)
    assert all(torch.equal(a, b) for a, b in zip(trained(first).values(), trained(again).values(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(trained(first).values(), trained(other).values(), strict=True))


@pytest.mark.parametrize("embeddings", [False, True])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_only_the_adapter_is_trained_and_in_fp32(base, embeddings, precision):
    model = attach(load(base, precision=precision).model, method(base, embeddings=embeddings), seed=1)
    names = trained(model)
    assert {p.dtype for p in names.values()} == {torch.float32}
    whole = [name for name in names if "lora_" not in name]
    # The embedding once: a tied head is the same parameter.
    assert len(whole) == int(embeddings)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        model(input_ids=IDS).logits.float().sum().backward()
    assert all(p.grad is not None for p in names.values())


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # PEFT's own call, see adapters.py
@pytest.mark.parametrize("embeddings", [False, True])
def test_saved_loaded_and_merged_give_the_same_answers(base, embeddings, tmp_path):
    model = tuned(base, embeddings=embeddings)
    want = logits(model)
    save_adapter(model, tmp_path, base="kitae-nano")
    loaded = load_adapter(load(base, precision="fp32"), tmp_path)
    assert torch.equal(logits(loaded.model), want)
    plain = peft.PeftModel.from_pretrained(load(base, precision="fp32").model, str(tmp_path)).eval()
    assert torch.equal(logits(plain), want)
    merged = merge(loaded).model
    assert not any("lora" in name for name, _ in merged.named_parameters())
    assert (logits(merged) - want).abs().max() < 1e-4
    assert (want - logits(load(base, precision="fp32").model)).abs().max() > 0.1
    tied = merged.get_input_embeddings().weight is merged.get_output_embeddings().weight
    assert tied == facts(base).tied


@pytest.mark.parametrize("embeddings", [False, True])
def test_what_is_saved_is_small_and_the_same_every_time(base, embeddings, tmp_path):
    for name in ("one", "two"):
        save_adapter(tuned(base, embeddings=embeddings), tmp_path / name, base="kitae-nano")
    assert folder_digests(tmp_path / "one") == folder_digests(tmp_path / "two")
    assert set(folder_digests(tmp_path / "one")) == {CONFIG, WEIGHTS}
    model = tuned(base, embeddings=embeddings)
    numbers = sum(p.numel() for p in trained(model).values())
    if embeddings and facts(base).tied:
        numbers += facts(base).vocabulary * facts(base).width  # PEFT wants the tied head under its own name
    assert (tmp_path / "one" / WEIGHTS).stat().st_size < 4 * numbers + 8192


def test_the_configuration_names_the_base_and_no_place(base, tmp_path):
    save_adapter(tuned(base), tmp_path, base="kitae-nano")
    config = json.loads((tmp_path / CONFIG).read_text())
    assert config["base_model_name_or_path"] == "kitae-nano"
    assert base not in (tmp_path / CONFIG).read_text()
    assert config["target_modules"] == sorted(config["target_modules"])


def test_ready_to_answer_is_merged_in_fp32_on_a_cpu(base, tmp_path):
    model = tuned(base)
    save_adapter(model, tmp_path, base="kitae-nano")
    answering = ready(base, tmp_path).model
    assert answering.dtype == torch.float32 or torch.cuda.is_available()
    assert not isinstance(answering, peft.PeftModel)
    if not torch.cuda.is_available():
        assert (logits(answering) - logits(model)).abs().max() < 1e-4
        assert torch.equal(logits(ready(base, None).model), logits(load(base, precision="fp32").model))


def test_merging_without_an_adapter_changes_nothing(base_of):
    loaded = load(base_of("llama"), precision="fp32")
    assert merge(loaded) is loaded


def test_unknown_target(base_of):
    base = base_of("llama")
    with pytest.raises(UnknownName, match="Did you mean 'q_proj'"):
        attach(load(base, precision="fp32").model, method(base, targets=["q_prj"]), seed=1)


def test_an_adapter_of_another_base(base_of, tmp_path):
    from tiny import build_tiny

    wide = build_tiny("llama", tmp_path / "wide", width=64)
    save_adapter(tuned(str(wide)), tmp_path / "adapter", base="wide")
    with pytest.raises(BaseError, match="another base"):
        load_adapter(load(base_of("llama"), precision="fp32"), tmp_path / "adapter")
    with pytest.raises(BaseError, match="another base"):
        load_adapter(load(base_of("gpt2"), precision="fp32"), tmp_path / "adapter")


def test_missing_and_damaged_adapters(base_of, tmp_path):
    with pytest.raises(DamagedArtifact, match="no adapter"):
        load_adapter(load(base_of("llama"), precision="fp32"), tmp_path)
    save_adapter(tuned(base_of("llama")), tmp_path, base="x")
    data = (tmp_path / WEIGHTS).read_bytes()
    (tmp_path / WEIGHTS).write_bytes(data[: len(data) // 2])
    with pytest.raises(DamagedArtifact, match="damaged"):
        load_adapter(load(base_of("llama"), precision="fp32"), tmp_path)
