"""The lists of `names.toml`: context alone cannot tell 佐藤様 from お客様, or "I'm Emma" from "I'm here"."""

import tomllib
from importlib.resources import files

_LISTS = tomllib.loads(files("kitae.data.privacy").joinpath("names.toml").read_text(encoding="utf-8"))

SURNAMES = frozenset(_LISTS["known"]["surnames"])
KANA_SURNAMES = frozenset(_LISTS["known"]["kana_surnames"])
GIVEN_NAMES = frozenset(_LISTS["known"]["given_names"])
NOT_PEOPLE = frozenset(_LISTS["known"]["not_people"])
STAND_INS: dict[str, list[str]] = _LISTS["stand_ins"]
"""Made-up names and places by what they stand in for."""
