"""Memory and time of a training, term by term, before it runs.

Memory of LoRA training is the sum of: the base's weights; adapter weights with their gradients and the two moments of
AdamW (four fp32 values each); activations kept for the backward pass; logits of the labelled tokens of a chunk; and
what Python, PyTorch and the tokeniser need in any case. Afterwards the tuned model answers from weights in fp32 (in
bf16 on CUDA), which for a large base is the larger need. The constants were fitted on CPU runs of two Llama shapes
(6.9M and 135M parameters); `benchmarks/plan_error.py` measures how far off they are.
"""

from dataclasses import dataclass

from kitae.core.resolved import ResolvedMethod, ResolvedTrain
from kitae.core.sizes import CHUNK_LOGITS, micro_batch_tokens
from kitae.models.facts import BaseFacts
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


def trained_parameters(facts: BaseFacts, method: ResolvedMethod) -> int:
    """Parameters that get a gradient: r x (in + out) a linear layer, and the embeddings when asked for.

    The two sides of a layer are taken from its weights: for a layer of i x o weights i + o is near 2 sqrt(i x o).
    """
    per_layer = layer_parameters(facts)
    linears = max(1, len(method.targets))
    side = 2.0 * (per_layer / linears) ** 0.5
    lora = int(method.rank * side * linears * facts.layers)
    return lora + (facts.embedding_parameters if method.train_embeddings else 0)


def layer_parameters(facts: BaseFacts) -> float:
    """Weights of one transformer layer."""
    return (facts.parameters - facts.embedding_parameters) / max(1, facts.layers)


def estimate(
    facts: BaseFacts, method: ResolvedMethod, train: ResolvedTrain, *, lengths: Lengths, hardware: Hardware
) -> Estimate:
    """Memory in bytes by term and operations of a training over rows of these lengths, validations included."""
    trained = trained_parameters(facts, method)
    tokens = micro_batch_tokens(max_row_tokens=train.max_row_tokens, tokens_per_step=train.tokens_per_step)
    number = BYTES[train.precision]
    kept = ACTIVATION_FACTOR * layer_parameters(facts) / max(1, facts.width)
    terms = {
        "runtime": RUNTIME_BYTES,
        "base weights": facts.parameters * number,
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


def flops_per_token(facts: BaseFacts, method: ResolvedMethod) -> tuple[float, float]:
    """Floating-point operations of one token forward and backward.

    Frozen weights cost 2 each forward and 2 backward; what is trained costs 2 more. The head runs on labelled tokens
    only; about half of the tokens of instruction data are.
    """
    head = facts.vocabulary * facts.width
    lora = trained_parameters(facts, method) - (facts.embedding_parameters if method.train_embeddings else 0)
    body = facts.parameters - facts.embedding_parameters
    labelled_head = LABELLED_SHARE * head
    forward = 2.0 * (body + lora + labelled_head)
    return forward, 2.0 * body + 4.0 * lora + labelled_head * (4.0 if method.train_embeddings else 2.0)


def train_seconds(flops: float, *, width: int, rows: int, hardware: Hardware, product_flops: float) -> float:
    """Seconds that a training takes on a machine that multiplies `product_flops` operations per second on all cores.

    A layer's products grow with the square of its width and the rest with the width, so the share of the time that
    products get is width / (width + c x rate of a core). One c fits 6.9M parameters of width 256 in fp32 at 73 GFLOP/s
    a core (49 %) and in bf16 at 190 (31 %), and 135M of width 576 in bf16 (52 %); see docs/LOG.md.
    """
    if hardware.gpus:
        return START_SECONDS + ROW_SECONDS * rows + flops / GPU_FLOPS
    spare = SPARE_WIDTH_PER_GFLOPS * product_flops / 1e9 / hardware.cores
    return START_SECONDS + ROW_SECONDS * rows + flops / (product_flops * width / (width + spare))
