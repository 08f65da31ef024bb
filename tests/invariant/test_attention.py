"""Packed attention = dense block mask, and = each document alone."""

from typing import Any

import pytest
import torch

from kitae.models.attention import Documents, Rules, attend, dense_attention, padded_length

LAYOUTS = {
    "one": [7],
    "ones": [1, 1, 1],
    "mixed": [5, 17, 16, 40, 3, 16],
    "several steps": [130, 20, 129, 300],
    "short and long": [30, 800, 8, 770],
    "only long": [790],
}
RULES = {
    "plain": Rules(scale=0.25),
    "window": Rules(scale=0.25, window=4),
    "odd scale": Rules(scale=0.3),
    "softcap": Rules(scale=0.5, softcap=2.0),
    "window and softcap": Rules(scale=0.3, window=9, softcap=5.0),
}


def inputs(documents: Documents, *, heads: int, key_heads: int, width: int = 8) -> list[torch.Tensor]:
    torch.manual_seed(3)
    return [torch.randn(h, documents.tokens, width, requires_grad=True) for h in (heads, key_heads, key_heads)]


def outcome(function: Any, tensors: list[torch.Tensor], *rest: Any, sinks: torch.Tensor | None) -> list[torch.Tensor]:
    out = function(*tensors, *rest, sinks=sinks)
    weight = torch.linspace(-1, 1, out.numel()).view_as(out)
    wanted = [*tensors, *([] if sinks is None else [sinks])]
    return [out.detach(), *torch.autograd.grad((out * weight).sum(), wanted)]


@pytest.mark.parametrize("with_sinks", [False, True], ids=["", "sinks"])
@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("heads", "key_heads"), [(4, 4), (6, 2)], ids=["mha", "gqa"])
def test_packed_equals_dense(layout: str, rules: str, heads: int, key_heads: int, with_sinks: bool) -> None:
    documents = Documents(LAYOUTS[layout])
    tensors = inputs(documents, heads=heads, key_heads=key_heads)
    sinks = torch.linspace(-2, 2, heads).requires_grad_() if with_sinks else None
    got = outcome(attend, tensors, documents, RULES[rules], sinks=sinks)
    wanted = outcome(dense_attention, tensors, documents, RULES[rules], sinks=sinks)
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_a_document_is_untouched_by_its_neighbours() -> None:
    documents = Documents([20, 33])
    tensors = [x.detach() for x in inputs(documents, heads=2, key_heads=1)]
    before = attend(*tensors, documents, RULES["plain"], sinks=None)[20:]
    changed = [torch.cat([x[:, :20] * 3 + 1, x[:, 20:]], dim=1) for x in tensors]
    assert torch.equal(before, attend(*changed, documents, RULES["plain"], sinks=None)[20:])


@pytest.mark.parametrize("scale", [0.125, 0.11])
def test_bf16_stays_near_fp32(scale: float) -> None:
    documents = Documents([50, 70, 300])
    tensors = inputs(documents, heads=4, key_heads=2, width=64)
    exact = outcome(attend, tensors, documents, Rules(scale=scale), sinks=None)
    halved = [x.detach().bfloat16().requires_grad_() for x in tensors]
    rounded = outcome(attend, halved, documents, Rules(scale=scale), sinks=None)
    for a, b in zip(rounded, exact, strict=True):
        assert (a.float() - b).norm() / b.norm() < 0.02


@pytest.mark.parametrize("length", [1, 15, 16, 17, 128, 129, 200, 256, 257, 511, 512, 768, 900])
def test_padding_is_enough_and_bounded(length: int) -> None:
    assert length <= padded_length(length) < length + 64


def test_positions_restart() -> None:
    assert Documents([3, 2]).position_ids.tolist() == [[0, 1, 2, 0, 1]]


@pytest.mark.parametrize("lengths", [[], [3, 0], [-1]])
def test_empty_documents_are_refused(lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="at least one token"):
        Documents(lengths)
