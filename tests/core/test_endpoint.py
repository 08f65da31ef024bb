"""The client of the endpoint: waits when it is told to, gives up with the next step, keeps what it paid for."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from kitae.core.endpoint import Answer, CapReached, Endpoint
from kitae.core.endpoint_settings import EndpointSettings
from kitae.errors import InputError

OK = {"choices": [{"message": {"content": "hello"}}], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}


class Line:
    """Replies in turn; what was slept."""

    def __init__(self, folder: Path, *replies: Any, **settings: Any) -> None:
        self.slept: list[float] = []
        self._replies = iter(replies)
        values = {"base_url": "http://model.test/v1/", "model": "m", "max_tokens": 16, "attempts": 3, **settings}
        self.endpoint = Endpoint(
            EndpointSettings.model_validate(values),
            folder,
            place="here",
            transport=httpx.MockTransport(self._reply),
            sleep=self.slept.append,
        )

    def _reply(self, request: httpx.Request) -> httpx.Response:
        assert str(request.url) == "http://model.test/v1/chat/completions"
        reply = next(self._replies)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, httpx.Response) else httpx.Response(200, json=reply)

    def ask(self, prompt: str = "hi") -> Answer:
        return self.endpoint.ask(prompt, about="r1", seed=1)


def test_it_waits_longer_each_time(tmp_path: Path) -> None:
    busy = httpx.Response(503, text="busy")
    line = Line(tmp_path, busy, httpx.ConnectError("down"), OK)
    assert line.ask() == Answer("hello", 5, 2)
    assert line.slept == [1.0, 2.0]


def test_it_waits_as_long_as_it_is_asked_to_within_reason(tmp_path: Path) -> None:
    headers = [{"retry-after": value} for value in ("7", "99999", "Wed, 21 Oct 2026 07:28:00 GMT")]
    line = Line(tmp_path, *(httpx.Response(429, headers=h) for h in headers), OK, attempts=4)
    line.ask()
    assert line.slept == [7.0, 60.0, 4.0]


def test_it_gives_up_with_the_reason_and_the_next_step(tmp_path: Path) -> None:
    line = Line(tmp_path, *(httpx.ReadTimeout("slow") for _ in range(3)))
    with pytest.raises(InputError, match=r"no answer in 3 attempts.*ReadTimeout slow.*again later"):
        line.ask()


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_not_asked_again(tmp_path: Path, status: int) -> None:
    line = Line(tmp_path, httpx.Response(status, text="no"))
    with pytest.raises(InputError, match=f"HTTP {status} no"):
        line.ask()
    assert line.slept == []


def test_a_kept_answer_is_free_and_counts_as_what_it_was_paid(tmp_path: Path) -> None:
    prices = {"price_in": 1_000_000, "price_out": 1_000_000, "most_cost": 1000}
    first, second = Line(tmp_path, OK, **prices), Line(tmp_path, **prices)
    assert first.ask() == second.ask()
    assert (first.endpoint.sent, second.endpoint.sent) == (1, 0)
    assert first.endpoint.spent == second.endpoint.spent == 7.0


def test_the_cap_counts_the_most_that_a_request_can_cost(tmp_path: Path) -> None:
    line = Line(tmp_path, OK, OK, price_out=1_000_000, most_cost=19)
    line.ask("one")
    line.ask("two")
    with pytest.raises(CapReached):
        line.ask("three")
    assert line.endpoint.spent == 4.0


@pytest.mark.parametrize(
    "body", [{}, [], "x", 3, None, {"choices": []}, {"choices": [{"message": None}]}, {"usage": {"prompt_tokens": "9"}}]
)
def test_what_an_answer_does_not_state_is_counted_as_the_most_it_can_be(tmp_path: Path, body: Any) -> None:
    line = Line(tmp_path, httpx.Response(200, json=body))
    answer = line.ask("12345")
    assert answer.text == ""
    assert answer.tokens_in >= 5
    assert answer.tokens_out == 16


def test_an_answer_that_is_no_json_is_empty(tmp_path: Path) -> None:
    assert Line(tmp_path, httpx.Response(200, text="<html>")).ask().text == ""
