"""The invariants of packing on a GPU: run with `KITAE_TEST_CUDA=1 python -m pytest tests/cuda`."""

import pytest
import torch
from invariant.families import CONFIGS, adapted, rows
from invariant.test_packing import TOLERANCE, assert_same, one_by_one, packed

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no GPU, or hidden from the tests: set KITAE_TEST_CUDA=1"
)


@pytest.mark.parametrize("embeddings", [False, True], ids=["", "embeddings"])
@pytest.mark.parametrize("kind", CONFIGS)
def test_packed_equals_one_by_one_on_a_gpu(kind: str, embeddings: bool) -> None:
    model = adapted(kind, embeddings=embeddings).cuda()
    expected, expected_grads = one_by_one(model.eval(), rows())
    loss, got, learner = packed(model, rows(), budget=1_000)
    assert learner.one_by_one is None
    assert abs(loss - expected) < TOLERANCE
    assert_same(got, expected_grads)


def test_long_documents_on_a_gpu() -> None:
    model = adapted("llama").cuda()
    model.config.max_position_embeddings = 1024
    wanted = rows((790, 17, 800, 40))
    expected, expected_grads = one_by_one(model.eval(), wanted)
    loss, got, _ = packed(model, wanted, budget=2_000)
    assert abs(loss - expected) < TOLERANCE
    assert_same(got, expected_grads)
