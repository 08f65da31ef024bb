"""Checks for what was left in a text by what made it: mail programs, web pages, form letters."""

import re
from functools import lru_cache

from kitae.data.rules.lexicon import Lexicon, lexicon, word_list
from kitae.data.rules.norms import Norms
from kitae.data.rules.seen import Seen

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_FIELD_SIGNS = re.compile(r"[{}%<【\[〔［＜〇○◯●△▲▽□■×✕☓｛＊Ｘ]")
_FIELD_BEGINNINGS = (
    "XX",
    "xxxx",
    "##",
    "@@",
    "orem ipsum",
    "olor sit amet",
    "ダミー",
    "（ここ",
    "（こちら",
    "(ここ",
    "(こちら",
    "**",
)
"""Without a sign or one of these there is no field of a template."""


def boilerplate(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001 the table's signature
    """What mail programs, newsletters and web pages put around a text, by our own list; its weights are added up.

    Of a raw text per thousand characters: a long article with one line of a footer is still an article.
    """
    if seen.found.isdisjoint(lexicon("boilerplate").needles):
        return None
    found = list(lexicon("boilerplate").matches(seen.text, seen.found))
    if not found or sum(match.weight for match in found) < threshold * seen.thousands:
        return None
    first = max(found, key=lambda match: match.weight)
    return f"{first.kind}: “{' '.join(first.text.split())[:60]}”"


def leftover_template(seen: Seen, norms: Norms, threshold: float) -> str | None:  # noqa: ARG001
    """A field of a form letter that nobody filled in, outside of code, and not where a form letter was asked for.

    In a raw text one for each thousand characters: a handbook may speak of templates.
    """
    if not (_FIELD_SIGNS.search(seen.text) or any(map(seen.text.__contains__, _FIELD_BEGINNINGS))):
        return None
    text = _CODE.sub(" ", seen.text) if "`" in seen.text else seen.text
    hits = (hit for entry in fields_of_templates().entries for hit in entry.pattern.finditer(text))
    found = next(hits, None)
    if (
        found is None
        or (seen.thousands > 1 and 1 + sum(1 for _ in hits) < seen.thousands)
        or _asked_for_one(seen.question)
    ):
        return None
    return f"a field of a template was not filled in: “{found.group()[:40]}”"


@lru_cache(maxsize=1)
def fields_of_templates() -> Lexicon:
    """The patterns of fields. They need no words: signs that fields begin with are looked for first."""
    return lexicon("template")


def _asked_for_one(question: str) -> bool:
    lower = question.lower()
    return any(word in lower for word in word_list("template")["asked"])
