"""Where the work on shards is done: in this process, in processes of this machine, or on a Ray cluster.

An executor maps a function over tasks and gives the results in the tasks' order; which executor it was never shows in
them. Functions and tasks must be picklable, and functions pure but for the files their tasks name.
"""

import itertools
import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from kitae.core.data_settings import ExecutorSettings
from kitae.errors import InputError, KitaeError

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 2
"""Tasks handed out for each worker: one being done and one waiting, so that memory does not grow with the input."""
ALONE = 4
"""So few tasks are done in this process: starting others would take longer."""
ORPHANED = 75
WATCH_SECONDS = 0.2
KNOCK_SECONDS = 5.0


class Executor(Protocol):
    """Does the work on shards."""

    def map(self, work: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
        """The results in the order of the tasks; tasks are drawn only as workers come free."""
        ...

    def close(self) -> None:
        """Let go of the workers."""
        ...


@contextmanager
def executor(settings: ExecutorSettings) -> Iterator[Executor]:
    """The executor that a recipe names, for as long as it is needed. Raises `InputError` when it cannot be had."""
    made = EXECUTORS[settings.kind](settings)
    try:
        yield made
    finally:
        made.close()


def workers_of(settings: ExecutorSettings) -> int:
    """How many processes work: what is set, else the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if settings.workers == "auto" else settings.workers


class Local:
    """Processes of this machine; a few tasks, or those of a single worker, are done in this process."""

    def __init__(self, settings: ExecutorSettings) -> None:
        """Take the number of workers; processes are started when there is enough to do."""
        self._workers = workers_of(settings)
        self._pool: Any = None

    def map(self, work: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
        """The results in the order of the tasks. Raises `KitaeError` when a worker was killed."""
        tasks = iter(tasks)
        first = list(itertools.islice(tasks, ALONE + 1))
        if self._workers == 1 or len(first) <= ALONE:
            yield from map(work, itertools.chain(first, tasks))
            return
        from loky.process_executor import BrokenProcessPool

        pool = self._started()
        waiting: deque[Future[R]] = deque()
        try:
            for task in itertools.chain(first, tasks):
                waiting.append(pool.submit(work, task))
                if len(waiting) >= AHEAD * self._workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise KitaeError(
                "a worker process of the data stage was killed",
                got=str(error),
                hint="It most likely ran out of memory: set data.executor.workers lower; finished shards are kept",
            ) from error
        finally:
            for future in waiting:
                future.cancel()

    def _started(self) -> Any:
        # loky starts fresh interpreters: a fork would copy the threads and locks that libraries hold by now, and the
        # standard library's other ways run the user's script again in each worker.
        from loky import ProcessPoolExecutor

        if self._pool is None:
            self._pool = ProcessPoolExecutor(self._workers, initializer=_begin_worker, initargs=(os.getpid(),))
        return self._pool

    def close(self) -> None:
        """Stop the processes; what they have not begun is not done."""
        if self._pool is not None:
            self._pool.shutdown(kill_workers=True)
            self._pool = None


def _begin_worker(parent: int) -> None:
    """Leave Ctrl-C to the process that waits for us, and end when it is gone: nobody else would tell us to."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        os._exit(ORPHANED)

    threading.Thread(target=watch, daemon=True).start()


class OnRay:
    """Workers of a Ray cluster (Moritz et al. 2018, arXiv:1712.05889) that sees the workspace under the same path."""

    def __init__(self, settings: ExecutorSettings) -> None:
        """Join the cluster at `address`, or start one on this machine. Raises `InputError`."""
        try:
            import ray
        except ImportError as error:
            raise InputError(
                "data.executor.kind: ray needs Ray, which is not installed",
                hint="pip install 'kitae[ray]', or use data.executor.kind: local",
            ) from error
        self._ray: Any = ray
        self._ours = not ray.is_initialized()
        self._ahead = AHEAD * workers_of(settings)
        here = {"num_cpus": workers_of(settings), "include_dashboard": False} if settings.address is None else {}
        try:
            if settings.address is not None:
                _knock(settings.address)
            if self._ours:
                ray.init(address=settings.address or "local", log_to_driver=False, logging_level="error", **here)
        except (OSError, RuntimeError) as error:
            raise InputError(
                "the Ray cluster cannot be reached",
                got=f"{settings.address}: {error}",
                hint="Check data.executor.address, or leave it out and one is started here",
            ) from error

    def map(self, work: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
        """The results in the order of the tasks."""
        remote = self._ray.remote(work)
        waiting: deque[Any] = deque()
        for task in tasks:
            waiting.append(remote.remote(task))
            if len(waiting) >= self._ahead:
                yield self._result(waiting.popleft())
        while waiting:
            yield self._result(waiting.popleft())

    def _result(self, reference: Any) -> Any:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, KitaeError):
                raise error.cause from error
            raise

    def close(self) -> None:
        """Leave the cluster, and stop it if it was started here."""
        if self._ours:
            self._ray.shutdown()


def _knock(address: str) -> None:
    """Whether anybody answers there; Ray itself would go on asking for minutes. Raises `OSError`."""
    place = urlsplit(address if "://" in address else f"//{address}")
    if place.hostname and place.port:
        socket.create_connection((place.hostname, place.port), timeout=KNOCK_SECONDS).close()


EXECUTORS: dict[str, Callable[[ExecutorSettings], Executor]] = {"local": Local, "ray": OnRay}
