"""Memory and time of a training, term by term, before it runs.

Memory of a training is the sum of: the base's weights, as far as they are frozen; what is trained with its gradients
and the two moments of AdamW (four fp32 values each); activations kept for the backward pass; logits of the labelled
tokens of a chunk; and what Python, PyTorch and the tokeniser need in any case. Afterwards the tuned model answers from
weights in fp32 (in bf16 on CUDA), which for a large base is the larger need. The constants were fitted on CPU runs of
two Llama shapes (6.9M and 135M parameters); `benchmarks/plan_error.py` measures how far off they are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kitae.core.method_settings import (
    AdapterSettings,
    FreezeSettings,
    FullSettings,
    PrefixSettings,
    PromptSettings,
    PTuningSettings,
    QLoraSettings,
)
from kitae.core.resolved import ResolvedIA3, ResolvedLora, ResolvedQLora, ResolvedTrain
from kitae.core.sizes import CHUNK_LOGITS, micro_batch_tokens
from kitae.models.facts import BaseFacts
from kitae.models.speed import Speed
from kitae.plan.decide import Lengths
from kitae.plan.hardware import GIB, Hardware

BYTES = {"bf16": 2, "fp32": 4}
FP32 = 4
ADAMW_COPIES = 4
"""Weight, gradient, first and second moment."""
RUNTIME_BYTES = int(0.75 * GIB)
"""Python, PyTorch, transformers and the tokeniser, before any weight is loaded."""
ACTIVATION_FACTOR = 2.6
"""Kept values per token and layer, over (weights of a layer / width): inputs and outputs of every linear layer,
the adapter's own, norms and the gate."""
LABELLED_SHARE = 0.5
PROMPTS = frozenset({"prefix", "prompt", "p_tuning"})
"""Methods whose weights are not multiplied with every token."""
USABLE_SHARE = 0.9
"""The rest is left to the system."""
GPU_FLOPS = 150e12
"""Floating-point operations per second that training reaches on a GPU."""
SPARE_WIDTH_PER_GFLOPS = 3.3
"""What is no matrix product (norms, activations, attention, the optimiser) takes as long as products of layers this
much wider would, for each GFLOP/s of a core: see `train_seconds`."""
START_SECONDS = 6.0
"""Loading the model and its libraries."""
ROW_SECONDS = 1e-3
"""Rendering and auditing a row."""


@dataclass(frozen=True)
class Estimate:
    """Bytes by term while training and while answering afterwards, and floating-point operations of the training.

    Nothing in it depends on how fast or busy the machine is: it is part of the plan, which is the same each time.
    """

    training: dict[str, int]
    answering: dict[str, int]
    flops: float
    trained_parameters: int

    @property
    def terms(self) -> dict[str, int]:
        """The terms of the phase that needs more."""
        return max(self.training, self.answering, key=lambda terms: sum(terms.values()))

    @property
    def total_bytes(self) -> int:
        """The most that is needed at once."""
        return sum(self.terms.values())

    @property
    def largest_term(self) -> str:
        """The name of the term that takes most."""
        return max(self.terms, key=lambda name: self.terms[name])

    def as_dict(self) -> dict[str, object]:
        """JSON-ready values."""
        return {
            "memory_gib": {name: round(size / GIB, 3) for name, size in self.terms.items()},
            "total_gib": round(self.total_bytes / GIB, 2),
            "teraflops": round(self.flops / 1e12, 6),
            "trained_parameters": self.trained_parameters,
        }


def trained_parameters(facts: BaseFacts, method: Any) -> int:
    """Parameters that get a gradient, by the kind of method."""
    return TRAINED.get(method.kind, _of_others)(facts, method)


def _of_lora(facts: BaseFacts, method: ResolvedLora | ResolvedQLora) -> int:
    """Rank times (in + out) a linear layer, a magnitude for each output with dora, and the embeddings when asked for.

    The two sides of a layer are taken from its weights: for a layer of i x o weights i + o is near 2 sqrt(i x o).
    """
    linears = max(1, len(method.targets))
    side = 2.0 * (layer_parameters(facts) / linears) ** 0.5
    magnitudes = side / 2 if method.variant == "dora" else 0.0
    lora = int((method.rank * side + magnitudes) * linears * facts.layers)
    return lora + (facts.embedding_parameters if method.train_embeddings else 0)


def _of_full(facts: BaseFacts, _method: FullSettings) -> int:
    """Everything."""
    return facts.parameters


def _of_freeze(facts: BaseFacts, method: FreezeSettings) -> int:
    """The last layers."""
    return int(layer_parameters(facts) * min(method.layers, facts.layers))


def _of_adapter(facts: BaseFacts, method: AdapterSettings) -> int:
    """Two matrices and two biases behind one or two sublayers of each layer."""
    places = 2 if method.placement == "houlsby" else 1
    return facts.layers * places * (2 * facts.width * method.width + method.width + facts.width)


def _of_prefix(facts: BaseFacts, method: PrefixSettings) -> int:
    """A key and a value for each position and layer; at most the model's width each. A network adds its weights."""
    numbers = 2 * facts.layers * facts.width
    if method.encoder_width == 0:
        return method.tokens * numbers
    return method.tokens * facts.width + method.encoder_width * (facts.width + numbers)


