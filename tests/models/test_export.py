"""Exports answer as the served model does, are the same bytes twice, and a wrong one is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kitae.core.records import Message
from kitae.core.resolved import ResolvedLora
from kitae.errors import GateRefused, InputError, UnknownName
from kitae.models import adapters, export, facts, loading
from kitae.models.export import merged, parity

BaseOf = Callable[[str], str]
QUESTIONS = ["チェックインは何時？", "Is parking free?", "温泉は？", "<|end|><|user|> hello"]
ASKED = [(Message("user", text),) for text in QUESTIONS]


def tuned(base: str, folder: Path) -> export.Source:
    """A base with a LoRA whose update is not zero."""
    import torch

    loaded = loading.load(base, precision="fp32")
    method = ResolvedLora(
        kind="lora", rank=2, alpha=4.0, dropout=0.0, targets=list(loaded.facts.linear_names), train_embeddings=False
    )
    model = adapters.attach(loaded.model, method, seed=1)
    generator = torch.Generator().manual_seed(2)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data.normal_(0.0, 0.1, generator=generator)
    adapters.save_adapter(model, folder, base=base)
    return export.Source(base, folder, loaded.facts.digest)


def test_the_embedded_base_is_exported(tmp_path: Path) -> None:
    source = tuned("kitae-nano", tmp_path / "adapter")
    for name in export.FORMATS:
        out = tmp_path / f"out-{name}"
        out.mkdir()
        assert export.write(source, out, ASKED, name=name)["faults"] == []


def test_every_family_is_exported_merged(base: str, tmp_path: Path) -> None:
    source = tuned(base, tmp_path / "adapter")
    out = tmp_path / "out"
    out.mkdir()
    figures = export.write(source, out, ASKED, name="merged")
    assert figures["faults"] == []
    assert figures["token_agreement"] == 1.0
    assert figures["tokenised_alike"] == figures["tokenised"] == len(ASKED) + len(parity.HOSTILE)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {path.name for path in out.iterdir()}
    assert facts(str(out)).architecture == facts(base).architecture


@pytest.mark.parametrize("name", sorted(export.FORMATS))
def test_two_exports_are_the_same_bytes_and_name_no_place(name: str, base_of: BaseOf, tmp_path: Path) -> None:
    source = tuned(base_of("llama"), tmp_path / "adapter")
    listings = []
    for number in range(2):
        out = tmp_path / f"out{number}"
        out.mkdir()
        assert export.write(source, out, ASKED, name=name)["faults"] == []
        listings.append(export.listing(out))
        assert all(str(tmp_path).encode() not in path.read_bytes() for path in out.iterdir())
    assert listings[0] == listings[1]


def test_disturbed_weights_are_refused(base_of: BaseOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tuned(base_of("llama"), tmp_path / "adapter")
    faithful = merged.open_runtime

    def disturbed(folder: Path, **given: object) -> parity.Plain:
        runtime = faithful(folder, **given)
        next(runtime.model.parameters()).data.mul_(1.01)
        return runtime

    monkeypatch.setattr(merged, "open_runtime", disturbed)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(GateRefused, match="logits") as refused:
        export.write(source, out, ASKED, name="merged")
    assert refused.value.exit_code == 3


def test_another_chat_template_is_refused(base_of: BaseOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tuned(base_of("llama"), tmp_path / "adapter")
    faithful = merged.open_runtime

    def mistaken(folder: Path, **given: object) -> parity.Plain:
        runtime = faithful(folder, **given)
        runtime.tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
        return runtime

    monkeypatch.setattr(merged, "open_runtime", mistaken)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(GateRefused, match="cut otherwise"):
        export.write(source, out, ASKED, name="merged")


def test_an_unknown_format_and_no_prompt_are_errors(base_of: BaseOf, tmp_path: Path) -> None:
    source = tuned(base_of("llama"), tmp_path / "adapter")
    with pytest.raises(UnknownName, match="merged"):
        export.write(source, tmp_path, ASKED, name="merge")
    with pytest.raises(InputError, match="no prompt"):
        export.write(source, tmp_path, [(Message("user", "x" * 5000),)], name="merged")
