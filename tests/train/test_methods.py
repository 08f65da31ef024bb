"""Every kind of method learns, is saved so that plain PEFT loads it, resumes to the same bytes, and answers."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import peft
import pytest
import torch
from tiny import build_tiny
from train.methods import METHODS
from train.site import make_split, records, settings

from kitae import models, train
from kitae.core.files import folder_digests, read_jsonl
from kitae.core.resolved import Resolved
from kitae.core.workspace import Workspace
from kitae.errors import Interrupted
from kitae.models import adapters, streaming
from kitae.models.limits import Limits
from kitae.models.loading import Loaded, load
from kitae.train import loop

IDS = torch.arange(6, 26)[None]
WHOLE = {"full", "freeze"}
pytestmark = [
    # PEFT's own calls, see adapters.py, and what its forward pass says where nothing was asked.
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Position ids are not supported:UserWarning"),
]


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wide enough to be quantised in blocks."""
    return build_tiny("llama", tmp_path_factory.mktemp("bases") / "llama", width=64)


def wanted(base: Path, name: str, **changes: Any) -> Resolved:
    method, rate = METHODS[name]
    epochs = 30 if method["kind"] in {"prefix", "prompt", "p_tuning"} else 10
    made = settings(base, **{"learning_rate": rate, "epochs": epochs, "early_stopping": None, **changes})
    return Resolved.model_validate({**made.plain(), "method": method})


def trained(home: Path, resolved: Resolved) -> Any:
    out = Workspace(home)
    return train.run(make_split(out, records(24), records(4, start=60)), settings=resolved, out=out)


@torch.no_grad()
def logits(loaded: Loaded) -> torch.Tensor:
    asked = loaded.model
    own = asked(input_ids=IDS, attention_mask=torch.ones_like(IDS)).logits.float()
    return own[:, -IDS.shape[1] :]


@pytest.mark.parametrize("name", METHODS)
def test_it_learns_loads_and_answers(tmp_path: Path, base: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[Any] = []
    save = models.save_adapter

    def look(model: Any, folder: Path, *, base: str) -> None:
        ends.append(model)
        save(model, folder, base=base)

    monkeypatch.setattr(models, "save_adapter", look)
    adapter = trained(tmp_path, wanted(base, name))
    summary = adapter.summary
    history = list(read_jsonl(adapter.file("history.jsonl")))
    assert summary["last_loss"] < 0.75 * history[0]["loss"], (history[0]["loss"], summary["last_loss"])

    folder = adapter.file("adapter")
    plain = ends[0] if name in WHOLE else ends[0].get_base_model()
    plain.set_attn_implementation("sdpa")
    quantised = load(str(base), precision="fp32", quantised=adapters._quantised(folder))
    as_trained = logits(Loaded(ends[0].eval(), quantised.tokenizer, quantised.facts))
    beside = adapters.load_adapter(quantised, folder)
    assert distance(logits(beside), as_trained) < 1e-5
    if METHODS[name][0]["kind"] not in WHOLE:
        again = load(str(base), precision="fp32", quantised=adapters._quantised(folder))
        plain = peft.PeftModel.from_pretrained(again.model, str(folder)).eval()
        assert distance(logits(replace(again, model=plain)), as_trained) < 1e-5

    ready = models.ready(str(base), folder)
    # int8 rounds the inputs of its products as well, which written-out layers do not.
    rounded = METHODS[name][0].get("bits") == "int8"
    assert distance(logits(ready), as_trained) < (5e-2 if rounded else 1e-5)
    if not rounded:
        answers_agree(ready, beside)


def distance(got: torch.Tensor, expected: torch.Tensor) -> float:
    return float((got - expected).norm() / expected.norm())


def answers_agree(ready: Loaded, beside: Loaded) -> None:
    """Batched, streamed and scored answers are those of PEFT's own greedy search."""
    prompts = [list(range(7, 7 + length)) for length in (3, 9, 14, 5, 11)]
    got = models.generate(ready, prompts, Limits(6, 2, frozenset([1])))
    for prompt, answer in zip(prompts, got, strict=True):
        ids = torch.tensor([prompt])
        with torch.no_grad():
            whole = beside.model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=6,
                do_sample=False,
                eos_token_id=1,
                pad_token_id=0,
            )
        plain = [token for token in whole[0, len(prompt) :].tolist() if token != 1]
        assert answer == plain
    streamed = list(streaming.tokens(ready, prompts[1], streaming.Sampling(6)))
    assert streamed == got[1]
    choices = [[9, 1], [9, 10, 1], [30, 1]]
    weighed: dict[int, list[float]] = {}
    models.weigh(ready, prompts, choices, batch_rows=2, on_done=weighed.__setitem__)
    likely: dict[int, float] = {}
    models.likelihood(ready, prompts, [choices[1]] * len(prompts), batch_rows=2, on_done=likely.__setitem__)
    for number, prompt in enumerate(prompts):
        expected = [total(beside, prompt, choice) for choice in choices]
        assert weighed[number] == pytest.approx(expected, abs=1e-3)
        assert likely[number] == pytest.approx(expected[1], abs=1e-3)


@torch.no_grad()
def total(loaded: Loaded, prompt: list[int], choice: list[int]) -> float:
    ids = torch.tensor([[*prompt, *choice]])
    found = loaded.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0].float().log_softmax(-1)
    return float(found[-len(choice) - 1 : -1][range(len(choice)), choice].sum())


RESUMED = ["full", "dora", "eva", "lora-dropout-embeddings", "qlora-nf4", "pfeiffer", "prefix-encoder", "vera"]
"""One of each way in which state could be lost; the others differ from these in nothing that a checkpoint holds."""


@pytest.mark.parametrize("name", RESUMED)
def test_cut_off_and_resumed_it_ends_with_the_same_bytes(
    tmp_path: Path, base: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved = wanted(base, name, epochs=2)
    whole = trained(tmp_path / "whole", resolved)

    class Stops:
        """A stop signal in the third step."""

        looks = 0

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        @property
        def caught(self) -> str | None:
            Stops.looks += 1
            return "SIGTERM" if Stops.looks > 5 else None

    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopSignals", Stops)
        with pytest.raises(Interrupted):
            trained(tmp_path / "cut", resolved)
    again = trained(tmp_path / "cut", resolved)
    assert folder_digests(again.folder) == folder_digests(whole.folder)


def test_cut_off_twice_within_the_same_step_it_draws_the_same_dropout(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resumed step that is stopped before its end saves the state it began with."""
    resolved = wanted(base, "lora-dropout-embeddings", epochs=1, validations=1)
    whole = trained(tmp_path / "whole", resolved)
    step = loop.Loop.step

    def stopped(mine: loop.Loop, signals: Any) -> bool:
        if mine.progress.step < 2:
            return step(mine, signals)
        torch.rand(7)
        signals.caught = "SIGTERM"
        return False

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(loop.Loop, "step", stopped)
            with pytest.raises(Interrupted):
                trained(tmp_path / "cut", resolved)
    assert folder_digests(trained(tmp_path / "cut", resolved).folder) == folder_digests(whole.folder)


@pytest.mark.parametrize("name", ["freeze", "qlora-nf4", "houlsby", "p-tuning"])
def test_it_learns_beside_a_base_in_bf16_with_its_own_weights_in_fp32(tmp_path: Path, base: Path, name: str) -> None:
    adapter = trained(tmp_path, wanted(base, name, precision="bf16"))
    first = next(iter(read_jsonl(adapter.file("history.jsonl"))))["loss"]
    assert adapter.summary["last_loss"] < 0.8 * first
