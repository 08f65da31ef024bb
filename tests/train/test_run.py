"""The stage: a split becomes a plain PEFT adapter that has learned, with a history and no trace of this machine."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import KINDS, build_tiny
from train.site import make_split, record, records, settings, train_here

from kitae import models, train
from kitae.core.files import read_jsonl
from kitae.core.train_settings import ScheduleSettings
from kitae.core.workspace import Workspace
from kitae.errors import BaseError, NothingToLearn, TrainingDiverged
from kitae.models.adapters import load_adapter
from kitae.models.loading import Loaded
from kitae.train.learner import Learner


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny("llama", tmp_path_factory.mktemp("bases") / "llama")


def test_it_learns_and_writes_what_it_promises(tmp_path: Path, base: Path) -> None:
    adapter = train_here(tmp_path / "home", base, epochs=12, early_stopping=None)
    summary = adapter.summary
    assert summary["validation_best"] < summary["validation_first"] < 20
    assert summary["last_loss"] < 0.6 * summary["first_loss"]
    assert summary["packed"]
    history = list(read_jsonl(adapter.file("history.jsonl")))
    assert [row["step"] for row in history] == list(range(1, summary["steps"] + 1))
    assert sum("validation_loss" in row for row in history) == 4
    assert {"loss", "rate", "gradient_norm", "tokens"} <= set(history[0])
    assert {p.name for p in adapter.file("adapter").iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}


def test_the_same_work_gives_the_same_bytes_and_is_not_done_twice(tmp_path: Path, base: Path) -> None:
    first = train_here(tmp_path / "a", base)
    assert train_here(tmp_path / "b", base).digest == first.digest
    assert train_here(tmp_path / "b", base, checkpoint_seconds=1e-9).digest == first.digest
    again = train_here(tmp_path / "a", base)
    assert (again.folder, again.digest) == (first.folder, first.digest)


def test_the_checkpoint_interval_does_not_change_the_result(tmp_path: Path, base: Path) -> None:
    digests = {train_here(tmp_path / str(s), base, checkpoint_seconds=s).digest for s in (1e-9, 1e9)}
    assert len(digests) == 1


def test_training_sees_rows_as_often_as_they_weigh(tmp_path: Path, base: Path) -> None:
    out = Workspace(tmp_path)
    rows = records(12)
    weighted = [replace(row, weight=2.0 * (place % 2)) for place, row in enumerate(rows)]
    wanted = settings(base, epochs=1, early_stopping=None)
    tokens = [
        sum(row["tokens"] for row in read_jsonl(train.run(split, settings=wanted, out=out).file("history.jsonl")))
        for split in (make_split(out, some, records(4, start=60)) for some in (weighted, rows[1::2]))
    ]
    assert tokens[0] == 2 * tokens[1]


def test_what_matters_is_a_parent_or_a_setting(tmp_path: Path, base: Path) -> None:
    out = Workspace(tmp_path)
    adapters = [
        train.run(make_split(out, records(count), records(4, start=60), test=test), settings=wanted, out=out)
        for count, test, wanted in (
            (12, 1, settings(base, epochs=1)),
            (12, 2, settings(base, epochs=1)),
            (13, 1, settings(base, epochs=1)),
            (12, 1, settings(base, epochs=2)),
        )
    ]
    assert adapters[0].folder == adapters[1].folder, "another test split must not train again"
    assert len({adapter.folder for adapter in adapters}) == 3
    assert dict(adapters[0].parents).keys() == {"train", "validation", "base"}


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # PEFT 0.21 with transformers 5.23
@pytest.mark.parametrize("embeddings", [False, True], ids=["", "embeddings"])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_adapter_is_plain_peft(tmp_path: Path, kind: str, embeddings: bool) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    place = build_tiny(kind, tmp_path / "base")
    adapter = train_here(tmp_path / "home", place, epochs=1, embeddings=embeddings)
    plain = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(place), adapter.file("adapter")).eval()
    ours: Loaded = load_adapter(models.load(str(place), precision="fp32"), adapter.file("adapter"))
    untouched = AutoModelForCausalLM.from_pretrained(place).eval()
    ids = torch.arange(20)[None] + 5
    with torch.no_grad():
        logits, expected, before = (m(ids).logits for m in (ours.model, plain, untouched))
    torch.testing.assert_close(logits, expected)
    assert not torch.allclose(logits, before, atol=1e-3)


def test_a_base_without_a_template_gets_one_beside_the_adapter(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    place = build_tiny("gpt2", tmp_path / "base")
    adapter = train_here(tmp_path / "home", place, epochs=1)
    tokenizer = AutoTokenizer.from_pretrained(adapter.file("adapter"))
    assert tokenizer.chat_template == models.load_tokenizer(str(place)).chat_template


def test_nothing_in_the_artifact_names_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_tiny("gpt2", tmp_path / "somewhere" / "base")
    monkeypatch.chdir(tmp_path / "somewhere")
    adapter = train_here(tmp_path / "home", Path("base"), epochs=1)
    text = b"".join(path.read_bytes() for path in adapter.folder.rglob("*") if path.is_file())
    assert str(tmp_path).encode() not in text


def test_events_tell_the_course(tmp_path: Path, base: Path) -> None:
    out = Workspace(tmp_path)
    events: list[dict[str, Any]] = []
    out.events.listen(events.append)
    with out.run("tiny") as folder:
        train.run(make_split(out, records(12), records(4, start=60)), settings=settings(base, epochs=2), out=out)
    steps = [event for event in events if event["event"] == "step"]
    assert all(step["tokens_per_second"] > 0 and step["eta_seconds"] >= 0 for step in steps)
    assert steps[-1]["eta_seconds"] == 0
    assert any(event["event"] == "progress" and event["unit"] == "steps" for event in events)
    assert any("trained" in event.get("text", "") for event in events)
    assert list((folder / "tensorboard").iterdir())
    assert json.loads((folder / "events.jsonl").read_text().splitlines()[0])["event"] == "started"


@pytest.mark.parametrize("figure", [float("nan"), float("inf")])
def test_a_validation_loss_that_is_no_number_is_written_as_none(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch, figure: float
) -> None:
    loss = Learner.loss
    monkeypatch.setattr(
        Learner, "loss", lambda *of, **to: loss(*of, **to) * (1.0 if torch.is_grad_enabled() else figure)
    )
    out = Workspace(tmp_path)
    with out.run("tiny") as folder:
        adapter = train.run(make_split(out, records(12), records(4, start=60)), settings=settings(base), out=out)
    written = [adapter.file("history.jsonl"), folder / "events.jsonl"]

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    rows = [json.loads(line, parse_constant=refuse) for path in written for line in path.read_text().splitlines()]
    assert [row["loss"] for row in rows if row.get("event") == "validation"] == [None] * 3
    assert not any("validation_loss" in row for row in rows)
    assert adapter.summary["validation_best"] is None
    assert adapter.summary["stopped_early"]


def test_without_a_validation_split_the_last_weights_are_kept(tmp_path: Path, base: Path) -> None:
    out = Workspace(tmp_path)
    adapter = train.run(make_split(out, records(12), []), settings=settings(base), out=out)
    assert adapter.summary["validation_best"] is None
    assert adapter.summary["best_step"] == adapter.summary["steps"]


def test_early_stopping_keeps_the_best(tmp_path: Path, base: Path) -> None:
    out = Workspace(tmp_path)
    wrong = [record(n, QUESTION, "xyzzy") for n, QUESTION in enumerate(["checkin?", "parking?"])]
    wanted = settings(base, epochs=40, validations=40, learning_rate=0.05)
    adapter = train.run(make_split(out, records(20), wrong), settings=wanted, out=out)
    summary = adapter.summary
    losses = [row["validation_loss"] for row in read_jsonl(adapter.file("history.jsonl")) if "validation_loss" in row]
    assert summary["stopped_early"]
    assert summary["steps"] < summary["steps_planned"]
    assert summary["validation_best"] == min(losses) < losses[-1]
    assert summary["best_step"] < summary["steps"]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "empty training split"),
        ([record(1, "only a question")], "no answer"),
        ([record(2, "question " * 60, "answer")], "beyond 64 tokens"),
    ],
    ids=["empty", "no answer", "too long"],
)
def test_nothing_to_learn(tmp_path: Path, base: Path, rows: list[Any], reason: str) -> None:
    out = Workspace(tmp_path)
    with pytest.raises(NothingToLearn, match=reason) as caught:
        train.run(make_split(out, rows, records(2)), settings=settings(base), out=out)
    assert caught.value.exit_code == 2
    assert not list(tmp_path.glob("artifacts/adapter/*"))


def test_a_changed_base_is_refused(tmp_path: Path, base: Path) -> None:
    out = Workspace(tmp_path)
    wanted = settings(base).model_copy(update={"base_digest": "0" * 64})
    with pytest.raises(BaseError, match="changed since"):
        train.run(make_split(out, records(4), []), settings=wanted, out=out)


def test_a_training_that_explodes_ends_with_advice(tmp_path: Path, base: Path) -> None:
    out = Workspace(tmp_path)
    wanted = settings(
        base, learning_rate=1e30, epochs=20, schedule=ScheduleSettings(warmup_share=0.0), early_stopping=None
    )
    with pytest.raises(TrainingDiverged, match="learning_rate"):
        train.run(make_split(out, records(20), []), settings=wanted, out=out)
