"""The gateway over an engine without a model: routes, keys, limits, errors in OpenAI's format."""

import json

import pytest
from fastapi.testclient import TestClient

from kitae.errors import InputError
from kitae.serve import FakeEngine, app, create_app
from kitae.serve.app import MAX_BODY_BYTES

QUESTION = "朝食は何時?"
ANSWER = "朝食は7時からです。"
KEYS = ("first-key-of-this-test", "second-key-of-this-test")


@pytest.fixture
def engine():
    return FakeEngine({QUESTION: ANSWER})


@pytest.fixture
def client(engine):
    return TestClient(create_app(engine, names=["faq:1", "faq"]), raise_server_exceptions=False)


def body(**changes):
    return {"model": "faq:1", "messages": [{"role": "user", "content": QUESTION}], **changes}


def ask(client, **changes):
    return client.post("/v1/chat/completions", json=body(**changes))


def error_of(response, status):
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    return error


def test_a_plain_answer(client):
    answer = ask(client).json()
    assert answer["object"] == "chat.completion"
    assert answer["model"] == "faq:1"
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": ANSWER}
    assert answer["choices"][0]["finish_reason"] == "stop"
    prompt, completion = len(QUESTION) + 1, len(ANSWER)
    expected = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    assert answer["usage"] == expected


def test_a_streamed_answer(client):
    response = ask(client, stream=True, stream_options={"include_usage": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    *chunks, counts = [json.loads(line) for line in lines[:-1]]
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == ANSWER
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks][-2:] == [None, "stop"]
    assert counts["choices"] == []
    assert counts["usage"]["completion_tokens"] == len(ANSWER)
    assert {chunk["id"] for chunk in chunks} == {counts["id"]}


@pytest.mark.parametrize("key", ["max_tokens", "max_completion_tokens"])
def test_the_answer_may_be_cut(client, key):
    choice = ask(client, **{key: 3}).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (ANSWER[:3], "length")


def test_stop_texts(client):
    for stop in ("時から", ["x", "時から"]):
        assert ask(client, stop=stop).json()["choices"][0]["message"]["content"] == "朝食は7"


def test_content_in_parts_and_the_developer_role(client):
    parts = [{"type": "text", "text": "朝食は"}, {"type": "text", "text": "何時?"}]
    messages = [{"role": "developer", "content": "be short"}, {"role": "user", "content": parts}]
    assert ask(client, messages=messages).json()["choices"][0]["message"]["content"] == ANSWER


def test_models(client):
    listed = client.get("/v1/models").json()
    assert [model["id"] for model in listed["data"]] == ["faq:1", "faq"]
    assert client.get("/v1/models/faq:1").json()["object"] == "model"
    assert error_of(client.get("/v1/models/other"), 404)["code"] == "model_not_found"


def test_unknown_model_and_path(client):
    error = error_of(ask(client, model="faq:9"), 404)
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert "faq:1" in error["message"]
    error_of(client.get("/v1/completions"), 404)


def test_a_method_that_a_path_does_not_take(client):
    for method, path in (("GET", "/v1/chat/completions"), ("DELETE", "/v1/models/faq:1"), ("POST", "/health")):
        response = client.request(method, path)
        assert error_of(response, 405)["code"] == "method_not_allowed"
        assert response.headers["allow"]


def test_what_the_framework_itself_refuses_has_the_same_format(engine):
    served = create_app(engine, names=["faq:1"])

    @served.get("/twice/{number}")
    def twice(number: int) -> int:
        return 2 * number

    error = error_of(TestClient(served).get("/twice/x"), 422)
    assert (error["type"], error["param"]) == ("invalid_request_error", "path.number")


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages.0.role"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": 2.5}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"seed": "x"}, "seed"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"model": None}, "model"),
    ],
)
def test_wrong_values_are_400_and_name_the_key(client, changes, param):
    error = error_of(ask(client, **changes), 400)
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param


