"""A checkpoint is whole or passed over; the newest whole one counts."""

from pathlib import Path

import pytest
import torch

from kitae.train import checkpoint
from kitae.train.checkpoint import KEPT, MANIFEST, PATTERN, Checkpoint, under, within


def put(folder: Path, *steps: int) -> None:
    for step in steps:
        checkpoint.write(folder, Checkpoint({"x": torch.full((100,), float(step))}, {"step": step}))


def newest(folder: Path) -> Path:
    return max(folder.glob(PATTERN))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    tensors = under("adapter", {"a.b": torch.arange(6.0).view(2, 3), "c": torch.ones(2, dtype=torch.bfloat16)})
    checkpoint.write(tmp_path, Checkpoint(tensors, {"step": 3, "history": [{"loss": 0.1}]}))
    found = checkpoint.read(tmp_path)
    assert found is not None
    assert found.values == {"step": 3, "history": [{"loss": 0.1}]}
    assert torch.equal(within("adapter", found)["a.b"], tensors["adapter/a.b"])
    assert within("optimizer", found) == {}


def test_the_newest_stay(tmp_path: Path) -> None:
    put(tmp_path, 1, 2, 10)
    found = checkpoint.read(tmp_path)
    assert found is not None
    assert found.values == {"step": 10}
    assert len(list(tmp_path.glob(PATTERN))) == KEPT
    assert len(list(tmp_path.iterdir())) == KEPT + 1


@pytest.mark.parametrize("part", [slice(0), slice(5), slice(60), slice(-10)])
def test_a_damaged_newest_falls_back_to_the_one_before_and_says_so(tmp_path: Path, part: slice) -> None:
    put(tmp_path, 1, 2)
    newest(tmp_path).write_bytes(newest(tmp_path).read_bytes()[part])
    said: list[str] = []
    found = checkpoint.read(tmp_path, said.append)
    assert found is not None
    assert found.values == {"step": 1}
    assert ["000000002" in sentence for sentence in said] == [True]


def test_after_falling_back_the_damaged_one_goes(tmp_path: Path) -> None:
    put(tmp_path, 1, 5)
    newest(tmp_path).write_bytes(b"")
    put(tmp_path, 3)
    assert [path.name[11:20] for path in sorted(tmp_path.glob(PATTERN))] == ["000000001", "000000003"]


def test_one_flipped_bit_in_a_tensor_is_found(tmp_path: Path) -> None:
    put(tmp_path, 1, 2)
    data = bytearray(newest(tmp_path).read_bytes())
    data[-1] ^= 1
    newest(tmp_path).write_bytes(data)
    found = checkpoint.read(tmp_path)
    assert found is not None
    assert found.values == {"step": 1}


def test_a_file_that_the_manifest_does_not_name_yet_is_not_read(tmp_path: Path) -> None:
    put(tmp_path, 1)
    before = (tmp_path / MANIFEST).read_bytes()
    put(tmp_path, 2)
    (tmp_path / MANIFEST).write_bytes(before)
    found = checkpoint.read(tmp_path)
    assert found is not None
    assert found.values == {"step": 1}


def test_none_where_nothing_is_whole(tmp_path: Path) -> None:
    assert checkpoint.read(tmp_path) is None
    put(tmp_path, 1, 2)
    for path in tmp_path.glob(PATTERN):
        path.write_bytes(b"\xff" * 200)
    assert checkpoint.read(tmp_path) is None
    (tmp_path / MANIFEST).write_bytes(b"{")
    assert checkpoint.read(tmp_path) is None
