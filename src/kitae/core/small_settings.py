"""Settings for small or uneven data: balance, augmentation, self-training. All of it is off unless a recipe asks."""

from typing import Literal

from pydantic import Field

from kitae.core.settings import Settings


class BalanceSettings(Settings):
    """How classes of uneven size are evened out in the training split. Validation and test stay as they are."""

    by: str = "label"
    """What the classes are: `label`, `language`, `source` (the file a row came from), or a column of the data."""
    how: Literal["weights", "temperature", "oversample", "undersample"] = "weights"
    """weights: every class is seen equally often; temperature: a class of n rows is seen as often as n to the power of
    `temperature`; oversample: rows of small classes are repeated; undersample: rows of large classes are left out."""
    temperature: float = Field(default=0.5, ge=0.0, le=1.0)
    """1 changes nothing, 0 makes all classes equal (of `how: temperature`)."""
    rows: int | None = Field(default=None, ge=1)
    """Rows a class is brought to by over- or undersampling; null is the largest class, or the smallest one."""
    most: float = Field(default=20.0, ge=1.0)
    """A row is seen at most this often in one epoch, however small its class is."""
