"""Offensive text, scored and explained by the lexicon in `offence.toml`; nothing is judged silently."""

import re
import tomllib
from functools import lru_cache
from importlib.resources import files


@lru_cache(maxsize=1)
def lexicon() -> tuple[tuple[str, re.Pattern[str], float], ...]:
    """The entries as (kind, pattern, weight)."""
    raw = tomllib.loads(files("kitae.data").joinpath("offence.toml").read_text(encoding="utf-8"))

    def filled(pattern: str) -> re.Pattern[str]:
        for name, words in raw["words"].items():
            pattern = pattern.replace(f"<{name}>", words)
        return re.compile(pattern, re.IGNORECASE)

    return tuple((entry["kind"], filled(entry["pattern"]), entry["weight"]) for entry in raw["entry"])


@lru_cache(maxsize=1)
def _any() -> re.Pattern[str]:
    """All entries in one pattern: nearly every text is done after one search."""
    return re.compile("|".join(f"(?:{pattern.pattern})" for _, pattern, _ in lexicon()), re.IGNORECASE)


def offence(text: str) -> tuple[float, tuple[str, ...]]:
    """How offensive a text is (the sum of the weights of the entries it hits) and the kinds it hit."""
    if not _any().search(text):
        return 0.0, ()
    hits = [(kind, weight * len(pattern.findall(text))) for kind, pattern, weight in lexicon()]
    return sum(weight for _, weight in hits), tuple(sorted({kind for kind, weight in hits if weight}))
