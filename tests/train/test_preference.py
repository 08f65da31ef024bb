"""Training from pairs of answers: what was chosen gains, a cut-off training goes on to the same bytes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny import build_tiny
from train.site import make_split, record, settings

from kitae import train
from kitae.core.artifacts import Adapter
from kitae.core.files import read_jsonl
from kitae.core.records import Message, Record
from kitae.core.train_settings import PreferenceSettings
from kitae.core.workspace import Workspace
from kitae.errors import Interrupted, NothingToLearn
from kitae.train.loop import Loop


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny("llama", tmp_path_factory.mktemp("bases") / "llama")


def pairs(count: int, *, start: int = 0) -> list[Record]:
    """Whatever is asked, yes is chosen and no is not."""
    return [
        replace(record(n, f"question {n % 7}?", "yes"), rejected=(Message("assistant", "no"),))
        for n in range(start, start + count)
    ]


def learned(home: Path, base: Path, rows: list[Record], **preference: Any) -> Adapter:
    out = Workspace(home)
    wanted = settings(base, epochs=3, early_stopping=None, preference=PreferenceSettings(**preference))
    wanted = wanted.model_copy(update={"task": "preference"})
    return train.run(make_split(out, rows, pairs(6, start=60)), settings=wanted, out=out)


@pytest.mark.parametrize("loss", ["dpo", "ipo", "orpo", "simpo"])
def test_each_loss_is_learned(tmp_path: Path, base: Path, loss: str) -> None:
    summary = learned(tmp_path, base, pairs(24), loss=loss).summary
    assert summary["validation_best"] < 0.9 * summary["validation_first"] or loss == "dpo"
    assert summary["validation_best"] < summary["validation_first"]
    assert summary["last_loss"] < summary["first_loss"]
    assert summary["shared_tokens"] >= 0


def test_cut_off_after_any_step_it_ends_with_the_same_bytes(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the model said before training is kept, so a resumed training still compares with it."""
    whole = learned(tmp_path / "whole", base, pairs(24))
    plain = Loop.step
    for cut in (1, 3):
        home = tmp_path / str(cut)

        def step(loop: Loop, signals: Any, *, last: int = cut) -> bool:
            if loop.progress.step == last:
                loop.save()
                raise Interrupted("cut off")
            return plain(loop, signals)

        monkeypatch.setattr(Loop, "step", step)
        with pytest.raises(Interrupted):
            learned(home, base, pairs(24))
        monkeypatch.setattr(Loop, "step", plain)
        resumed = learned(home, base, pairs(24))
        assert resumed.digest == whole.digest
    assert len(list(read_jsonl(whole.file("history.jsonl")))) == whole.summary["steps"]


def test_another_task_on_the_same_rows_is_another_training(tmp_path: Path, base: Path) -> None:
    out = Workspace(tmp_path)
    split = make_split(out, pairs(8), pairs(4, start=60))
    wanted = settings(base, epochs=1, early_stopping=None)
    chat = train.run(split, settings=wanted, out=out)
    judged = train.run(split, settings=wanted.model_copy(update={"task": "preference"}), out=out)
    assert chat.digest != judged.digest


def test_rows_that_are_no_pair_are_left_out_by_name(tmp_path: Path, base: Path) -> None:
    alone, same, long = pairs(3, start=30)
    odd = [
        replace(alone, rejected=()),
        replace(same, rejected=(Message("assistant", "yes"),)),
        replace(long, rejected=(Message("assistant", "no " * 90),)),
    ]
    summary = learned(tmp_path / "some", base, [*pairs(8), *odd]).summary
    assert summary["audit"]["rows_left_out"] == 3
    assert summary["audit"]["records"] == 8
    with pytest.raises(NothingToLearn, match="no rejected answer to compare with"):
        learned(tmp_path / "none", base, odd[:1])
