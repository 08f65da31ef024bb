"""Checks of how a record speaks: offence, slips of the keyboard, a source that feels otherwise than the rest."""

from itertools import islice

from kitae.data.rules.emotion import emotion
from kitae.data.rules.norms import Norms
from kitae.data.rules.offence import explained, offence
from kitae.data.rules.seen import Seen
from kitae.data.rules.skew import caps_of
from kitae.data.rules.typos import slips

_SLIPS_SAID = 4


def offensive(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001 the table's signature
    """Insults, threats, slurs and sexual abuse by our own lexicon, all turns together (a raw text per thousand)."""
    score, found = offence(seen.text, seen.found)
    score = round(score / seen.thousands, 3)
    return f"offensive text, score {score:g} ({explained(found)})" if found and score >= threshold else None


def suspected_typo(seen: Seen, norms: Norms, threshold: float) -> str | None:
    """Slips of the keyboard, at least as many as the threshold says; of a raw text per thousand characters."""
    found = list(islice(slips(seen.text, seen.words, seen.found, norms.slips), 99))
    if len(found) < min(99, max(1, threshold) * seen.thousands):
        return None
    rest = f" and {len(found) - _SLIPS_SAID} more" if len(found) > _SLIPS_SAID else ""
    return f"suspected typos: {', '.join(found[:_SLIPS_SAID])}{rest}"


def emotion_skew(seen: Seen, norms: Norms, threshold: float) -> str | None:
    """A record that is one too many of the most emotional ones of its source, which is capped at the threshold."""
    cap = caps_of(norms.feelings, threshold).get(seen.record.origin.file)
    if cap is None:
        return None
    score = emotion(seen.text, seen.found)
    if not cap.takes(seen.record.id, score):
        return None
    return f"feeling {score:+d} in a source that is {cap.skew:+.2f} standard deviations from the rest"
