"""The OpenAI chat-completions format: what comes in, what goes out, what is refused.

Reference: https://platform.openai.com/docs/api-reference/chat
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from kitae.core.records import Message, Role
from kitae.serve.engine import Finish, Request

MAX_STOPS = 4
ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
UNSUPPORTED: dict[str, tuple[object, ...]] = {
    "n": (None, 1),
    "tools": (None, []),
    "functions": (None, []),
    "logprobs": (None, False),
    "logit_bias": (None, {}),
    "frequency_penalty": (None, 0),
    "presence_penalty": (None, 0),
    "response_format": (None, {"type": "text"}),
    "audio": (None,),
}
"""Keys that would change the answer and that this server does not have, each with the values that ask for nothing."""


class TextPart(BaseModel):
    """A piece of text in a message."""

    type: Literal["text"]
    text: str


class WireMessage(BaseModel):
    """A turn as clients send it."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None

    def message(self) -> Message:
        """The turn as kitae has it."""
        if isinstance(self.content, list):
            return Message(ROLES[self.role], "".join(part.text for part in self.content))
        return Message(ROLES[self.role], self.content or "")


class StreamOptions(BaseModel):
    """What a stream also says."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """The body of a chat completion; keys that change nothing here (user, metadata, store) are let through."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    model: str
    messages: list[WireMessage] = Field(min_length=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0.0, le=2.0)
    top_p: float | None = Field(default=None, gt=0.0, le=1.0)
    seed: int | None = Field(default=None, ge=-(1 << 63), lt=1 << 63)
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    def refused(self) -> str | None:
        """A key that asks for something this server does not have, or None."""
        extra = self.model_extra or {}
        return next((key for key, plain in UNSUPPORTED.items() if key in extra and extra[key] not in plain), None)

    def stops(self) -> tuple[str, ...]:
        """Stop texts as a tuple."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    def request(self, *, room: int, seed: int) -> Request:
        """What the engine is asked; `room` tokens are left for the answer, `seed` is used when none is given."""
        asked = self.max_completion_tokens or self.max_tokens
        return Request(
            messages=tuple(message.message() for message in self.messages),
            max_tokens=min(asked, room) if asked else room,
            # Greedy unless asked otherwise: the answers that evaluation measured.
            temperature=self.temperature or 0.0,
            top_p=1.0 if self.top_p is None else self.top_p,
            seed=seed if self.seed is None else self.seed,
            stop=self.stops(),
        )


def usage(prompt: int, completion: int) -> dict[str, int]:
    """Token counts."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def completion(head: Mapping[str, Any], text: str, finish: Finish | None, counts: Mapping[str, int]) -> dict[str, Any]:
    """A whole answer."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": dict(counts)}


def chunk(head: Mapping[str, Any], delta: Mapping[str, str], finish: Finish | None = None) -> dict[str, Any]:
    """A piece of a streamed answer."""
    choice = {"index": 0, "delta": dict(delta), "logprobs": None, "finish_reason": finish}
    return {**head, "object": "chat.completion.chunk", "choices": [choice]}


def error(message: str, *, kind: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """An error as clients expect it."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def problem(errors: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """The first validation problem as a sentence, and the place it is about."""
    first = errors[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"]), place
