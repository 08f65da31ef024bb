"""Bases: found by name, described without torch, refused with a next step."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kitae.core.resolved import ResolvedLora
from kitae.errors import BaseError, UnknownName
from kitae.models import attach, facts, load, load_tokenizer
from kitae.models.base import catalogue

FAMILIES = {
    "llama": ("LlamaForCausalLM", True, {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}),
    "qwen3": ("Qwen3ForCausalLM", False, {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}),
    "gemma3": (
        "Gemma3ForCausalLM",
        True,
        {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"},
    ),
    "mistral": (
        "MistralForCausalLM",
        False,
        {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"},
    ),
    "gpt2": ("GPT2LMHeadModel", True, {"c_attn", "c_proj", "c_fc"}),
}


@pytest.mark.parametrize("kind", sorted(FAMILIES))
def test_facts_agree_with_the_loaded_model(kind, base_of):
    architecture, tied, linears = FAMILIES[kind]
    known = facts(base_of(kind))
    loaded = load(base_of(kind), precision="fp32")
    assert (known.architecture, known.tied, set(known.linear_names)) == (architecture, tied, linears)
    assert known.parameters == sum(p.numel() for p in loaded.model.parameters())
    assert known.vocabulary == loaded.model.get_input_embeddings().weight.shape[0]
    positions = 256 * 32 if kind == "gpt2" else 0
    assert known.embedding_parameters + positions >= known.vocabulary * known.width
    assert (known.layers, known.width, known.heads, known.max_positions) == (2, 32, 2, 256)
    assert known.dtype == "f32"
    assert loaded.facts == known


def test_automatic_targets_of_a_mixture_of_experts_are_layers_that_can_be_adapted(base_of):
    known = facts(base_of("qwen3_moe"))
    assert set(known.linear_names) == {"q_proj", "k_proj", "v_proj", "o_proj"}
    method = ResolvedLora(
        kind="lora", rank=2, alpha=4.0, dropout=0.0, targets=list(known.linear_names), train_embeddings=False
    )
    model = attach(load(base_of("qwen3_moe"), precision="fp32").model, method, seed=1)
    assert any(parameter.requires_grad for parameter in model.parameters())


def test_facts_need_no_torch(base_of):
    code = f"import sys, kitae.models as m; m.facts({base_of('llama')!r}); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_digest_follows_what_the_model_computes(copied, base_of):
    before = facts(str(copied)).digest
    assert before == facts(base_of("llama")).digest
    (copied / "README.md").write_text("---\nlicense: mit\n---\n")
    assert (facts(str(copied)).digest, facts(str(copied)).licence) == (before, "mit")
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 1e-3}))
    assert facts(str(copied)).digest != before


def test_a_local_folder_is_relative_to_the_recipe(copied):
    assert facts("base", folder=copied.parent).path == copied.resolve()
    assert load_tokenizer("./base", folder=copied.parent).eos_token == "<|end|>"


def test_every_catalogue_entry_says_where_and_on_what_terms():
    for name, entry in catalogue().items():
        assert {"licence", "summary"} <= set(entry), name
        assert ("folder" in entry) != ("hub" in entry), name


def test_unknown_name_offers_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'kitae-nano'"):
        facts("kitae-nanno")


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/place", "a/b/c", "~/no-such-base"])
def test_missing_folder(name, tmp_path):
    with pytest.raises(BaseError, match="no folder") as caught:
        facts(name, folder=tmp_path)
    assert caught.value.exit_code == 2
    assert caught.value.hint


def spoil_encoder(folder: Path) -> None:
    change_config(folder, architectures=["BertForMaskedLM"], model_type="bert")


def spoil_t5(folder: Path) -> None:
    change_config(folder, architectures=["T5ForConditionalGeneration"], model_type="t5", is_encoder_decoder=True)


def spoil_remote_code(folder: Path) -> None:
    change_config(folder, auto_map={"AutoModelForCausalLM": "modeling_evil.EvilForCausalLM"})


def spoil_config_missing(folder: Path) -> None:
    (folder / "config.json").unlink()


def spoil_config_text(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def spoil_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def spoil_pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def spoil_no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def spoil_cut_weights(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-7])


def spoil_weights_are_text(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")


def spoil_shard_missing(folder: Path) -> None:
    index = {"weight_map": {"x": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def change_config(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


SPOILED = {
    "not a causal": (spoil_encoder, spoil_t5),
    "runs no code": (spoil_remote_code,),
    "config.json": (spoil_config_missing, spoil_config_text),
    "no tokenizer": (spoil_tokenizer,),
    "pickle": (spoil_pickle,),
    "safetensors": (spoil_no_weights, spoil_weights_are_text),
    "cut off": (spoil_cut_weights,),
    "are missing": (spoil_shard_missing,),
}


@pytest.mark.parametrize(("words", "spoil"), [(words, spoil) for words, many in SPOILED.items() for spoil in many])
def test_unusable_folders_are_refused_with_a_next_step(words, spoil, copied):
    spoil(copied)
    with pytest.raises(BaseError, match=words) as caught:
        facts(str(copied))
    assert caught.value.exit_code == 2
    assert caught.value.hint


def test_an_architecture_that_transformers_does_not_have(copied):
    change_config(copied, architectures=["UnheardOfForCausalLM"], model_type="unheard_of")
    with pytest.raises(BaseError, match="update transformers"):
        load(str(copied), precision="fp32")


def test_a_tokenizer_of_another_model(copied, base_of):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(copied / "tokenizer.json"))
    tokenizer.add_tokens([f"extra{i}" for i in range(10)])
    tokenizer.save(str(copied / "tokenizer.json"))
    with pytest.raises(BaseError, match="more tokens than"):
        load(str(copied), precision="fp32")


def test_a_broken_tokenizer(copied):
    (copied / "tokenizer.json").write_text("{}")
    with pytest.raises(BaseError, match="tokenizer of this base cannot be opened"):
        load_tokenizer(str(copied))


def test_a_tokenizer_without_an_end(copied):
    settings = json.loads((copied / "tokenizer_config.json").read_text())
    settings.pop("eos_token")
    (copied / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(BaseError, match="no end token"):
        load_tokenizer(str(copied))


def test_house_template_and_pad_token_where_there_are_none(base_of, tmp_path):
    folder = Path(shutil.copytree(base_of("gpt2"), tmp_path / "base"))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings.pop("pad_token")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    tokenizer = load_tokenizer(str(folder))
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "hi"}], tokenize=False, add_generation_prompt=True
    )
    assert text == "User: hi\nAssistant: "
    assert tokenizer.pad_token_id == tokenizer.eos_token_id


def test_loading_keeps_quiet_and_takes_the_precision(base, capfd):
    import torch

    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        assert load(base, precision=precision).model.dtype == dtype
    assert capfd.readouterr() == ("", "")
