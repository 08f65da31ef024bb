"""OpenAI-compatible endpoints that answer once and are never asked the same again.

Every answer is written to disk under the digest of its request before it is used, so a run that was cut off goes on
without paying twice; only a request that is on its way in that moment may be sent again. What answers cost is counted
whether they are fresh or kept, so that a run that was cut off makes the same rows as one that was not.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kitae.core.endpoint_settings import Address, EndpointSettings
from kitae.core.files import read_json, write_json
from kitae.core.records import Message
from kitae.core.settings import digest_of
from kitae.errors import InputError

if TYPE_CHECKING:
    import httpx

S = TypeVar("S", bound=Address)
MILLION = 1_000_000
FRAME_TOKENS = 64
"""What the frame of a conversation costs at most, beside its text."""
BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""Answers after which it is worth while to ask again."""
LONGEST_WAIT_S = 60.0


class CapReached(Exception):
    """The next request could cost more than the recipe allows; what was paid for is kept."""


@dataclass(frozen=True)
class Answer:
    """What the endpoint wrote ("" when it wrote nothing that can be read), and the tokens it was paid for.

    `seconds` is how long it took when it was asked first.
    """

    text: str
    tokens_in: int
    tokens_out: int
    seconds: float = field(default=0.0, compare=False)


class Client(Generic[S]):
    """Sends requests one at a time, within a cap on cost. `transport` and `sleep` are for tests."""

    def __init__(
        self,
        settings: S,
        kept: Path,
        *,
        place: str,
        transport: "httpx.BaseTransport | None" = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the folder where answers are kept, and where the settings stand.

        Raises `InputError` when the key is not in the environment.
        """
        import httpx

        key = os.environ.get(settings.key_from, "") if settings.key_from else ""
        if settings.key_from and not key:
            raise InputError(
                f"the environment variable {settings.key_from} is not set",
                hint=f"It holds the key of {place}; set it, or leave key_from out for an open endpoint",
            )
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.settings = settings
        self.place = place
        self.spent = 0.0
        self.sent = 0
        self._kept = kept
        self._sleep = sleep
        self._client = httpx.Client(headers=headers, timeout=settings.timeout_seconds, transport=transport)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """The price of so many tokens."""
        price_out: float = getattr(self.settings, "price_out", 0.0)
        return (tokens_in * self.settings.price_in + tokens_out * price_out) / MILLION

    def afford(self, tokens_in: int, tokens_out: int) -> None:
        """Raise `CapReached` when a request of so many tokens could bring the cost above the cap."""
        if self.spent + self.cost(tokens_in, tokens_out) > self.settings.most_cost:
            raise CapReached

    def answered(
        self,
        path: str,
        request: Mapping[str, Any],
        read: Callable[["httpx.Response"], Mapping[str, Any]],
        *,
        about: str | Sequence[str],
    ) -> Mapping[str, Any]:
        """What `read` makes of the answer to a request that is sent to `path`, fresh or kept.

        `about` names the records it is about, so that an erasure finds it. Raises `InputError` when the endpoint
        refuses, or does not answer.
        """
        digest = digest_of([self.settings.base_url, request])
        file = self._kept / digest[:2] / f"{digest}.json"
        if file.exists():
            kept: Mapping[str, Any] = read_json(file)["answer"]
            return kept
        answer = read(self._send(path, request))
        write_json(file, {"record": about, "answer": dict(answer)})
        return answer

    def _send(self, path: str, request: Mapping[str, Any]) -> "httpx.Response":
        """Send until it is answered. Raises `InputError`."""
        import httpx

        problem, wait = "", 0.0
        for attempt in range(self.settings.attempts):
            if wait:
                self._sleep(wait)
            wait = min(LONGEST_WAIT_S, 2.0**attempt)
            try:
                self.sent += 1
                response = self._client.post(f"{self.settings.base_url.rstrip('/')}/{path}", json=request)
            except httpx.TransportError as error:
                problem = f"{type(error).__name__} {error}".strip()
                continue
            if response.is_success:
                return response
            problem = f"HTTP {response.status_code} {response.text[:200]}".strip()
            if response.status_code not in BUSY:
                raise InputError(
                    f"the endpoint {self.settings.base_url} refuses the request",
                    got=problem,
                    hint=f"Check base_url, model and key_from of {self.place}; answers paid for are kept",
                )
            wait = max(wait, _asked_to_wait(response))
        raise InputError(
            f"the endpoint {self.settings.base_url} gave no answer in {self.settings.attempts} attempts",
            got=problem,
            hint="Run the same command again later: it goes on with the answers that are kept",
        )


class Endpoint(Client[EndpointSettings]):
    """Writes answers."""

    def ask(self, prompt: str | Sequence[Message], *, about: str, seed: int) -> Answer:
        """The answer to a prompt, or a conversation, about the record of this id, fresh or kept.

        Raises `CapReached` before anything is sent; `InputError` when the endpoint refuses, or does not answer.
        """
        talk = [Message("user", prompt)] if isinstance(prompt, str) else prompt
        request = {
            "model": self.settings.model,
            "messages": [message.as_dict() for message in talk],
            "temperature": self.settings.temperature,
            "max_tokens": self.settings.max_tokens,
            "seed": seed,
        }
        most_in = sum(most_tokens(message.content) for message in talk)
        self.afford(most_in, self.settings.max_tokens)
        began = time.perf_counter()

        def read(response: "httpx.Response") -> Mapping[str, Any]:
            return vars(self._read(response, most_in, round(time.perf_counter() - began, 6)))

        answer = Answer(**self.answered("chat/completions", request, read, about=about))
        self.spent += self.cost(answer.tokens_in, answer.tokens_out)
        return answer

    def _read(self, response: "httpx.Response", most_in: int, seconds: float) -> Answer:
        """The answer in a response; tokens that it does not state are counted as the most they can be."""
        body = body_of(response)
        usage = under(body, "usage")
        text = under(body, "choices", 0, "message", "content")
        counts = [under(usage, name) for name in ("prompt_tokens", "completion_tokens")]
        most = (most_in, self.settings.max_tokens)
        tokens = [c if isinstance(c, int) and c >= 0 else m for c, m in zip(counts, most, strict=True)]
        return Answer(text if isinstance(text, str) else "", tokens[0], tokens[1], seconds)


def most_tokens(text: str) -> int:
    """The most that a text can count: a token of any known tokeniser holds at least one byte."""
    return len(text.encode()) + FRAME_TOKENS


def body_of(response: "httpx.Response") -> Any:
    """The JSON of a response, {} when it is none."""
    try:
        return response.json()
    except ValueError:
        return {}


def _asked_to_wait(response: "httpx.Response") -> float:
    """Seconds that the endpoint asks to wait, 0 when it says nothing that can be read."""
    asked = response.headers.get("retry-after", "")
    return min(float(asked), LONGEST_WAIT_S) if asked.isascii() and asked.isdigit() else 0.0


def under(value: Any, *keys: str | int) -> Any:
    """What lies below these keys, or None when the value is not built like that."""
    for key in keys:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value
