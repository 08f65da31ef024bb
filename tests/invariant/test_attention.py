"""Packed attention = dense block mask, and = each document alone."""

from typing import Any

import pytest
import torch

from kitae.models.attention import attend, dense_attention
from kitae.models.attention_layout import Documents, padded_length
from kitae.models.attention_plain import Rules

LAYOUTS = {
    "one": [7],
    "ones": [1, 1, 1],
    "mixed": [5, 17, 16, 40, 3, 16],
    "several steps": [130, 20, 129, 300],
    "short and long": [30, 800, 8, 770],
    "only long": [790],
}
SHARED = {
    "one prefix": ([9, 4, 17, 3], [-1, 0, 0, 0]),
    "a chain": ([5, 6, 20, 1], [-1, 0, 1, 2]),
    "two trees and one alone": ([20, 3, 5, 2, 7, 12, 4, 30], [-1, 0, 1, 1, 0, -1, 5, -1]),
    "long": ([800, 20, 3, 780, 5], [-1, 0, 0, -1, 3]),
    "many below": ([40, *[9] * 130], [-1, *[0] * 130]),
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


@pytest.mark.parametrize("with_sinks", [False, True], ids=["", "sinks"])
@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("layout", SHARED)
@pytest.mark.parametrize(("heads", "key_heads"), [(4, 4), (6, 2)], ids=["mha", "gqa"])
def test_shared_beginnings_equal_dense(layout: str, rules: str, heads: int, key_heads: int, with_sinks: bool) -> None:
    documents = Documents(*SHARED[layout])
    tensors = inputs(documents, heads=heads, key_heads=key_heads)
    sinks = torch.linspace(-2, 2, heads).requires_grad_() if with_sinks else None
    got = outcome(attend, tensors, documents, RULES[rules], sinks=sinks)
    wanted = outcome(dense_attention, tensors, documents, RULES[rules], sinks=sinks)
    for a, b in zip(got, wanted, strict=True):
        assert (a - b).norm() <= 1e-5 * b.norm()


def test_the_dense_reference_of_a_tree_is_each_path_alone() -> None:
    """The reference is held to the definition: what a branch gives is what its path gives as a document."""
    lengths, parents = SHARED["two trees and one alone"]
    documents = Documents(lengths, parents)
    tensors = [x.detach() for x in inputs(documents, heads=2, key_heads=1)]
    out = dense_attention(*tensors, documents, RULES["window"], sinks=None)
    for leaf in range(len(lengths)):
        path = [leaf]
        while parents[path[0]] >= 0:
            path.insert(0, parents[path[0]])
        places = torch.cat([torch.arange(documents.starts[i], documents.starts[i] + lengths[i]) for i in path])
        alone = Documents([len(places)])
        expected = dense_attention(*(x[:, places] for x in tensors), alone, RULES["window"], sinks=None)
        torch.testing.assert_close(out[places], expected)
        assert torch.equal(documents.position_ids[0, places], torch.arange(len(places)))


def test_a_document_is_untouched_by_its_neighbours() -> None:
    documents = Documents([20, 33])
    tensors = [x.detach() for x in inputs(documents, heads=2, key_heads=1)]
    before = attend(*tensors, documents, RULES["plain"], sinks=None)[20:]
    changed = [torch.cat([x[:, :20] * 3 + 1, x[:, 20:]], dim=1) for x in tensors]
    assert torch.equal(before, attend(*changed, documents, RULES["plain"], sinks=None)[20:])


@pytest.mark.parametrize("scale", [0.125, 0.11])
@pytest.mark.parametrize("layout", [([50, 70, 300],), ([300, 50, 70, 9], [-1, 0, 0, 2])], ids=["apart", "shared"])
def test_bf16_stays_near_fp32(layout: tuple[list[int], ...], scale: float) -> None:
    documents = Documents(*layout)
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


@pytest.mark.parametrize("parents", [[0, -1, -1], [-1, 2, 0], [-1, -1, 0], [-1, 0]])
def test_only_depth_first_trees_are_taken(parents: list[int]) -> None:
    with pytest.raises(ValueError, match="depth-first"):
        Documents([3, 2, 4], parents)


@pytest.mark.parametrize("lengths", [[], [3, 0], [-1]])
def test_empty_documents_are_refused(lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="at least one token"):
        Documents(lengths)