def test_keys_that_ask_for_nothing_are_let_through(client):
    response = ask(client, n=1, user="u", tools=[], response_format={"type": "text"}, frequency_penalty=0, seed=None)
    assert response.status_code == 200


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b'{"model": NaN}'])
def test_bodies_that_are_no_request(client, content):
    response = client.post("/v1/chat/completions", content=content, headers={"Content-Type": "application/json"})
    assert error_of(response, 400)["type"] == "invalid_request_error"


def test_a_form_cannot_ask(client):
    content = json.dumps(body())
    response = client.post("/v1/chat/completions", content=content, headers={"Content-Type": "text/plain"})
    assert error_of(response, 400)["type"] == "invalid_request_error"


def test_a_body_too_large(client):
    messages = [{"role": "user", "content": "x" * MAX_BODY_BYTES}]
    assert error_of(ask(client, messages=messages), 413)["code"] == "request_too_large"


def test_a_conversation_too_long(client):
    error = error_of(ask(client, messages=[{"role": "user", "content": "x" * 600}]), 400)
    assert error["code"] == "context_length_exceeded"
    assert "512" in error["message"]


def test_a_full_queue(client, monkeypatch):
    monkeypatch.setattr(app, "MAX_WAITING", 0)
    response = ask(client)
    assert error_of(response, 429)["code"] == "queue_full"
    assert response.headers["retry-after"]


def test_keys(engine):
    client = TestClient(create_app(engine, names=["faq:1"], keys=KEYS))
    assert client.get("/health").json() == {"status": "ok"}
    for header in (None, "", "Bearer", "Bearer wrong", f"Basic {KEYS[0]}", f"Bearer {KEYS[0]}x", "Bearer ключ"):
        headers = {"Authorization": header.encode()} if header is not None else {}
        for response in (
            client.get("/v1/models", headers=headers),
            client.get("/v1/models/faq:1", headers=headers),
            client.post("/v1/chat/completions", json=body(), headers=headers),
        ):
            error = error_of(response, 401)
            assert error["code"] == "invalid_api_key"
            assert response.headers["www-authenticate"] == "Bearer"
            assert not any(key in response.text for key in KEYS)
    for key in KEYS:
        response = client.post("/v1/chat/completions", json=body(), headers={"Authorization": f"bearer {key}"})
        assert response.status_code == 200


def last_event(response):
    *_, last = [line for line in response.text.split("\n\n") if line]
    return json.loads(last.removeprefix("data: "))


class FailingEngine(FakeEngine):
    """Fails after two characters."""

    def answer(self, request):
        pieces = super().answer(request)
        yield next(pieces)
        yield next(pieces)
        raise InputError("the engine cannot go on")


def test_an_engine_that_fails_in_the_middle():
    client = TestClient(create_app(FailingEngine(), names=["faq:1"]))
    assert "cannot go on" in error_of(ask(client), 400)["message"]
    error = last_event(ask(client, stream=True))["error"]
    assert "cannot go on" in error["message"]
    assert error["type"] == "invalid_request_error"
    # Failures give their place in the queue back.
    for _ in range(app.MAX_WAITING + 1):
        error_of(ask(client), 400)


class BrokenEngine(FakeEngine):
    """Fails after two characters in a way that nobody foresaw."""

    def answer(self, request):
        pieces = super().answer(request)
        yield next(pieces)
        yield next(pieces)
        raise RuntimeError("a secret of this machine")


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_failure_that_nobody_foresaw_is_told_without_its_text(*, stream):
    client = TestClient(create_app(BrokenEngine(), names=["faq:1"]), raise_server_exceptions=False)
    for _ in range(app.MAX_WAITING + 1):  # it gives its place in the queue back
        response = ask(client, stream=stream)
        assert response.status_code == (200 if stream else 500)
        error = last_event(response)["error"] if stream else error_of(response, 500)
        assert set(error) == {"message", "type", "param", "code"}
        assert error["type"] == "server_error"
        assert "secret" not in response.text


def test_a_failure_that_nobody_foresaw_reaches_the_log_whole():
    client = TestClient(create_app(BrokenEngine(), names=["faq:1"]))
    for stream in (False, True):
        with pytest.raises(RuntimeError, match="a secret of this machine"):
            ask(client, stream=stream)
