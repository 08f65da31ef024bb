"""What the steps of the stage take and give."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kitae.core.columns import at_path
from kitae.core.records import Record
from kitae.core.settings import digest_of
from kitae.errors import RecipeError

FIELDS: dict[str, Callable[[Record], str]] = {
    "label": lambda record: record.label,
    "language": lambda record: record.language,
    "source": lambda record: record.origin.file,
}
"""What `by` may name besides columns of the data."""


PSEUDO = "pseudo_labelled"
"""The rule in the history of rows whose label was guessed."""


@dataclass(frozen=True)
class Step:
    """The training rows after a step, what the step made and refused or left out, its figures and its sentences."""

    train: Sequence[Record]
    gone: Sequence[Record] = ()
    figures: Mapping[str, Any] | None = None
    lines: Sequence[str] = ()
    warnings: Sequence[str] = ()


def classes(records: Sequence[Record], by: str, setting: str) -> list[str]:
    """The class of every record, "" where it has none. Raises `RecipeError` when no record has one."""
    if by in FIELDS:
        values = [FIELDS[by](record) for record in records]
    else:
        found = [at_path(record.meta, by) for record in records]
        values = [str(value) if isinstance(value, (str, int, float)) else "" for value in found]
    if not any(values):
        columns = sorted({column for record in records[:200] for column in record.meta})
        raise RecipeError(f"{setting}: no training row has '{by}'", got=by, known=[*FIELDS, *columns])
    return values


def counted(names: Sequence[str]) -> dict[str, int]:
    """How many of each, by name."""
    return dict(sorted(Counter(names).items()))


def draw_of(*parts: object) -> str:
    """A number (hex) that looks drawn and follows from `parts` alone, so that no other row moves it."""
    return digest_of(list(parts))


def made_id(parent: Record, *parts: object) -> str:
    """The id (16 hex characters) of a record made from another; `parts` tell it from others of the same parent."""
    return digest_of([parent.id, *parts])[:16]
