"""Who is compared with whom: one YAML file may describe several systems. Read by `kitae compare`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from kitae.core.endpoint_settings import EndpointSettings
from kitae.core.problems import explain
from kitae.core.recipe import read_yaml
from kitae.core.settings import Settings
from kitae.errors import InputError


class AnsweringEndpoint(EndpointSettings):
    """An OpenAI-compatible endpoint that is compared (`POST /chat/completions`). Answers are kept and reused."""

    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    """0 takes the likeliest answer."""


class ContestantSettings(Settings):
    """One system: a version, a base or an endpoint, and how it is asked."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,63}$")]
    """Name in the comparison."""
    version: str | None = None
    """A registered version, such as support-faq:1."""
    base: str | None = None
    """A base: a catalogue name, a local folder, or a hub id."""
    endpoint: AnsweringEndpoint | None = None
    """An endpoint."""
    instruction: str | None = Field(default=None, min_length=1)
    """What it is told before every question, as the system's turn."""
    shots: int = Field(default=0, ge=0, le=64)
    """Training rows that stand before every question as examples (few-shot); 0 is zero-shot."""
    shots_by: Literal["random", "nearest"] = "random"
    """random: the same examples for every question, drawn by the seed; nearest: for each question those like it."""
    price_per_hour: float | None = Field(default=None, gt=0.0)
    """What an hour of this machine costs, in the currency of the endpoints; not for an endpoint."""


class ContestSettings(Settings):
    """Several systems."""

    systems: Annotated[list[ContestantSettings], Field(min_length=1)]
    """The systems, in any order."""


def load_contestants(path: Path) -> list[ContestantSettings]:
    """Read a YAML file of systems. Raises `RecipeError`, `UnknownName`, `InputError`."""
    try:
        found = ContestSettings.model_validate(
            read_yaml(path, what="list of systems", begins="It begins with `systems:`")
        )
    except ValidationError as error:
        raise explain(error, ContestSettings) from error
    for one in found.systems:
        ways = {name: value for name in ("version", "base", "endpoint") if (value := getattr(one, name)) is not None}
        if len(ways) != 1:
            raise InputError(
                f"{path.name}: {one.name} must be exactly one of version, base and endpoint", got=sorted(ways) or "none"
            )
        if one.endpoint is not None and one.price_per_hour is not None:
            raise InputError(
                f"{path.name}: {one.name} is an endpoint, which is paid by the token",
                hint="Write endpoint.price_in and endpoint.price_out instead of price_per_hour",
            )
    return found.systems
