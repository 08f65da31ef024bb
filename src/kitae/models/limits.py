"""How answers are drawn and where they end, in plain values: what callers without torch hand to `generate`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """How answers are drawn, and where they end.

    An answer has at most `max_new_tokens` tokens; it ends at one of `stop_ids`, which is no part of it, or with the
    token that completes one of `stop_texts`. `batch_rows` prompts are computed together.

    Temperature 0 takes the likeliest token; `top_p` keeps the smallest set of tokens whose probabilities reach it
    (nucleus sampling, Holtzman et al. 2020, arXiv:1904.09751, section 3.1). Each prompt has random numbers of its own,
    which follow from `seed` and its number: an answer does not depend on what it was computed together with.
    """

    max_new_tokens: int
    batch_rows: int
    stop_ids: frozenset[int]
    stop_texts: tuple[str, ...] = ()
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


def before_stop(text: str, stop_texts: tuple[str, ...]) -> str:
    """The text up to the first stop text in it."""
    found = [place for stop in stop_texts if stop and (place := text.find(stop)) >= 0]
    return text[: min(found)] if found else text
