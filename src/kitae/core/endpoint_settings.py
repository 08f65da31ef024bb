"""Settings of OpenAI-compatible endpoints: where they are, what they cost, how long to wait for them."""

from pydantic import Field

from kitae.core.settings import Settings

CHANGES_NO_ANSWER = frozenset({"key_from", "most_cost", "attempts", "timeout_seconds"})
"""Settings of an endpoint that no key of an artifact may hold: changed, what was paid for must be found again."""


class Address(Settings):
    """An OpenAI-compatible endpoint."""

    base_url: str = Field(pattern=r"^https?://\S+$")
    """Address up to and including `/v1`."""
    model: str = Field(min_length=1)
    """Name of the model there."""
    key_from: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Environment variable that holds the key; null sends none."""
    price_in: float = Field(default=0.0, ge=0.0)
    """Price of a million tokens read, in any currency."""
    most_cost: float = Field(default=1.0, gt=0.0)
    """No request is sent that could bring the cost of the work above this."""
    attempts: int = Field(default=5, ge=1, le=20)
    """How often a request is sent before the run stops; waits grow from one second to a minute."""
    timeout_seconds: float = Field(default=60.0, gt=0.0)
    """How long one answer may take."""


class EmbeddingSettings(Address):
    """An OpenAI-compatible endpoint that turns texts into vectors (`POST /embeddings`). Vectors are kept and reused."""


class EndpointSettings(Address):
    """An OpenAI-compatible endpoint that writes (`POST /chat/completions`). Answers are kept and reused."""

    price_out: float = Field(default=0.0, ge=0.0)
    """Price of a million tokens written."""
    temperature: float = Field(default=0.9, ge=0.0, le=2.0)
    """How free the wording is."""
    max_tokens: int = Field(default=512, ge=16)
    """Longest answer."""
