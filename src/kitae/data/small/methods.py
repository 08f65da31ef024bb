"""The table of augmentation methods, and what each of them needs."""

import random
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from kitae.core.endpoint import Endpoint
from kitae.core.records import Record
from kitae.core.small_settings import AugmentMethod, AugmentSettings
from kitae.core.text import is_japanese
from kitae.data.small.characters import typed
from kitae.data.small.rewriting import back_translated, paraphrased
from kitae.data.small.swaps import built_in_terms, speaks_of, swapped
from kitae.data.small.words import phrases, reworded
from kitae.errors import RecipeError, UnknownName


class Unfit(Exception):
    """A row that a method cannot be used on; the text is the reason that is counted."""


@dataclass(frozen=True)
class Tools:
    """What a method may use: its settings, the endpoint, the user's own phrases or terms."""

    settings: AugmentMethod
    endpoint: Endpoint | None
    own: Mapping[str, Any]


Method = Callable[[Record, Tools, random.Random], str]
"""Makes another question of a record; "" or `Unfit` when it cannot."""


def _characters(record: Record, tools: Tools, draw: random.Random) -> str:
    text = record.question
    return typed(text, japanese=is_japanese(text), strength=tools.settings.strength, draw=draw)


def _words(record: Record, tools: Tools, draw: random.Random) -> str:
    text = record.question
    return reworded(text, japanese=is_japanese(text), strength=tools.settings.strength, draw=draw)


def _templates(record: Record, tools: Tools, draw: random.Random) -> str:
    language = _language(record)
    known = [*phrases()[language]["templates"], *tools.own.get(language, {}).get("templates", [])]
    return str(draw.choice(known)).replace("{text}", record.question)


def _swaps(record: Record, tools: Tools, draw: random.Random) -> str:
    """Raises `Unfit` when what is said elsewhere in the record would contradict the new question."""
    language = _language(record)
    built_in, own = built_in_terms()[language], tools.own.get(language, {})
    terms = {s: [*built_in.get(s, ()), *own.get(s, ())] for s in {**built_in, **own}}
    text, gone = swapped(record.question, japanese=language == "ja", terms=terms, draw=draw)
    others = [m.content for m in record.messages if m.role != "system" and m.content != record.question]
    if any(speaks_of(said, gone) for said in others if said != record.label):
        raise Unfit("the rest of the conversation speaks of the exchanged term")
    return text


def _paraphrase(record: Record, tools: Tools, draw: random.Random) -> str:
    assert tools.endpoint is not None
    return paraphrased(tools.endpoint, record, seed=draw.getrandbits(31))


def _back_translation(record: Record, tools: Tools, draw: random.Random) -> str:
    assert tools.endpoint is not None
    return back_translated(tools.endpoint, record, through=tools.settings.through, seed=draw.getrandbits(31))


def _language(record: Record) -> str:
    return "ja" if is_japanese(record.question) else "en"


METHODS: dict[str, Method] = {
    "characters": _characters,
    "words": _words,
    "templates": _templates,
    "swaps": _swaps,
    "paraphrase": _paraphrase,
    "back_translation": _back_translation,
}
LEAST_ALIKE = {"characters": 0.4, "words": 0.4, "templates": 0.1, "swaps": 0.3, "paraphrase": 0.1}
"""The method's own bound on how unlike a variant may be; others have that of a paraphrase."""
THROUGH_ENDPOINT = frozenset({"paraphrase", "back_translation"})


def method_of(name: str) -> Method:
    """A built-in method by name, or anyone's by `module:function`. Raises `UnknownName`."""
    module, colon, function = name.partition(":")
    if colon:
        try:
            found: Method = getattr(import_module(module), function)
        except (ImportError, AttributeError, ValueError):
            raise UnknownName("augmentation method", got=name, known=METHODS, hint="It cannot be imported") from None
        return found
    if name not in METHODS:
        raise UnknownName("augmentation method", got=name, known=METHODS)
    return METHODS[name]


def check_augment(settings: AugmentSettings | None) -> None:
    """Refuse unknown methods, and an endpoint that is missing. Raises `UnknownName`, `RecipeError`."""
    for method in settings.methods if settings is not None else ():
        method_of(method.kind)
        if method.kind in THROUGH_ENDPOINT and settings is not None and settings.endpoint is None:
            raise RecipeError(
                f"data.augment: {method.kind} needs an endpoint",
                hint="Name one under data.augment.endpoint: base_url, model, key_from, price_in, price_out, most_cost",
            )


def own_words(path: Path) -> Mapping[str, Any]:
    """Phrases or terms from a user's TOML file: `[ja]` and `[en]` with `templates`, or with subjects of term groups.

    Raises `RecipeError` when it cannot be read or is built differently.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise RecipeError(f"data.augment: {path.name} cannot be read", got=" ".join(str(error).split())) from error
    for language, tables in raw.items():
        if language not in {"ja", "en"} or not isinstance(tables, dict):
            raise RecipeError(f"data.augment: {path.name} holds what is no language", got=language, known=["en", "ja"])
        for name, values in tables.items():
            if not (_templates_are_right(values) if name == "templates" else _terms_are_right(values)):
                raise RecipeError(
                    f"data.augment: {path.name}, [{language}] {name} is not built as it must be",
                    hint='templates = ["Hello, {text}"] or subject = [["term", "other term"], …]',
                )
    return raw


def _templates_are_right(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(v, str) and "{text}" in v for v in values)


def _terms_are_right(values: Any) -> bool:
    return isinstance(values, list) and all(
        isinstance(group, list) and len(set(map(str, group))) > 1 and all(isinstance(t, str) and t for t in group)
        for group in values
    )
