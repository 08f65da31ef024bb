"""How much goes through a model at once: the plan estimates by these sizes and training keeps to them."""

MICRO_BATCH_TOKENS = 4_096
"""Tokens that go through the model at once; more make larger products but outgrow the caches of a CPU."""
CHUNK_LOGITS = 1 << 22
"""Logits (tokens times vocabulary) that the head holds at once: 16 MiB in fp32, near the cache of a CPU."""


def micro_batch_tokens(*, max_row_tokens: int, tokens_per_step: int) -> int:
    """Tokens that go through the model at once: a step is cut into packed rows of at most this many."""
    return max(max_row_tokens, min(tokens_per_step, MICRO_BATCH_TOKENS))
