"""Every engine that ships keeps the contract, and the gateway tells what an engine refuses."""

from itertools import pairwise

import pytest
from contracts.engine_contract import EngineContract
from fastapi.testclient import TestClient
from tiny import build_tiny

from kitae.core.records import Message
from kitae.errors import BaseError
from kitae.models import attach, facts, load, save_adapter
from kitae.serve import FakeEngine, Request, Served, create_app, open_engine


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """The tiny model is too small to share out."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class TestFakeEngine(EngineContract):
    @pytest.fixture
    def engine(self):
        return FakeEngine({"チェックインは何時からですか。": "チェックインは15時からです。"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build_tiny("llama", tmp_path_factory.mktemp("tiny"))


class TestInProcessEngine(EngineContract):
    @pytest.fixture
    def engine(self, folder):
        return open_engine(Served("tiny:1", str(folder)))

    def parts(self, engine):
        return [engine.loaded, engine.loaded.model, *engine.loaded.model.parameters()]

    def test_it_writes_what_the_adapter_taught(self, folder, tmp_path):
        import torch

        from kitae.core.resolved import ResolvedLora

        method = ResolvedLora(
            kind="lora",
            rank=2,
            alpha=4.0,
            dropout=0.0,
            targets=list(facts(str(folder)).linear_names),
            train_embeddings=True,
        )
        model = attach(load(str(folder), precision="fp32").model, method, seed=1)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.add_(0.3)
        save_adapter(model, tmp_path, base="tiny")
        request = Request((Message("user", "朝食は?"),), max_tokens=12)
        with_it, without = (
            "".join(piece.text for piece in open_engine(Served("tiny:1", str(folder), adapter)).answer(request))
            for adapter in (tmp_path, None)
        )
        assert with_it != without


class Strict(FakeEngine):
    """Refuses a conversation as a chat template does, when its prompt is rendered."""

    def count_prompt(self, messages):
        roles = [message.role for message in messages]
        if "system" in roles or any(one == other for one, other in pairwise(roles)):
            raise BaseError("the chat template of this base refuses the conversation", got=" ".join(roles))
        return super().count_prompt(messages)


@pytest.mark.parametrize("roles", [("system", "user"), ("user", "user")])
@pytest.mark.parametrize("stream", [False, True])
def test_what_a_template_refuses_is_the_callers_error(roles, stream):
    client = TestClient(create_app(Strict(), names=["strict"]), raise_server_exceptions=False)

    def ask(*roles):
        messages = [{"role": role, "content": "朝食は?"} for role in roles]
        body = {"model": "strict", "messages": messages, "stream": stream}
        return client.post("/v1/chat/completions", json=body)

    assert ask("user").status_code == 200
    refused = ask(*roles)
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", "messages")
    assert "refuses the conversation" in error["message"]
