"""Engines: what answers a conversation. The gateway knows only the protocol; models are behind it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Literal, Protocol

from kitae.core.chat import prompt_ids
from kitae.core.records import Message

Finish = Literal["stop", "length"]


@dataclass(frozen=True)
class Served:
    """What is to be served: a base, with the adapter of a version on it or without one."""

    name: str
    base: str
    adapter_folder: Path | None = None
    base_digest: str | None = None
    """When given, a base whose files have changed since is refused."""


@dataclass(frozen=True)
class Request:
    """A conversation to be answered, and how."""

    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    """The answer ends before the first of these texts."""


@dataclass(frozen=True)
class Piece:
    """A piece of an answer.

    `tokens` counts the answer's tokens so far; the last piece, and only it, says why the answer ended.
    """

    text: str
    tokens: int
    finish: Finish | None = None


class Engine(Protocol):
    """Something that answers. Every engine passes `tests/contracts/engine_contract.py`."""

    def context_tokens(self) -> int:
        """Tokens that prompt and answer may have together."""
        ...

    def count_prompt(self, messages: Sequence[Message]) -> int:
        """Tokens of the prompt that these messages make."""
        ...

    def answer(self, request: Request) -> Iterator[Piece]:
        """The answer, piece by piece; pieces hold whole characters. The same request gives the same answer.

        Raises `InputError` when the prompt leaves no room for an answer.
        """
        ...

    def close(self) -> None:
        """Let go of memory; nothing is asked of the engine afterwards."""
        ...


class InProcessEngine:
    """A model in this process. One answer at a time: others wait for their turn."""

    def __init__(self, loaded: Any) -> None:
        """Take a loaded model (`kitae.models.Loaded`)."""
        self.loaded = loaded
        self.turn = Lock()

    @staticmethod
    def open(served: Served) -> "InProcessEngine":
        """Load what is to be served, with the adapter merged into the weights. Raises `BaseError`."""
        from kitae import models

        folder = None if served.adapter_folder is None else Path(served.adapter_folder)
        return InProcessEngine(models.ready(served.base, folder, digest=served.base_digest))

    def context_tokens(self) -> int:
        """Positions of the base."""
        positions: int = self.loaded.facts.max_positions
        return positions

    def count_prompt(self, messages: Sequence[Message]) -> int:
        """Length of the rendered prompt."""
        return len(prompt_ids(self.loaded.tokenizer, messages))

    def answer(self, request: Request) -> Iterator[Piece]:
        """Tokens as they are drawn, as text, up to a stop text or the end."""
        from kitae.models import streaming

        prompt = prompt_ids(self.loaded.tokenizer, request.messages)
        sampling = streaming.Sampling(request.max_tokens, request.temperature, request.top_p, request.seed)
        with self.turn:
            limit = streaming.max_tokens(self.loaded, prompt, sampling)
            text = streaming.Detokenizer(self.loaded.tokenizer)
            held = StopTexts(request.stop)
            count = 0
            for token in streaming.tokens(self.loaded, prompt, sampling):
                count += 1
                piece = held.push(text.push(token))
                if held.stopped:
                    yield Piece(piece, count, "stop")
                    return
                if piece:
                    yield Piece(piece, count)
            rest = held.push(text.flush()) + held.flush()
            yield Piece(rest, count, "stop" if held.stopped or count < limit else "length")

    def close(self) -> None:
        """Forget the model."""
        self.loaded = None


class StopTexts:
    """Text in, text out, held back for as long as it may be the beginning of a stop text."""

    def __init__(self, stops: Sequence[str]) -> None:
        """Take the stop texts; empty ones are ignored."""
        self.stops = [stop for stop in stops if stop]
        self.held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        """What may be shown now. Once `stopped` is true, nothing more comes."""
        if self.stopped:
            return ""
        self.held += text
        found = [self.held.find(stop) for stop in self.stops if stop in self.held]
        if found:
            self.stopped = True
            shown, self.held = self.held[: min(found)], ""
            return shown
        keep = max((_overlap(self.held, stop) for stop in self.stops), default=0)
        shown, self.held = self.held[: len(self.held) - keep], self.held[len(self.held) - keep :]
        return shown

    def flush(self) -> str:
        """What was held back, now that no more text comes."""
        shown, self.held = self.held, ""
        return shown


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of the text that begins the stop text."""
    return next((size for size in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:size])), 0)
