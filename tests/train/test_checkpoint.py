"""A checkpoint is whole or absent."""

from pathlib import Path

import torch

from kitae.train import checkpoint
from kitae.train.checkpoint import Checkpoint, under, within


def test_what_is_written_is_read(tmp_path: Path) -> None:
    tensors = under("adapter", {"a.b": torch.arange(6.0).view(2, 3), "c": torch.ones(2, dtype=torch.bfloat16)})
    checkpoint.write(tmp_path, Checkpoint(tensors, {"step": 3, "history": [{"loss": 0.1}]}))
    found = checkpoint.read(tmp_path)
    assert found is not None
    assert found.values == {"step": 3, "history": [{"loss": 0.1}]}
    assert torch.equal(within("adapter", found)["a.b"], tensors["adapter/a.b"])
    assert within("optimizer", found) == {}


def test_the_newer_takes_the_place_of_the_older(tmp_path: Path) -> None:
    for step in (1, 2):
        checkpoint.write(tmp_path, Checkpoint({"x": torch.zeros(1)}, {"step": step}))
    found = checkpoint.read(tmp_path)
    assert found is not None
    assert found.values == {"step": 2}
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.NAME]


def test_a_damaged_or_missing_checkpoint_is_none(tmp_path: Path) -> None:
    assert checkpoint.read(tmp_path) is None
    checkpoint.write(tmp_path, Checkpoint({"x": torch.zeros(100)}, {"step": 1}))
    whole = (tmp_path / checkpoint.NAME).read_bytes()
    for part in (b"", whole[:5], whole[:60], whole[:-10], b"\xff" * 200):
        (tmp_path / checkpoint.NAME).write_bytes(part)
        assert checkpoint.read(tmp_path) is None
