"""Paraphrase and back-translation: a model behind an endpoint says the question differently.

Source of back-translation: Sennrich, Haddow, Birch 2016 (arXiv:1511.06709); of paraphrases from it: Mallinson et al.
2017. The model is asked for a JSON object, so that chatter around an answer is never taken for a question.
"""

import json
import re

from kitae.core.endpoint import Endpoint
from kitae.core.records import Record
from kitae.core.text import is_japanese

PARAPHRASE = (
    "Rewrite the text between the lines in other words, in the same language, with the same meaning. Keep names, "
    "numbers, and words in square brackets as they are. Do not answer it. Reply with a JSON object only: "
    '{{"text": "..."}}\n---\n{text}\n---'
)
TRANSLATE = (
    "Translate the text between the lines into {language}. Keep names, numbers, and words in square brackets as they "
    'are. Do not answer it. Reply with a JSON object only: {{"text": "..."}}\n---\n{text}\n---'
)
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)


class Malformed(Exception):
    """An answer that is no JSON object with a text."""


def paraphrased(endpoint: Endpoint, record: Record, *, seed: int) -> str:
    """The question in other words. Raises `Malformed`, `CapReached`, `InputError`."""
    prompt = PARAPHRASE.format(text=record.question)
    return text_in(endpoint.ask(prompt, about=record.id, seed=seed).text)


def back_translated(endpoint: Endpoint, record: Record, *, through: str | None, seed: int) -> str:
    """The question after a way through another language. Raises `Malformed`, `CapReached`, `InputError`."""
    own = (
        "Japanese" if is_japanese(record.question) else "English" if record.language in {"", "en"} else record.language
    )
    other = through or ("English" if own == "Japanese" else "Japanese")
    there = TRANSLATE.format(language=other, text=record.question)
    foreign = text_in(endpoint.ask(there, about=record.id, seed=seed).text)
    back = TRANSLATE.format(language=own, text=foreign)
    return text_in(endpoint.ask(back, about=record.id, seed=seed).text)


def text_in(answer: str) -> str:
    """The text in an answer. Raises `Malformed`."""
    match = _OBJECT.search(answer)
    try:
        value = json.loads(match.group()) if match else None
    except (ValueError, RecursionError):
        value = None
    text = value.get("text") if isinstance(value, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise Malformed
    return text.strip()
