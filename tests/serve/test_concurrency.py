"""Many clients at once, on a real port: the queue has an end, and nobody is computed for who has gone."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from serve.test_server import served

from kitae.serve import FakeEngine, Piece, app

CLIENTS = 12
PLACES = 3
PATIENCE = 60.0
"""Seconds after which a test has failed; none of them takes a tenth of it."""


class Together(FakeEngine):
    """Counts prompts for `CLIENTS` at the same moment, and answers once the gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.arrival = threading.Barrier(CLIENTS, timeout=PATIENCE)
        self.gate = threading.Event()

    def count_prompt(self, messages):
        if not self.gate.is_set():
            self.arrival.wait()
        return sum(len(message.content) + 1 for message in messages)

    def answer(self, request):
        self.gate.wait(PATIENCE)
        yield from super().answer(request)


class Endless(FakeEngine):
    """Answers without end until it is closed; says when it begins and when it ends."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.ended = threading.Event(), threading.Event()

    def answer(self, request) -> Iterator[Piece]:  # noqa: ARG002
        self.began.set()
        try:
            for count in range(1, 1_000_000):
                yield Piece("a", count)
                self.ended.wait(0.001)
            raise AssertionError("nobody stopped it")
        finally:
            self.ended.set()


def body(*, stream: bool) -> dict[str, object]:
    return {"model": "faq:1", "messages": [{"role": "user", "content": "hi"}], "stream": stream}


@pytest.mark.parametrize("kind", ["streams", "plain", "mixed"])
def test_no_more_than_the_queue_holds_get_in(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """However many come at the same moment; and all places are free again afterwards."""
    monkeypatch.setattr(app, "MAX_WAITING", PLACES)
    streams: dict[str, Callable[[int], bool]] = {
        "streams": lambda _: True, "plain": lambda _: False, "mixed": lambda number: number % 2 == 0,
    }  # fmt: skip
    engine = Together()
    refused = threading.Semaphore(0)

    def ask(number: int, address: str) -> int:
        response = httpx.post(f"{address}/chat/completions", json=body(stream=streams[kind](number)), timeout=PATIENCE)
        if response.status_code == 429:
            refused.release()
        return response.status_code

    with served(engine) as address, ThreadPoolExecutor(CLIENTS) as clients:
        asked = [clients.submit(ask, number, address) for number in range(CLIENTS)]
        turned_away = sum(refused.acquire(timeout=PATIENCE / 10) for _ in range(CLIENTS - PLACES))
        engine.gate.set()
        codes = sorted(future.result() for future in asked)
        assert turned_away == CLIENTS - PLACES
        assert codes == [200] * PLACES + [429] * (CLIENTS - PLACES)
        for _ in range(2 * PLACES):
            assert httpx.post(f"{address}/chat/completions", json=body(stream=True), timeout=PATIENCE).is_success
            assert httpx.post(f"{address}/chat/completions", json=body(stream=False), timeout=PATIENCE).is_success


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_an_answer_for_a_client_that_has_gone_is_given_up(monkeypatch: pytest.MonkeyPatch, *, stream: bool) -> None:
    monkeypatch.setattr(app, "MAX_WAITING", 1)
    engine = Endless()
    with served(engine) as address:
        with httpx.Client(timeout=PATIENCE) as client:
            if stream:
                with client.stream("POST", f"{address}/chat/completions", json=body(stream=True)) as response:
                    next(response.iter_lines())
            else:
                with pytest.raises(httpx.TimeoutException):
                    client.post(f"{address}/chat/completions", json=body(stream=False), timeout=0.5)
        assert engine.ended.wait(PATIENCE), "it goes on for nobody"
        engine.answer = FakeEngine({"hi": "hello"}).answer
        for _ in range(200):
            answer = httpx.post(f"{address}/chat/completions", json=body(stream=False), timeout=PATIENCE)
            if answer.status_code != 429:  # the place is given back a moment after the engine ended
                break
        assert answer.json()["choices"][0]["message"]["content"] == "hello"
