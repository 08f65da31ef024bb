"""A column of dates: which moment each row has, and in which order day and month stand where nothing else says it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitae.core.text import normalise
from kitae.data.alike.ragged import Array
from kitae.data.splitting.dates import read_date
from kitae.errors import RecipeError

EXAMPLES = 3
EXAMPLE_CHARACTERS = 40
NONE = np.iinfo(np.int64).min
"""Stands for no moment."""


@dataclass(frozen=True)
class Dates:
    """R rows' moments: microseconds since 1970 in UTC, and whether there is one at all."""

    column: str
    at: Array
    known: Array
    missing: int
    """Rows without any value."""
    unreadable: int
    """Rows with a value that is no date."""
    examples: tuple[str, ...]
    """Some of these values."""
    order: str
    """`month first` or `day first` where that had to be learnt from the column, else ""."""


class Moments:
    """Gathers a column of dates, some rows at a time, in both readings of month and day."""

    def __init__(self, column: str) -> None:
        """Begin with no rows."""
        self.column = column
        self._readings: list[Array] = []
        self._missing = self._unreadable = 0
        self._examples: dict[str, None] = {}
        self._doubtful = ""

    def add(self, values: Sequence[Any]) -> None:
        """Take the values of some rows."""
        moments = np.full((len(values), 2), NONE, dtype=np.int64)
        for row, value in enumerate(values):
            reading = read_date(value)
            for place, moment in enumerate((reading.month_first, reading.day_first)):
                if moment is not None:
                    moments[row, place] = moment
            if reading.month_first == reading.day_first is None:
                self._without(value)
            elif reading.month_first != reading.day_first and not self._doubtful:
                self._doubtful = str(value)
        self._readings.append(moments)

    def dates(self) -> Dates:
        """The column in the reading that fits more of its rows. Raises `RecipeError` when both fit equally well."""
        readings = np.concatenate([np.empty((0, 2), np.int64), *self._readings])
        fit = (readings != NONE).sum(axis=0)
        if fit[0] == fit[1] and (readings[:, 0] != readings[:, 1]).any():
            raise RecipeError(
                f"data.split.by_time: nothing tells whether month or day comes first in '{self.column}'",
                got=self._doubtful,
                hint="Write the dates as year-month-day",
            )
        place = int(fit[1] > fit[0])
        at = readings[:, place]
        refused = int(((readings != NONE).any(axis=1) & (at == NONE)).sum())
        return Dates(
            column=self.column,
            at=at,
            known=at != NONE,
            missing=self._missing,
            unreadable=self._unreadable + refused,
            examples=tuple(self._examples),
            order=("month first", "day first")[place] if self._doubtful else "",
        )

    def _without(self, value: Any) -> None:
        """Count a row without a date."""
        written = normalise(value) if isinstance(value, str) else "" if value is None else str(value)
        if not isinstance(value, (str, int, float)) or not written:
            self._missing += 1
            return
        self._unreadable += 1
        if len(self._examples) < EXAMPLES:
            self._examples[written[:EXAMPLE_CHARACTERS]] = None
