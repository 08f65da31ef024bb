"""An OpenAI-compatible endpoint that answers once and is never asked the same again.

Every answer is written to disk under the digest of its request before it is used, so a run that was cut off goes on
without paying twice; only a request that is on its way in that moment may be sent again. What answers cost is counted
whether they are fresh or kept, so that a run that was cut off makes the same rows as one that was not.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kitae.core.files import read_json, write_json
from kitae.core.settings import digest_of
from kitae.core.small_settings import EndpointSettings
from kitae.errors import InputError

if TYPE_CHECKING:
    import httpx

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
    """What the endpoint wrote ("" when it wrote nothing that can be read), and the tokens it was paid for."""

    text: str
    tokens_in: int
    tokens_out: int


class Endpoint:
    """Asks one question at a time, within a cap on cost. `transport` and `sleep` are for tests."""

    def __init__(
        self,
        settings: EndpointSettings,
        kept: Path,
        *,
        transport: "httpx.BaseTransport | None" = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the folder where answers are kept. Raises `InputError` when the key is not in the environment."""
        import httpx

        key = os.environ.get(settings.key_from, "") if settings.key_from else ""
        if settings.key_from and not key:
            raise InputError(
                f"the environment variable {settings.key_from} is not set",
                hint="It holds the key of data.augment.endpoint; set it, or leave key_from out for an open endpoint",
            )
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.settings = settings
        self.spent = 0.0
        self.sent = 0
        self._kept = kept
        self._sleep = sleep
        self._client = httpx.Client(headers=headers, timeout=settings.timeout_seconds, transport=transport)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, prompt: str, *, about: str, seed: int) -> Answer:
        """The answer to a prompt about the record of this id, fresh or kept.

        Raises `CapReached` before anything is sent; `InputError` when the endpoint refuses, or does not answer.
        """
        request = {
            "model": self.settings.model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": self.settings.temperature,
            "max_tokens": self.settings.max_tokens,
            "seed": seed,
        }
        # A token of any known tokeniser holds at least one byte, so this is the most that a request can cost.
        most_in = len(prompt.encode()) + FRAME_TOKENS
        if self.spent + self._cost(most_in, self.settings.max_tokens) > self.settings.most_cost:
            raise CapReached
        digest = digest_of([self.settings.base_url, request])
        path = self._kept / digest[:2] / f"{digest}.json"
        if path.exists():
            answer = Answer(**read_json(path)["answer"])
        else:
            answer = self._read(self._send(request), most_in)
            write_json(path, {"record": about, "answer": vars(answer)})
        self.spent += self._cost(answer.tokens_in, answer.tokens_out)
        return answer

    def _cost(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * self.settings.price_in + tokens_out * self.settings.price_out) / MILLION

    def _send(self, request: Mapping[str, Any]) -> "httpx.Response":
        """Send until it is answered. Raises `InputError`."""
        import httpx

        problem, wait = "", 0.0
        for attempt in range(self.settings.attempts):
            if wait:
                self._sleep(wait)
            wait = min(LONGEST_WAIT_S, 2.0**attempt)
            try:
                self.sent += 1
                response = self._client.post(f"{self.settings.base_url.rstrip('/')}/chat/completions", json=request)
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
                    hint="Check base_url, model and key_from of data.augment.endpoint; answers paid for are kept",
                )
            wait = max(wait, _asked_to_wait(response))
        raise InputError(
            f"the endpoint {self.settings.base_url} gave no answer in {self.settings.attempts} attempts",
            got=problem,
            hint="Run the same command again later: it goes on with the answers that are kept",
        )

    def _read(self, response: "httpx.Response", most_in: int) -> Answer:
        """The answer in a response; tokens that it does not state are counted as the most they can be."""
        try:
            body = response.json()
        except ValueError:
            body = {}
        usage = _under(body, "usage")
        text = _under(body, "choices", 0, "message", "content")
        counts = [_under(usage, name) for name in ("prompt_tokens", "completion_tokens")]
        most = (most_in, self.settings.max_tokens)
        tokens = [c if isinstance(c, int) and c >= 0 else m for c, m in zip(counts, most, strict=True)]
        return Answer(text if isinstance(text, str) else "", *tokens)


def _asked_to_wait(response: "httpx.Response") -> float:
    """Seconds that the endpoint asks to wait, 0 when it says nothing that can be read."""
    asked = response.headers.get("retry-after", "")
    return min(float(asked), LONGEST_WAIT_S) if asked.isascii() and asked.isdigit() else 0.0


def _under(value: Any, *keys: str | int) -> Any:
    """What lies below these keys, or None when the value is not built like that."""
    for key in keys:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value
