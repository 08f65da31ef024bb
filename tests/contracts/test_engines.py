"""Every engine that ships keeps the contract."""

import pytest
from contracts.engine_contract import EngineContract
from tiny import build_tiny

from kitae.core.records import Message
from kitae.models import attach, facts, load, save_adapter
from kitae.serve import FakeEngine, Request, Served, open_engine


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

    def test_it_writes_what_the_adapter_taught(self, folder, tmp_path):
        import torch

        from kitae.core.resolved import ResolvedMethod

        method = ResolvedMethod(
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
