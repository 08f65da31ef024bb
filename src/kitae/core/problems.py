"""From pydantic's list of errors to one of ours: the place, what is wanted there, what was got, the nearest name."""

import difflib
from collections.abc import Iterator, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from kitae.core.settings import Settings
from kitae.errors import RecipeError, UnknownName

WANTS = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    NoneType: "null",
    list: "a list",
    dict: "a mapping",
}
BOUNDS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "needs at least {min_length}",
    "string_too_short": "must be text, and not empty",
    "finite_number": "must be a finite number",
}
"""What pydantic finds out of bounds, in our words."""
PATTERNS = {
    r"^[a-z0-9][a-z0-9._-]{0,63}$": "must be lower-case ASCII letters and digits, with . - _ inside, such as my-desk",
    r"^[a-z][a-z0-9_-]*$": "must be lower-case ASCII letters and digits, with - _ inside, such as wild-questions",
    r"^[a-z]{2,8}$": "must be a code of ISO 639, such as ja or en, without a region",
}
"""What a text must look like, by its pattern."""
MOST_PLACES = 5
SCHEMA_HINT = "`kitae recipe schema` prints every key with its meaning"
LONGEST_GOT = 120


def explain(error: ValidationError, model: type[Settings]) -> RecipeError | UnknownName:
    """The first problem of a validation in our words; an unknown key goes before everything else.

    `model` is the settings class that was validated: places, known keys and known values are read from its fields.
    """
    problems = error.errors(include_url=False)
    unknown = next((p for p in problems if p["type"] == "extra_forbidden"), None)
    if unknown is not None:
        sections, annotation = _walk(model, unknown["loc"][:-1])
        where = ".".join(sections) or "the recipe"
        others = [".".join(map(str, p["loc"])) for p in problems if p["type"] == "extra_forbidden" and p is not unknown]
        got = str(unknown["loc"][-1])
        elsewhere = list(dict.fromkeys(_places(model, got)))  # kinds of a union share keys
        hints = [f"Perhaps {' or '.join(elsewhere[:MOST_PLACES])} is meant"] if elsewhere else []
        hints += [f"Unknown too: {_listed(others)}"] if others else []
        return UnknownName(f"key in {where}:", got=got, known=_keys(annotation), hint=". ".join(hints))
    place, annotation = _walk(model, problems[0]["loc"])
    places = [_walk(model, problem["loc"])[0] for problem in problems]
    here = [problem for problem, where in zip(problems, places, strict=True) if where == place]
    # A list that may also be `auto` has a problem of its own beside that of its item.
    others = list(dict.fromkeys(".".join(where) for where in places if where != place[: len(where)]))
    return _explain_place(".".join(place) or "the recipe", annotation, here, others=others)


def _explain_place(
    place: str, annotation: Any, problems: Sequence[ErrorDetails], *, others: Sequence[str]
) -> RecipeError | UnknownName:
    """One place can have several problems: one for each form that a value may take there."""
    more = f" (also wrong: {_listed(others)})" if others else ""
    got = problems[0]["input"]
    if problems[0]["type"] == "missing":
        return RecipeError(f"{place} is missing{more}", hint=SCHEMA_HINT)
    tag = next((p for p in problems if p["type"] == "union_tag_invalid"), None)
    if tag is not None:
        return UnknownName(f"value for {place}.kind:", got=str(tag["ctx"]["tag"]), known=_kinds(annotation))
    bound = next((p for p in problems if not _is_about_type(p)), None)
    if bound is not None:
        facts = bound.get("ctx", {})
        said = PATTERNS.get(facts.get("pattern", "")) or BOUNDS.get(bound["type"])
        words = f"is not as it must be: {bound['msg']}" if said is None else said.format(**facts)
        return RecipeError(f"{place} {words}{more}", got=_short(got), hint=SCHEMA_HINT)
    options = list(_options(annotation))
    names = [str(value) for option in options if get_origin(option) is Literal for value in get_args(option)]
    if names and all(get_origin(option) is Literal or option is NoneType for option in options):
        return UnknownName(f"value for {place}:", got=_short(got) if not isinstance(got, str) else got, known=names)
    near = difflib.get_close_matches(got, names, n=1, cutoff=0.6) if isinstance(got, str) else []
    wanted = [WANTS.get(get_origin(option) or option, "a mapping") for option in options if _is_plain(option)] + names
    guess = f"Did you mean '{near[0]}'? " if near else ""
    return RecipeError(
        f"{place} must be {' or '.join(dict.fromkeys(wanted))}{more}", got=_short(got), hint=guess + SCHEMA_HINT
    )


def _listed(places: Sequence[str]) -> str:
    rest = len(places) - MOST_PLACES
    return ", ".join(places[:MOST_PLACES]) + (f" and {rest} more" if rest > 0 else "")


def _is_plain(option: Any) -> bool:
    return get_origin(option) is not Literal


def _is_about_type(problem: ErrorDetails) -> bool:
    kind = problem["type"]
    return kind.endswith(("_type", "_parsing")) or kind in {"literal_error", "int_from_float", "union_tag_not_found"}


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_GOT else text[:LONGEST_GOT] + "…"


def _walk(model: type[Settings], loc: Sequence[int | str]) -> tuple[list[str], Any]:
    """The keys of a place and the annotation there; pydantic's names for the branches of a union are passed over."""
    keys: list[str] = []
    annotation: Any = model
    for part in loc:
        annotation = _of_kind(annotation, part) or annotation
        inner = next((found for o in _options(annotation) if (found := _inside(o, part)) is not None), None)
        if inner is not None:
            keys.append(str(part))
            annotation = inner
    return keys, annotation


def _of_kind(annotation: Any, kind: int | str) -> Any:
    """Of settings that are told apart by their `kind`, those of this one; None for any other annotation."""
    return next((option for option in _options(annotation) if kind in _kinds(option)), None)


def _kinds(annotation: Any) -> list[str]:
    """The values of `kind` that the settings of a union have."""
    return [
        value
        for option in _options(annotation)
        if isinstance(option, type) and issubclass(option, Settings) and "kind" in option.model_fields
        for value in get_args(option.model_fields["kind"].annotation)
    ]


def _inside(annotation: Any, part: int | str) -> Any:
    """The annotation of an item of a list, of a value of a mapping, or of a field; None when there is no such part."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        field = annotation.model_fields.get(str(part))
        return None if field is None else field.annotation
    origin = get_origin(annotation)
    if (origin is list and isinstance(part, int)) or (origin is dict and isinstance(part, str)):
        return get_args(annotation)[-1]
    return None


def _places(model: type[Settings], key: str, above: str = "") -> Iterator[str]:
    """Where a key of this very name stands: who writes `epochs` on top means `train.epochs`."""
    for name, field in model.model_fields.items():
        if name == key and above:
            yield above + name
        for option in _options(field.annotation):
            if isinstance(option, type) and issubclass(option, Settings):
                yield from _places(option, key, f"{above}{name}.")


def _options(annotation: Any) -> Iterator[Any]:
    """The branches of a union, or the annotation itself, without what bounds it."""
    if get_origin(annotation) in {Union, UnionType}:
        for branch in get_args(annotation):
            yield from _options(branch)
    elif get_origin(annotation) is Annotated:
        yield from _options(get_args(annotation)[0])
    else:
        yield annotation


def _keys(annotation: Any) -> list[str]:
    found = (o for o in _options(annotation) if isinstance(o, type) and issubclass(o, Settings))
    return [name for settings in found for name in settings.model_fields]