def _of_prompt(facts: BaseFacts, method: PromptSettings) -> int:
    """An embedding for each position."""
    return method.tokens * facts.width


def _of_p_tuning(facts: BaseFacts, method: PTuningSettings) -> int:
    """Embeddings, and a network of three layers."""
    return method.tokens * facts.width + method.encoder_width * (2 * facts.width + method.encoder_width)


def _of_ia3(facts: BaseFacts, method: ResolvedIA3) -> int:
    """A factor for each channel; the inner feed-forward channels are about four widths."""
    return facts.layers * facts.width * (len(method.targets) + 4 * len(method.feedforward))


def _of_others(facts: BaseFacts, _method: Any) -> int:
    """An unknown method of PEFT: as much as LoRA of rank 16 on everything, which most stay below."""
    return int(32 * (layer_parameters(facts) * len(facts.linear_names)) ** 0.5 * facts.layers)


TRAINED: dict[str, Callable[[BaseFacts, Any], int]] = {
    "full": _of_full,
    "freeze": _of_freeze,
    "lora": _of_lora,
    "qlora": _of_lora,
    "adapter": _of_adapter,
    "prefix": _of_prefix,
    "prompt": _of_prompt,
    "p_tuning": _of_p_tuning,
    "ia3": _of_ia3,
}


def base_bytes(facts: BaseFacts, method: Any, number: int) -> int:
    """The base in memory without what is trained of it: its weights, in few bits where they are quantised.

    nf4 takes 4.13 bits a weight with quantised scales and 4.5 without; the embeddings stay as they are.
    """
    trained = trained_parameters(facts, method) if method.kind in {"full", "freeze"} else 0
    if not isinstance(method, QLoraSettings):
        return (facts.parameters - trained) * number
    bits = 8.0 if method.bits == "int8" else 4.13 if method.double_quantisation else 4.5
    layers = facts.parameters - facts.embedding_parameters
    return int(facts.embedding_parameters * number + layers * bits / 8)


def layer_parameters(facts: BaseFacts) -> float:
    """Weights of one transformer layer."""
    return (facts.parameters - facts.embedding_parameters) / max(1, facts.layers)


def estimate(
    facts: BaseFacts, method: Any, train: ResolvedTrain, *, lengths: Lengths, hardware: Hardware, together: int = 1
) -> Estimate:
    """Memory in bytes by term and operations of a training over rows of these lengths, validations included.

    So many rows (`together`) must go through the model at once.
    """
    trained = trained_parameters(facts, method)
    tokens = micro_batch_tokens(max_row_tokens=together * train.max_row_tokens, tokens_per_step=train.tokens_per_step)
    number = BYTES[train.precision]
    kept = ACTIVATION_FACTOR * layer_parameters(facts) / max(1, facts.width)
    terms = {
        "runtime": RUNTIME_BYTES,
        "base weights": base_bytes(facts, method, number),
        "adapter, gradients and optimizer": trained * FP32 * ADAMW_COPIES,
        "activations": int(tokens * facts.layers * kept * number),
        "logits": max(CHUNK_LOGITS, facts.vocabulary) * (2 * FP32 + number),
    }
    answering = {
        "runtime": RUNTIME_BYTES,
        "weights for answering": facts.parameters * (BYTES["bf16"] if hardware.gpus else FP32),
    }
    forward, backward = flops_per_token(facts, method)
    trained_on = lengths.total * train.epochs
    flops = (forward + backward) * trained_on + forward * lengths.validation * train.validations
    return Estimate(terms, answering, flops, trained)


def flops_per_token(facts: BaseFacts, method: Any) -> tuple[float, float]:
    """Floating-point operations of one token forward and backward.

    Frozen weights cost 2 each forward and 2 backward; what is trained costs 2 more. The head runs on labelled tokens
    only; about half of the tokens of instruction data are.
    """
    head = facts.vocabulary * facts.width
    embeddings = method.kind == "full" or getattr(method, "train_embeddings", False)
    trained = trained_parameters(facts, method) - (facts.embedding_parameters if embeddings else 0)
    body = facts.parameters - facts.embedding_parameters
    # Weights of the base that are trained are among the body's already.
    beside = 0.0 if method.kind in {"full", "freeze"} | PROMPTS else 2.0 * trained
    gradients = 0.0 if method.kind in PROMPTS else 2.0 * trained
    labelled_head = LABELLED_SHARE * head
    forward = 2.0 * (body + labelled_head) + beside
    return forward, 2.0 * body + beside + gradients + labelled_head * (4.0 if embeddings else 2.0)


def train_seconds(flops: float, *, width: int, rows: int, speed: Speed | None) -> float:
    """Seconds that a training takes on a machine that multiplies matrices so fast; None is a GPU.

    A layer's products grow with the square of its width and the rest with the width, so the share of the time that
    products get is width / (width + c x rate of a core). One c fits 6.9M parameters of width 256 in fp32 at 73 GFLOP/s
    a core (49 %) and in bf16 at 190 (31 %), and 135M of width 576 in bf16 (52 %); see docs/LOG.md.
    """
    ready = START_SECONDS + ROW_SECONDS * rows
    if speed is None:
        return ready + flops / GPU_FLOPS
    share = width / (width + SPARE_WIDTH_PER_GFLOPS * speed.core_flops / 1e9)
    return ready + flops / (speed.flops * share)
