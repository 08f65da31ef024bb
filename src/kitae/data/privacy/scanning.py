"""Look through a text with the chosen recognisers, and put other words in place of what they find."""

import re
from collections.abc import Iterable
from functools import lru_cache

from kitae.data.privacy.findings import Finding, Recogniser, narrow, without_overlaps
from kitae.data.privacy.recognisers import BUILT_IN, KINDS, ON_REQUEST, recogniser

_MASK = re.compile(rf"\[(?:{'|'.join(sorted({*KINDS, *ON_REQUEST}))})(?: [0-9a-f]{{8}})?\]")


@lru_cache(maxsize=4096)
def scan(text: str, kinds: tuple[str, ...], recognisers: tuple[str, ...] = (BUILT_IN,)) -> tuple[Finding, ...]:
    """Private data in a text, from left to right, without overlaps. What a mask covers already is none."""
    narrowed = narrow(text)
    masks = [match.span() for match in _MASK.finditer(narrowed)] if "[" in narrowed else []
    for start, end in masks:
        # The words inside a mask, such as phone, are no context for a number beside it.
        narrowed = f"{narrowed[: start + 1]}{'_' * (end - start - 2)}{narrowed[end - 1 :]}"
    wanted, chosen = _chosen(kinds, recognisers)
    found = [finding for one in chosen for finding in one.find(narrowed, wanted)]
    if masks:
        found = [f for f in found if all(f.end <= start or end <= f.start for start, end in masks)]
    return tuple(without_overlaps(found)) if found else ()


@lru_cache(maxsize=64)
def _chosen(kinds: tuple[str, ...], recognisers: tuple[str, ...]) -> tuple[frozenset[str], tuple[Recogniser, ...]]:
    """What to look for, and who looks."""
    return frozenset(kinds), tuple(recogniser(name) for name in recognisers)


def masked(text: str) -> str:
    """A text for reports: every private value as the name of its kind, whatever the recipe's mode.

    What is masked is looked at again, as its new surroundings may show more: masking twice is masking once.
    """
    while findings := scan(text, KINDS):
        text = instead(text, ((finding, f"[{finding.kind}]") for finding in findings))
    return text


def instead(text: str, changes: Iterable[tuple[Finding, str]]) -> str:
    """The text with other words in place of the findings."""
    pieces, at = [], 0
    for finding, words in changes:
        pieces += [text[at : finding.start], words]
        at = finding.end
    return "".join([*pieces, text[at:]])
