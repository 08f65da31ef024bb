"""Shards: there whole or not at all, and the same dataset whichever executor made it and wherever it was killed."""

import multiprocessing
import random
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from data import stage_process
from data.desk import Desk

from kitae.core.workspace import Workspace
from kitae.data import passes, preparing, shards
from kitae.data.reading.rows import BadRow, Cells, Row, letters_of

KILLS = 20
TABLE = pa.table({"n": [1, 2, 3]})


def test_a_table_survives_and_what_is_cut_off_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a" / "000001.arrow"
    assert shards.read_table(path) is None
    shards.write_table(path, TABLE)
    assert shards.read_table(path) == TABLE
    whole = path.read_bytes()
    for size in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert shards.read_table(path) is None
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_rows_in_shards_lose_nothing(size: int) -> None:
    pieces = list(shards.in_shards(range(7), size, lambda _: 1))
    assert [row for piece in pieces for row in piece] == list(range(7))
    assert {len(piece) for piece in pieces[:-1]} <= {size}


def test_a_shard_ends_where_its_rows_are_long() -> None:
    rows = ["a" * length for length in (3, 4, 100, 1, 1, 1, 1, 9)]
    pieces = list(shards.in_shards(rows, 3, len, most_letters=7))
    assert [[len(row) for row in piece] for piece in pieces] == [[3, 4], [100], [1, 1, 1], [1, 9]]


@pytest.mark.parametrize(
    ("raw", "letters"),
    [
        (Row({"question": "abc", "n": 4, "turns": [{"content": "de"}, None]}, 1), 5 + 7),
        (BadRow("not text", "abcd", 1), 4),
        (BadRow("too few cells", Cells(("a", "b"), ("cd", "efg")), 1), 5),
    ],
)
def test_how_much_a_row_holds(raw: Row | BadRow, letters: int) -> None:
    assert letters_of(raw) == letters


def dirty(desk: Desk, rows: int) -> None:
    """Rows with every fate: kept, dropped, duplicate, near, cut off, unreadable, private."""
    seeded = random.Random(3)
    words = ["bath", "garden", "bicycle", "breakfast", "tatami", "receipt", "towel", "window", "station", "ferry"]
    for number, name in enumerate(("one.jsonl", "two.jsonl", "three.jsonl")):
        lines: list[Mapping[str, Any]] = []
        for row in range(rows):
            asked = f"Where do I find the {' '.join(seeded.sample(words, 3))} of house {row % 40}?"
            lines.append(
                {"question": asked, "answer": f"It is behind the {seeded.choice(words)}, call 03-1234-{row:04}."}
            )
            if row % 7 == 0:
                lines.append({"question": asked, "answer": "" if row % 2 else "TBD"})
            if row % 5 == 0:
                lines.append(lines[-1])
        desk.rows(name, lines)
        path = desk.folder / name
        path.write_bytes(path.read_bytes() + b"{broken\n" * (number + 1))


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "SHARD_ROWS", 25)


def digest(desk: Desk, home: Path, **executor: Any) -> str:
    desk.workspace = Workspace(home)
    return desk.prepare(executor=executor).digest


def test_shards_and_executors_do_not_show_in_the_dataset(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dirty(desk, 60)
    whole = digest(desk, tmp_path / "whole", workers=1)
    for size in (3, 50):
        monkeypatch.setattr(preparing, "SHARD_ROWS", size)
        assert digest(desk, tmp_path / f"cut{size}", workers=1) == whole
    monkeypatch.setattr(preparing, "SHARD_ROWS", 25)
    assert digest(desk, tmp_path / "two", workers=2) == whole


@pytest.mark.slow
def test_ray_makes_the_same_dataset(desk: Desk, tmp_path: Path, small_shards: None) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    dirty(desk, 60)
    assert digest(desk, tmp_path / "ray", kind="ray", workers=2) == digest(desk, tmp_path / "local", workers=1)


def test_what_is_done_is_found_again(desk: Desk, monkeypatch: pytest.MonkeyPatch, small_shards: None) -> None:
    dirty(desk, 60)
    done = passes.judge
    judged: list[Path] = []

    def fail(task: passes.Judging) -> passes.Judged:
        if len(judged) == 3:
            raise KeyboardInterrupt
        judged.append(task.judged)
        return done(task)

    monkeypatch.setattr(passes, "judge", fail)
    with pytest.raises(KeyboardInterrupt):
        desk.prepare(executor={"workers": 1})
    monkeypatch.setattr(passes, "judge", done)
    monkeypatch.setattr(passes, "record_of", None)  # no row is read into a record again
    assert desk.prepare(executor={"workers": 1}).summary["kept"] > 0


@dataclass
class Stage:
    """The data stage in processes that can be killed."""

    desk: Desk
    folder: Path
    context: Any = field(default_factory=lambda: multiprocessing.get_context("forkserver"))

    def killed(self, home: str, workers: int, after: float) -> bool:
        """Start the stage and kill it after so many seconds; whether it was still at work."""
        places = (str(self.desk.folder), str(self.folder / home), workers, str(self.folder / "digest"))
        process = self.context.Process(target=stage_process.prepare, args=places)
        process.start()
        process.join(after)
        process.kill()
        process.join()
        code = process.exitcode
        process.close()
        assert code in {0, -signal.SIGKILL}
        return bool(code)

    def whole(self, home: str, workers: int) -> tuple[str, float]:
        """The digest of a dataset that nobody interrupts, and the seconds it took."""
        began = time.monotonic()
        assert not self.killed(home, workers, after=120)
        return (self.folder / "digest").read_text("utf-8"), time.monotonic() - began


@pytest.mark.slow
def test_twenty_kills_at_random_moments_leave_the_same_dataset(desk: Desk, tmp_path: Path) -> None:
    dirty(desk, 60)
    stage = Stage(desk, tmp_path)
    stage.context.set_forkserver_preload(["data.stage_process"])
    wanted, alone = stage.whole("whole", 1)
    same, together = stage.whole("two", 2)
    assert same == wanted
    seconds = {1: alone, 2: together}
    chance, killed, found = random.Random(11), 0, 0
    while killed < KILLS:
        workers = 2 if killed % 6 == 5 else 1
        if stage.killed("killed", workers, chance.uniform(0, seconds[workers])):
            killed += 1
            found += len(list(tmp_path.glob("killed/partial/dataset-*/scratch/*/*.arrow"))) > 0
        else:
            shutil.rmtree(tmp_path / "killed" / "artifacts" / "dataset")
    assert found  # kills hit work that is found again
    assert stage.whole("killed", 1)[0] == wanted
