"""The head by chunks = plain cross-entropy: loss and every gradient."""

import pytest
import torch
from torch.nn import functional

from kitae.models import head as head_module
from kitae.models.head import Head, labelled_loss

TOKENS, WIDTH, VOCABULARY = 37, 12, 50


def plain(
    hidden: torch.Tensor, labels: torch.Tensor, head: Head, divisor: float, smoothing: float = 0.0
) -> torch.Tensor:
    logits = functional.linear(hidden, head.weight, head.bias) * head.scale
    if head.softcap is not None:
        logits = torch.tanh(logits / head.softcap) * head.softcap
    return functional.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing) / divisor


@pytest.mark.parametrize("bias", [False, True], ids=["", "bias"])
@pytest.mark.parametrize("softcap", [None, 3.0])
@pytest.mark.parametrize("scale", [1.0, 0.25])
@pytest.mark.parametrize("chunk_tokens", [1, 7, 37, 1000])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_equal_to_plain(
    monkeypatch: pytest.MonkeyPatch,
    *,
    smoothing: float,
    chunk_tokens: int,
    scale: float,
    softcap: float | None,
    bias: bool,
) -> None:
    monkeypatch.setattr(head_module, "CHUNK_LOGITS", chunk_tokens * VOCABULARY)
    torch.manual_seed(0)
    hidden = torch.randn(TOKENS, WIDTH, requires_grad=True)
    weight = torch.randn(VOCABULARY, WIDTH, requires_grad=True)
    extra = torch.randn(VOCABULARY, requires_grad=True) if bias else None
    labels = torch.randint(VOCABULARY, (TOKENS,))
    head = Head(weight, extra, scale, softcap)
    wanted = [hidden, weight, *([extra] if extra is not None else [])]
    results = []
    for function in (
        lambda: labelled_loss(hidden, labels, head, divisor=11.0, smoothing=smoothing),
        lambda: plain(hidden, labels, head, 11.0, smoothing),
    ):
        loss = function()
        results.append([loss.detach(), *torch.autograd.grad(loss * 3, wanted)])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_a_frozen_head_gets_no_gradient() -> None:
    hidden = torch.randn(5, WIDTH, requires_grad=True)
    weight = torch.randn(VOCABULARY, WIDTH)
    labelled_loss(hidden, torch.arange(5), Head(weight), divisor=5.0).backward()
    assert weight.grad is None
    assert hidden.grad is not None


def test_no_labelled_token_is_a_loss_of_zero() -> None:
    hidden = torch.randn(0, WIDTH, requires_grad=True)
    loss = labelled_loss(hidden, torch.zeros(0, dtype=torch.long), Head(torch.randn(VOCABULARY, WIDTH)), divisor=4.0)
    loss.backward()
    assert loss.item() == 0.0


def test_the_sum_over_parts_is_the_mean_over_the_step() -> None:
    torch.manual_seed(1)
    hidden, labels = torch.randn(TOKENS, WIDTH), torch.randint(VOCABULARY, (TOKENS,))
    head = Head(torch.randn(VOCABULARY, WIDTH))
    parts = sum(labelled_loss(hidden[a:b], labels[a:b], head, divisor=TOKENS) for a, b in ((0, 5), (5, 6), (6, 37)))
    torch.testing.assert_close(torch.as_tensor(parts), plain(hidden, labels, head, TOKENS))
