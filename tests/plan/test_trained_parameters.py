"""What the plan says will be trained is what the model then trains."""

import pytest

from kitae import models
from kitae.core.recipe import parse_recipe
from kitae.plan.decide import Facts, Lengths, decide
from kitae.plan.estimate import trained_parameters
from kitae.plan.hardware import Hardware
from kitae.plan.resolve import assemble

MACHINE = Hardware(cores=2, memory_bytes=24 << 30, bf16=False, avx512=True)
METHODS: list[dict[str, object]] = [
    {"kind": "full"},
    {"kind": "freeze"},
    {"kind": "lora"},
    {"kind": "lora", "variant": "dora", "train_embeddings": False},
    {"kind": "adapter"},
    {"kind": "adapter", "placement": "houlsby"},
    {"kind": "prefix"},
    {"kind": "prompt"},
    {"kind": "p_tuning"},
    {"kind": "ia3"},
]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: "-".join(map(str, m.values())))
@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_the_estimate_is_near_the_model(method: dict[str, object]) -> None:
    recipe = parse_recipe({"name": "x", "data": {"sources": [{"path": "a.csv"}]}, "method": method})
    base = models.facts(recipe.base)
    values, _ = decide(Facts(recipe, base, MACHINE, Lengths(100, 90_000, 40, 100)))
    resolved = assemble(recipe, base, values).method
    model = models.attach(models.load(recipe.base, precision="fp32").model, resolved, seed=1)
    real = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trained_parameters(base, resolved) == pytest.approx(real, rel=0.3)
