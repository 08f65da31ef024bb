"""Settings for small or uneven data: balance, augmentation, self-training. All of it is off unless a recipe asks."""

from typing import Literal

from pydantic import Field

from kitae.core.endpoint_settings import EndpointSettings
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


class AugmentMethod(Settings):
    """One way of saying a question differently, and how often it is used."""

    kind: str
    """characters: typing errors; words: words or particles dropped or exchanged; templates: phrases around the
    question; swaps: counterfactual terms; paraphrase, back_translation: through `endpoint`; or `module:function`."""
    share: float = Field(default=1.0, gt=0.0, le=1.0)
    """Share of the rows it is used on."""
    copies: int = Field(default=1, ge=1, le=100)
    """Variants it makes of a row."""
    strength: float = Field(default=0.05, gt=0.0, le=0.5)
    """Share of the letters or words that change, at least one."""
    least_alike: float | None = Field(default=None, ge=0.0, le=1.0)
    """A variant less like its question than this (Dice coefficient of letter pairs) is refused; null is the method's
    own bound."""
    file: str | None = None
    """Phrases or terms of your own (TOML, relative to the recipe), beside the built-in ones."""
    through: str | None = Field(default=None, min_length=1)
    """Language of back_translation; null is English for Japanese and Japanese for the rest."""


class AugmentSettings(Settings):
    """More training rows by saying questions differently. Answers and labels stay; a variant stands beside its row."""

    methods: list[AugmentMethod] = Field(min_length=1)
    """Ways to do it, in this order."""
    most: int = Field(default=4, ge=1, le=100)
    """Variants of one row at most, of all methods together."""
    smaller_than: int | None = Field(default=None, ge=2)
    """Only classes of fewer rows are augmented, and no further than to this number; null augments every row."""
    by: str = "label"
    """What the classes of `smaller_than` are: `label`, `language`, `source`, or a column of the data."""
    endpoint: EndpointSettings | None = None
    """Who rewrites, for paraphrase and back_translation."""
