"""The base class of all settings: small, frozen, strict, described."""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Auto = Literal["auto"]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class Settings(BaseModel):
    """A frozen group of at most 15 settings; unknown keys are errors; the docstring under a field is its help."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    def plain(self) -> dict[str, object]:
        """The settings as JSON-ready values."""
        return self.model_dump(mode="json")


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text, which digests rely on."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def digest_of(value: object) -> str:
    """SHA-256 (hex) of a JSON-ready value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
