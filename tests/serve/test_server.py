"""The server on a real port: the official client talks to it, and no open door without a key."""

import socket
import threading
import time
from contextlib import contextmanager

import openai
import pytest
import uvicorn
from fastapi.testclient import TestClient
from tiny import build_tiny

from kitae.errors import InputError
from kitae.serve import (
    FakeEngine,
    Served,
    check_bind,
    create_app,
    keys_from_environment,
    open_engine,
    run_server,
)

KEY = "a-key-for-this-test-only"


@contextmanager
def served(engine, *, keys=()):
    """The address of a running server with this engine."""
    config = uvicorn.Config(create_app(engine, names=["faq:1"], keys=keys), log_level="warning", ws="none")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            deadline = time.monotonic() + 20
            while not server.started and time.monotonic() < deadline:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            thread.join(timeout=20)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return open_engine(Served("faq:1", str(build_tiny("qwen3", tmp_path_factory.mktemp("tiny")))))


def test_the_official_client_plain_and_streaming(engine):
    messages = [{"role": "system", "content": "短く"}, {"role": "user", "content": "朝食は何時ですか。"}]
    with served(engine, keys=[KEY]) as address, openai.OpenAI(base_url=address, api_key=KEY, max_retries=0) as client:
        assert [model.id for model in client.models.list()] == ["faq:1"]
        plain = client.chat.completions.create(model="faq:1", messages=messages, max_tokens=24, temperature=0)
        assert plain.usage.completion_tokens <= 24
        assert plain.usage.total_tokens == plain.usage.prompt_tokens + plain.usage.completion_tokens
        text = ""
        with client.chat.completions.create(
            model="faq:1",
            messages=messages,
            max_tokens=24,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        ) as chunks:
            for chunk in chunks:
                text += "".join(choice.delta.content or "" for choice in chunk.choices)
        assert text == plain.choices[0].message.content
        assert chunk.usage == plain.usage
        seeded = [
            client.chat.completions.create(model="faq:1", messages=messages, max_tokens=24, temperature=2, seed=seed)
            for seed in (5, 5, 6)
        ]
        first, again, other = (answer.choices[0].message.content for answer in seeded)
        assert first == again != other


def test_the_official_client_understands_the_errors(engine):
    messages = [{"role": "user", "content": "?"}]
    with served(engine, keys=[KEY]) as address:
        with (
            openai.OpenAI(base_url=address, api_key="wrong", max_retries=0) as client,
            pytest.raises(openai.AuthenticationError),
        ):
            client.models.list()
        with openai.OpenAI(base_url=address, api_key=KEY, max_retries=0) as client:
            with pytest.raises(openai.NotFoundError, match="not served here"):
                client.chat.completions.create(model="other", messages=messages)
            with pytest.raises(openai.BadRequestError, match="temperature"):
                client.chat.completions.create(model="faq:1", messages=messages, temperature=9)
            own = [*messages, {"role": "assistant", "content": "!"}]
            with pytest.raises(openai.BadRequestError, match="assistant") as refused:
                client.chat.completions.create(model="faq:1", messages=own)
            assert refused.value.param == "messages"
            with pytest.raises(openai.BadRequestError, match="shorten them") as refused:
                client.chat.completions.create(model="faq:1", messages=[{"role": "user", "content": "温泉 " * 9000}])
            assert (refused.value.param, refused.value.code) == ("messages", "context_length_exceeded")
            with pytest.raises(openai.APIStatusError, match="does not take PUT"):
                client.put("/chat/completions", cast_to=object)


class Breaking(FakeEngine):
    """Fails after two characters."""

    def answer(self, request):
        pieces = super().answer(request)
        yield next(pieces)
        yield next(pieces)
        raise RuntimeError("broken")


def test_the_official_client_hears_of_a_failure_in_the_middle():
    messages = [{"role": "user", "content": "hello"}]
    with served(Breaking()) as address, openai.OpenAI(base_url=address, api_key="-", max_retries=0) as client:
        with pytest.raises(openai.InternalServerError, match="its log says why"):
            client.chat.completions.create(model="faq:1", messages=messages)
        chunks = iter(client.chat.completions.create(model="faq:1", messages=messages, stream=True))
        assert [next(chunks).choices[0].delta.content for _ in range(3)] == ["", "h", "e"]
        with pytest.raises(openai.APIError, match="its log says why") as failed:
            next(chunks)
        assert failed.value.type == "server_error"


def test_a_client_that_goes_away_leaves_the_engine_free(engine):
    messages = [{"role": "user", "content": "温泉は何時までですか。"}]
    with served(engine) as address, openai.OpenAI(base_url=address, api_key="-", max_retries=0) as client:
        for _ in range(3):
            chunks = client.chat.completions.create(model="faq:1", messages=messages, max_tokens=200, stream=True)
            next(iter(chunks))
            chunks.close()
        answer = client.chat.completions.create(model="faq:1", messages=messages, max_tokens=4, timeout=20)
        assert answer.usage.completion_tokens <= 4


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", ""])
def test_no_public_door_without_a_key(host):
    with pytest.raises(InputError, match="no key") as caught:
        check_bind(host, [])
    assert caught.value.exit_code == 2
    check_bind(host, [KEY])
    with pytest.raises(InputError, match="no key"):
        run_server(FakeEngine(), names=["faq:1"], keys=[], host=host, port=0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.9.9.9"])
def test_this_machine_alone_needs_no_key(host):
    check_bind(host, [])


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.9.9.9",
        "localhost",
        pytest.param("::1", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")),
    ],
)
def test_without_a_key_only_this_machines_own_names_are_answered(monkeypatch, host):
    """A web page that reaches us through a name of its own (DNS rebinding) says that name."""
    served_apps = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda server, **_: served_apps.append(server.config.app))
    run_server(FakeEngine(), names=["faq:1"], keys=[], host=host, port=0)
    run_server(FakeEngine(), names=["faq:1"], keys=[KEY], host=host, port=0)
    open_to_all, closed = TestClient(served_apps[0]), TestClient(served_apps[1])
    for name in ("localhost", "LOCALHOST:8000", "127.0.0.1:8000", "127.9.9.9", "[::1]:8000", "[::1]"):
        assert open_to_all.get("/v1/models", headers={"host": name}).status_code == 200
    for name in ("evil.example", "evil.example:8000", "localhost.evil.example", "192.168.1.5", "", "[::1", "a b"):
        refused = open_to_all.get("/v1/models", headers={"host": name})
        assert refused.status_code == 403
        assert "own names" in refused.json()["error"]["message"]
        assert closed.get("/v1/models", headers={"host": name, "authorization": f"Bearer {KEY}"}).status_code == 200


def test_keys_from_the_environment(monkeypatch):
    monkeypatch.setenv("SOME_KEYS", " one,two  three,")
    assert keys_from_environment("SOME_KEYS") == ["one", "two", "three"]
    monkeypatch.delenv("SOME_KEYS")
    assert keys_from_environment("SOME_KEYS") == []


def test_a_port_in_use_and_an_address_of_another_machine():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match="--port"):
            run_server(FakeEngine(), names=["faq:1"], keys=[], host="127.0.0.1", port=port)
    with pytest.raises(InputError, match="cannot be opened"):
        run_server(FakeEngine(), names=["faq:1"], keys=[KEY], host="203.0.113.7", port=0)
