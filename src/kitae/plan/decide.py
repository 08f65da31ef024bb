"""One function a decision: each takes the facts and returns the value with a sentence why.

A value written in the recipe is kept and said to be the user's; `auto` is decided here and nowhere else.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from kitae.core.method_settings import LoraSettings, PrefixSettings, PromptSettings, PTuningSettings
from kitae.core.recipe import Recipe
from kitae.models.facts import BaseFacts
from kitae.plan.hardware import Hardware

T = TypeVar("T")
SMALL_BASE = 100_000_000
"""Below this many parameters the embeddings are a large part of what the base knows, and cheap to train."""
REFERENCE_WIDTH = 256
REFERENCE_RATE = 4e-3
"""Between the rates that did best on kitae-nano (width 256) on three sets of data; see docs/LOG.md."""
RATE_EXPONENT = 1.08
"""Takes 4e-3 at width 256 to 2e-4 at width 4,096: the LoRA rate of 7B models in QLoRA (arXiv:2305.14314, table 9)."""
RATE_SHARES = {
    "lora": (1.0, ""),
    "full": (0.25, "whole matrices move much further at one rate (Schulman et al. 2025, LoRA Without Regret)"),
    "freeze": (0.25, "whole matrices move much further at one rate (Schulman et al. 2025, LoRA Without Regret)"),
    "adapter": (1.0, "a bottleneck is as small as LoRA and learns at its rates"),
    "ia3": (15.0, "a factor near 1 has far to go"),
    "prefix": (50.0, "a few vectors must carry everything"),
    "prompt": (50.0, "a few vectors must carry everything"),
    "p_tuning": (1.0, "its network carries the rate"),
}
"""Multiples of LoRA's rate by kind, from trials on kitae-nano (docs/guide, methods); others learn at LoRA's."""
KEYS_AND_VALUES = frozenset(
    {"k_proj", "v_proj", "qkv_proj", "query_key_value", "c_attn", "Wqkv", "key", "value", "key_proj", "value_proj"}
)
FEEDFORWARD_ENDS = frozenset({"down_proj", "dense_4h_to_h", "fc2", "fc_out", "w2", "c_proj"})
"""Names that families give to these layers; a name they share with another layer stands for both."""
WANTED_STEPS = 400
"""Fewer updates leave a LoRA under-trained; more cost time by small matrices."""
LEAST_TOKENS = 256
"""Smaller steps cost more in small matrices than they gain; a hundred rows still make some updates with them."""
ANSWER_MARGIN = 8
PREFERENCE_SHARE = 0.1
"""What preferences learn at, of the rate of answers: the papers on DPO take a tenth or less."""
MAIN_METRICS = {
    "classify": ["accuracy", "macro_f1"],
    "chat": ["exact_match", "rouge_l", "bleu"],
    "preference": ["preferred", "perplexity_token", "rouge_l"],
}


@dataclass(frozen=True)
class Lengths:
    """Token counts of the training split: longest row, all rows together, longest answer, number of rows.

    `validation` are the tokens of the validation split, whose rows are taken to be as long.
    """

    longest_row: int
    total: int
    longest_answer: int
    rows: int
    validation: int = 0


@dataclass(frozen=True)
class Facts:
    """All that a decision may look at."""

    recipe: Recipe
    base: BaseFacts
    hardware: Hardware
    lengths: Lengths


Decision = tuple[Any, str]


def precision(facts: Facts) -> Decision:
    """Number format of the matrix products."""
    if facts.recipe.method.kind == "full":
        return "fp32", "all weights are trained, so all are kept and multiplied in fp32"
    if facts.hardware.bf16:
        return "bf16", "this machine multiplies bf16 in hardware, about twice as fast in training as fp32"
    return "fp32", "this machine has no bf16 in hardware; emulated bf16 would be slower than fp32"


def max_row_tokens(facts: Facts) -> Decision:
    """Longest row: what the data needs, within what the base can read."""
    longest = facts.lengths.longest_row
    limit = facts.base.max_positions - virtual_tokens(facts.recipe.method)
    if longest <= limit:
        return max(16, math.ceil(longest / 16) * 16), f"the longest training row has {longest} tokens: nothing is cut"
    return (
        limit,
        f"the base reads at most {limit} tokens; rows up to {longest} are cut at the last whole turn that fits",
    )


def tokens_per_step(facts: Facts) -> Decision:
    """Tokens between two updates, so that training has some hundreds of updates."""
    total = facts.lengths.total * facts.recipe.train.epochs
    wanted = 2 ** round(math.log2(max(1.0, total / WANTED_STEPS)))
    value = int(min(65_536, max(LEAST_TOKENS, wanted)))
    return value, f"{total:,.0f} tokens over all epochs make about {max(1, round(total / value))} updates"


def learning_rate(facts: Facts) -> Decision:
    """Peak rate by the method and the width of the base."""
    kind = facts.recipe.method.kind
    share, why = RATE_SHARES.get(kind, RATE_SHARES["lora"])
    width = facts.base.width
    if facts.recipe.task == "preference":
        share, why = share * PREFERENCE_SHARE, "; ".join(filter(None, [why, "a preference moves what answers already"]))
    value = REFERENCE_RATE * (REFERENCE_WIDTH / width) ** RATE_EXPONENT
    value = float(f"{share * min(5e-3, max(5e-5, value)):.1e}")
    lora = f"LoRA rates fall with the width of the base: {REFERENCE_RATE:g} at 256, 2e-4 at 4,096; here {width}"
    return value, lora if share == 1.0 else f"{share:g} times the rate of LoRA: {why}. {lora}"


def validations(facts: Facts) -> Decision:
    """How often to look at the validation split."""
    value = int(min(20, max(4, round(facts.recipe.train.epochs))))
    return value, "about once an epoch, at least 4 and at most 20 times"


def alpha(facts: Facts) -> Decision:
    """Scale of the update."""
    method = facts.recipe.method
    assert isinstance(method, LoraSettings)
    if method.variant == "rslora":
        return 2.0 * method.rank**0.5, "twice the root of the rank: rslora divides by that root, which leaves 2"
    return 2.0 * method.rank, "twice the rank, so that the rate need not change with the rank"


def targets(facts: Facts) -> Decision:
    """Layers that get an adapter."""
    if facts.recipe.method.kind == "ia3":
        names = sorted({*facts.base.linear_names} & KEYS_AND_VALUES) or sorted(facts.base.linear_names)
        return names, "keys and values are scaled (IA3, section 3.3), or all linear layers where neither has a name"
    names = sorted(facts.base.linear_names)
    return names, f"all {len(names)} kinds of linear layers: attention alone learns less (QLoRA, section 4)"


def feedforward(facts: Facts) -> Decision:
    """Layers whose input is scaled."""
    names = sorted({*facts.base.linear_names} & FEEDFORWARD_ENDS)
    return names, "the inner channels of the feed-forward block are scaled where its last layer takes them in"


def train_embeddings(facts: Facts) -> Decision:
    """Whether to train the token embeddings."""
    if facts.base.parameters < SMALL_BASE:
        return True, "the base is small: its embeddings hold much of what it knows and cost little to train"
    return False, "the base is large: its embeddings are good, and training them would cost much memory"


def metrics(facts: Facts) -> Decision:
    """What is measured; the first is the main one."""
    chosen = MAIN_METRICS[facts.recipe.task]
    return chosen, f"the task is {facts.recipe.task}; {chosen[0]} decides"


def group_by(facts: Facts) -> Decision:
    """Which rows are no independent evidence for the verdict."""
    column = facts.recipe.data.split.group_by
    if column is None:
        return None, "the split keeps no rows together, so each row is evidence of its own"
    return column, f"the split keeps rows of one {column} together: they are no independent evidence"


def max_new_tokens(facts: Facts) -> Decision:
    """Longest answer that evaluation waits for."""
    return (
        facts.lengths.longest_answer + ANSWER_MARGIN,
        f"the longest known answer has {facts.lengths.longest_answer} tokens",
    )


def virtual_tokens(method: object) -> int:
    """Positions that a prompt method takes from every row."""
    return method.tokens if isinstance(method, PrefixSettings | PromptSettings | PTuningSettings) else 0


DECISIONS: dict[str, Callable[[Facts], Decision]] = {
    "train.precision": precision,
    "train.max_row_tokens": max_row_tokens,
    "train.tokens_per_step": tokens_per_step,
    "train.learning_rate": learning_rate,
    "train.validations": validations,
    "method.alpha": alpha,
    "method.targets": targets,
    "method.feedforward": feedforward,
    "method.train_embeddings": train_embeddings,
    "evaluate.metrics": metrics,
    "evaluate.max_new_tokens": max_new_tokens,
    "evaluate.group_by": group_by,
}


def decide(facts: Facts) -> tuple[dict[str, Any], dict[str, str]]:
    """Every decidable setting by its dotted key, and a reason for each."""
    values: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for key, decision in DECISIONS.items():
        section, name = key.split(".")
        settings = getattr(facts.recipe, section)
        if not hasattr(settings, name):
            continue
        written = getattr(settings, name)
        if written == "auto":
            values[key], reasons[key] = decision(facts)
        else:
            values[key], reasons[key] = written, "as the recipe says"
    return values, reasons
