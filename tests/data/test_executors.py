"""Work on shards: the same results in the same order wherever it is done, and clear words when a worker is lost."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from kitae.core.data_settings import ExecutorSettings
from kitae.data.executors import ALONE, Executor, executor
from kitae.errors import InputError, KitaeError, UnknownName

MANY = ALONE + 20


def square(number: int) -> int:
    return number * number


def where(_: int) -> int:
    return os.getpid()


def refuse(number: int) -> int:
    if number == ALONE + 3:
        raise UnknownName("number", got=str(number), known=["1"])
    return number


def die(number: int) -> int:
    if number == ALONE + 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.fixture(
    scope="module", params=[{"workers": 1}, {"workers": 2}, {"kind": "ray", "workers": 2}], ids=["one", "two", "ray"]
)
def workers(request: pytest.FixtureRequest) -> Iterator[Executor]:
    if request.param.get("kind") == "ray":
        pytest.importorskip("ray", reason="Ray is not installed")
    with executor(ExecutorSettings(**request.param)) as made:
        yield made


def test_results_come_in_the_order_of_the_tasks(workers: Executor) -> None:
    assert list(workers.map(square, range(MANY))) == [square(number) for number in range(MANY)]
    assert list(workers.map(square, [])) == []
    assert list(workers.map(square, [3])) == [9]


def test_an_error_of_ours_arrives_whole(workers: Executor) -> None:
    with pytest.raises(UnknownName) as caught:
        list(workers.map(refuse, range(MANY)))
    assert (caught.value.known, caught.value.exit_code) == (("1",), 2)


def test_tasks_are_drawn_only_as_workers_come_free() -> None:
    drawn = 0

    def tasks() -> Iterator[int]:
        nonlocal drawn
        for number in range(1000):
            drawn += 1
            yield number

    with executor(ExecutorSettings(workers=2)) as workers:
        results = workers.map(square, tasks())
        assert [next(results) for _ in range(3)] == [0, 1, 4]
        assert drawn < 50


def test_much_work_is_shared_and_little_is_done_here() -> None:
    with executor(ExecutorSettings(workers=2)) as workers:
        assert set(workers.map(where, range(ALONE))) == {os.getpid()}
        assert os.getpid() not in set(workers.map(where, range(MANY)))


def test_a_lost_worker_is_told() -> None:
    with executor(ExecutorSettings(workers=2)) as workers, pytest.raises(KitaeError, match="killed") as caught:
        list(workers.map(die, range(MANY)))
    assert "data.executor.workers" in caught.value.hint


def test_a_cluster_that_is_not_there_is_told() -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    with (
        pytest.raises(InputError, match="cannot be reached"),
        executor(ExecutorSettings(kind="ray", address="127.0.0.1:1")),
    ):
        pass


def test_workers_end_with_the_process_they_work_for(tmp_path: Path) -> None:
    """Also when it was killed and could tell them nothing; the script is not guarded, as people's are."""
    script = tmp_path / "script.py"
    script.write_text(
        "import os, time\n"
        "from kitae.core.data_settings import ExecutorSettings\n"
        "from kitae.data.executors import executor\n"
        "with executor(ExecutorSettings(workers=2)) as workers:\n"
        "    for _ in workers.map(time.sleep, [0.01] * 30 + [60] * 2):\n"
        "        print('on', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 2
        process.kill()
    gone, alive = psutil.wait_procs(children, timeout=10)
    assert (len(gone) >= 2, alive) == (True, [])
