"""The lists of `names.toml`: context alone cannot tell 佐藤様 from お客様, or "I'm Emma" from "I'm here"."""

import tomllib
from importlib.resources import files

_LISTS = tomllib.loads(files("kitae.data.privacy").joinpath("names.toml").read_text(encoding="utf-8"))

STAND_INS: dict[str, list[str]] = _LISTS["stand_ins"]
"""Made-up names and places by what they stand in for."""
_MET_AGAIN = {
    "surnames": "family_ja",
    "given_ja": "given_ja",
    "kana_surnames": "family_kana",
    "given_names": "given_en",
    "surnames_en": "family_en",
}
"""Stand-ins are known as names, too, so that redacting a text again sees the same in it."""
KNOWN: dict[str, frozenset[str]] = {
    name: frozenset([*words, *STAND_INS[_MET_AGAIN[name]]] if name in _MET_AGAIN else words)
    for name, words in _LISTS["known"].items()
}
"""Words by what they tell; the comments of the file say what."""
