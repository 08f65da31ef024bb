"""Which recognisers there are, by the names that a recipe uses, and which kinds of private data they find."""

from collections.abc import Callable, Sequence
from functools import lru_cache

from kitae.data.privacy.built_in import BuiltIn
from kitae.data.privacy.findings import Recogniser
from kitae.data.privacy.presidio import Presidio
from kitae.data.privacy.spacy_names import SpacyNames
from kitae.errors import UnknownName

BUILT_IN = "built-in"
MADE: dict[str, Callable[[str], Recogniser]] = {
    BUILT_IN: lambda _: BuiltIn(),
    "presidio": lambda _: Presidio(),
    "spacy": SpacyNames,
}
"""By the part of a name before the colon; what stands after it is passed on, such as the pipeline of spacy:NAME."""

KINDS: tuple[str, ...] = (
    *(
        "secret",
        "email",
        "my_number",
        "corporate_number",
        "card",
        "iban",
        "bank_account",
        "passport",
        "driving_licence",
    ),
    *("us_ssn", "birth_date", "ip_address", "mac_address", "coordinates", "postal_code", "phone", "address", "name"),
    "person_id",
)
"""What `auto` looks for. `person_id` is only known by its column."""
ON_REQUEST: tuple[str, ...] = ("date", "url")
"""Kinds that are seldom private by themselves: only looked for when named."""


@lru_cache(maxsize=16)
def recogniser(name: str) -> Recogniser:
    """A recogniser by name: built-in, presidio, or spacy:PIPELINE. One a process.

    Raises `UnknownName`, and `RecipeError` when what it needs is not installed.
    """
    kind, _, argument = name.partition(":")
    if kind not in MADE:
        raise UnknownName("recogniser in data.privacy.recognisers:", got=name, known=[*MADE, "spacy:PIPELINE"])
    return MADE[kind](argument)


def chosen_kinds(kinds: Sequence[str] | str) -> tuple[str, ...]:
    """The kinds to look for; "auto" is all but those on request. Raises `UnknownName`."""
    if isinstance(kinds, str):
        return KINDS
    known = (*KINDS, *ON_REQUEST)
    for kind in kinds:
        if kind not in known:
            raise UnknownName("kind in data.privacy.kinds:", got=kind, known=known)
    return tuple(kind for kind in known if kind in kinds)
