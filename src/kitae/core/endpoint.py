"""OpenAI-compatible endpoints that answer once and are never asked the same again.

Every answer is written to disk under the digest of its request before it is used, so a run that was cut off goes on
without paying twice; only a request that is on its way in that moment may be sent again. What answers cost is counted
whether they are fresh or kept, so that a run that was cut off makes the same rows as one that was not.
"""

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kitae.core.endpoint_settings import Address, EmbeddingSettings, EndpointSettings
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
TEXTS_AT_ONCE = 64
"""Texts that are turned into vectors by one request."""


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

    place = "the endpoint"
    """Where its settings stand, for messages."""

    def __init__(
        self,
        settings: S,
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
                hint=f"It holds the key of {self.place}; set it, or leave key_from out for an open endpoint",
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

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """The price of so many tokens."""
        price_out: float = getattr(self.settings, "price_out", 0.0)
        return (tokens_in * self.settings.price_in + tokens_out * price_out) / MILLION

    def _kept_file(self, request: Mapping[str, Any]) -> Path:
        digest = digest_of([self.settings.base_url, request])
        return self._kept / digest[:2] / f"{digest}.json"

    def _afford(self, tokens_in: int, tokens_out: int) -> None:
        if self.spent + self.cost(tokens_in, tokens_out) > self.settings.most_cost:
            raise CapReached

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

    place = "data.augment.endpoint"

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
        # A token of any known tokeniser holds at least one byte, so this is the most that a request can cost.
        most_in = sum(len(message.content.encode()) + FRAME_TOKENS for message in talk)
        self._afford(most_in, self.settings.max_tokens)
        path = self._kept_file(request)
        if path.exists():
            answer = Answer(**read_json(path)["answer"])
        else:
            began = time.perf_counter()
            response = self._send("chat/completions", request)
            answer = self._read(response, most_in, round(time.perf_counter() - began, 6))
            write_json(path, {"record": about, "answer": vars(answer)})
        self.spent += self.cost(answer.tokens_in, answer.tokens_out)
        return answer

    def _read(self, response: "httpx.Response", most_in: int, seconds: float) -> Answer:
        """The answer in a response; tokens that it does not state are counted as the most they can be."""
        body = _json(response)
        usage = _under(body, "usage")
        text = _under(body, "choices", 0, "message", "content")
        counts = [_under(usage, name) for name in ("prompt_tokens", "completion_tokens")]
        most = (most_in, self.settings.max_tokens)
        tokens = [c if isinstance(c, int) and c >= 0 else m for c, m in zip(counts, most, strict=True)]
        return Answer(text if isinstance(text, str) else "", tokens[0], tokens[1], seconds)


class Embedder(Client[EmbeddingSettings]):
    """Turns texts into vectors."""

    place = "evaluate.embeddings"

    def vectors(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector for each text, all of one length, fresh or kept.

        Raises `CapReached` before anything is sent; `InputError` when the endpoint refuses, does not answer, or answers
        with anything else.
        """
        found: dict[str, list[float]] = {}
        missing = []
        for text in dict.fromkeys(texts):
            path = self._kept_file(self._request([text]))
            if path.exists():
                found[text] = read_json(path)["vector"]
            else:
                missing.append(text)
        for start in range(0, len(missing), TEXTS_AT_ONCE):
            batch = missing[start : start + TEXTS_AT_ONCE]
            most_in = sum(map(len, map(str.encode, batch)))
            self._afford(most_in, 0)
            body = _json(self._send("embeddings", self._request(batch)))
            for text, vector in zip(batch, _vectors(body, len(batch), self.settings.base_url), strict=True):
                write_json(self._kept_file(self._request([text])), {"vector": vector})
                found[text] = vector
            used = _under(body, "usage", "prompt_tokens")
            self.spent += self.cost(used if isinstance(used, int) and used >= 0 else most_in, 0)
        return [found[text] for text in texts]

    def _request(self, texts: Sequence[str]) -> dict[str, Any]:
        return {"model": self.settings.model, "input": list(texts), "encoding_format": "float"}


def _vectors(body: Any, count: int, base_url: str) -> list[list[float]]:
    """The vectors of a response in the order of the texts. Raises `InputError`."""
    rows = _under(body, "data")
    rows = rows if isinstance(rows, list) else []
    vectors = [_under(row, "embedding") for row in sorted(rows, key=lambda row: _under(row, "index") or 0)]
    whole = len(vectors) == count and all(isinstance(vector, list) and vector for vector in vectors)
    if not whole or not all(isinstance(x, int | float) and math.isfinite(x) for vector in vectors for x in vector):
        raise InputError(
            f"the endpoint {base_url} gave no vectors",
            got=f"{len(vectors)} for {count} texts",
            hint="Check that evaluate.embeddings names a model for embeddings",
        )
    return [[float(x) for x in vector] for vector in vectors]


def _json(response: "httpx.Response") -> Any:
    try:
        return response.json()
    except ValueError:
        return {}


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
