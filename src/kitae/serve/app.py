"""The gateway: `/v1/models`, `/v1/chat/completions` (plain and as server-sent events) and `/health` over any engine."""

import hmac
import json
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import anyio
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from kitae.errors import InputError, KitaeError
from kitae.serve import engine as engines
from kitae.serve import wire

MAX_BODY_BYTES = 1 << 20
MAX_WAITING = 32
"""Requests at work or in the queue; more are sent away, to come again."""
RETRY_SECONDS = 1
OPEN = "kitae.open_stream"
"""Where a request keeps what sends its stream, for who tells of a failure in the middle of it."""
INVALID = "invalid_request_error"
KINDS = {401: "authentication_error", 429: "rate_limit_error", 500: "server_error"}
HEADERS = {
    401: {"WWW-Authenticate": "Bearer"},
    429: {"Retry-After": str(RETRY_SECONDS)},
    500: {"Connection": "close"},  # the server closes it after a failure; a client must not send on it again
}
BROKEN = "The server failed while it answered; its log says why"
"""What a client is told of a failure that nobody foresaw: not its text, which may quote what others asked."""


class Refused(Exception):
    """An HTTP answer that is an error in OpenAI's format."""

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        """Take status, sentence, the key it is about and a code for programs."""
        super().__init__(message)
        self.status = status
        self.body = wire.error(message, kind=KINDS.get(status, INVALID), param=param, code=code)

    def response(self) -> JSONResponse:
        """The answer."""
        return JSONResponse(self.body, status_code=self.status, headers=HEADERS.get(self.status))


@dataclass
class Gateway:
    """One engine, the names it answers to, the keys that open it ((), none needed), and how many requests are here."""

    engine: engines.Engine
    names: tuple[str, ...]
    keys: tuple[str, ...]
    started: int
    waiting: int = 0

    def enter(self) -> None:
        """Take a place; `leave` gives it back. Raises `Refused` when all are taken."""
        if self.waiting >= MAX_WAITING:
            raise Refused(429, f"{MAX_WAITING} requests are waiting already: try again", code="queue_full")
        self.waiting += 1

    def leave(self) -> None:
        """Give a place back."""
        self.waiting -= 1

    def check_key(self, request: Request) -> None:
        """Raise `Refused` without a known key. Every key is compared in constant time."""
        if not self.keys:
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        matches = [hmac.compare_digest(given.strip().encode(), key.encode()) for key in self.keys]
        if scheme.lower() != "bearer" or not any(matches):
            raise Refused(401, "Missing or unknown API key: send `Authorization: Bearer KEY`", code="invalid_api_key")

    def check_name(self, name: str) -> None:
        """Raise `Refused` for a model that is not served."""
        if name not in self.names:
            known = ", ".join(self.names)
            raise Refused(
                404, f"The model '{name}' is not served here. Known: {known}", param="model", code="model_not_found"
            )

    def card(self, name: str) -> dict[str, Any]:
        """A model as `/v1/models` lists it."""
        return {"id": name, "object": "model", "created": self.started, "owned_by": "kitae"}


class Stream(StreamingResponse):
    """Server-sent events, and what is to be done when they end, however they end."""

    def __init__(self, events: AsyncIterator[str], on_end: Callable[[], None]) -> None:
        """Take the events and the end."""
        super().__init__(events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
        self.on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them. A client that has gone before the first of them is an end, too."""
        scope[OPEN] = send
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.on_end()


def _as_refused(_: Request, reason: Exception) -> JSONResponse:
    assert isinstance(reason, Refused)
    return reason.response()


def _as_http(request: Request, reason: Exception) -> JSONResponse:
    """A path or a method that is not there, in the same format as everything else."""
    assert isinstance(reason, HTTPException)
    path = request.url.path
    said = {404: (f"There is nothing at {path}", "not_found"),
            405: (f"{path} does not take {request.method}", "method_not_allowed")}  # fmt: skip
    message, code = said.get(reason.status_code, (str(reason.detail), None))
    response = Refused(reason.status_code, message, code=code).response()
    response.headers.update(reason.headers or {})
    return response


def _as_unprocessable(_: Request, reason: Exception) -> JSONResponse:
    assert isinstance(reason, RequestValidationError)
    message, place = wire.problem(reason.errors())
    return Refused(422, message, param=place or None).response()


async def _as_broken(request: Request, _: Exception) -> JSONResponse:
    """Nobody foresaw it. A stream that has begun ends with the error as an event, since its status is long sent."""
    refused = Refused(500, BROKEN)
    if OPEN in request.scope:
        body = _event(refused.body).encode()
        await request.scope[OPEN]({"type": "http.response.body", "body": body, "more_body": False})
    return refused.response()


HANDLERS: dict[type[Exception], Callable[[Request, Exception], Response | Awaitable[Response]]] = {
    Refused: _as_refused,
    HTTPException: _as_http,
    RequestValidationError: _as_unprocessable,
    Exception: _as_broken,
}
"""Every error that can leave the application, and who tells it; the server's log has the unforeseen ones in full."""


def create_app(engine: engines.Engine, *, names: Sequence[str], keys: Sequence[str] = ()) -> FastAPI:
    """The web application over an engine that answers to `names`; with `keys`, only who sends one is let in."""
    gateway = Gateway(engine, tuple(names), tuple(keys), int(time.time()))
    app = FastAPI(title="kitae", docs_url=None, redoc_url=None, openapi_url=None)

    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/v1/models")
    async def models(request: Request) -> dict[str, Any]:
        gateway.check_key(request)
        return {"object": "list", "data": [gateway.card(name) for name in gateway.names]}

    @app.get("/v1/models/{name:path}")
    async def model(request: Request, name: str) -> dict[str, Any]:
        gateway.check_key(request)
        gateway.check_name(name)
        return gateway.card(name)

    @app.post("/v1/chat/completions")
    async def chat_completions(request: Request) -> Response:
        gateway.check_key(request)
        return await _complete(gateway, await _read(request), request.is_disconnected)

    return app


async def _read(request: Request) -> wire.ChatRequest:
    """The request's body, checked. Raises `Refused`."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise Refused(400, "The body must be JSON: send `Content-Type: application/json`")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise Refused(413, f"The body is larger than {MAX_BODY_BYTES} bytes", code="request_too_large")
    try:
        asked = wire.ChatRequest.model_validate_json(bytes(body))
    except ValidationError as error:
        message, place = wire.problem(error.errors(include_url=False, include_context=False))
        raise Refused(400, message, param=place or None) from error
    refused = asked.refused()
    if refused:
        raise Refused(400, f"This server has no `{refused}`", param=refused, code="unsupported_parameter")
    if asked.messages[-1].role == "assistant":
        raise Refused(400, "messages: the last one is the assistant's own: end with a user's", param="messages")
    if len(asked.stops()) > wire.MAX_STOPS:
        raise Refused(400, f"stop: at most {wire.MAX_STOPS} texts", param="stop")
    return asked


async def _complete(gateway: Gateway, asked: wire.ChatRequest, is_gone: Callable[[], Awaitable[bool]]) -> Response:
    gateway.check_name(asked.model)
    messages = [message.message() for message in asked.messages]
    try:
        prompt = await anyio.to_thread.run_sync(gateway.engine.count_prompt, messages)
    except KitaeError as error:
        raise Refused(400, str(error), param="messages") from error
    room = gateway.engine.context_tokens() - prompt
    if room < 1:
        context = gateway.engine.context_tokens()
        sentence = f"This model reads {context} tokens and the messages have {prompt}: shorten them"
        raise Refused(400, sentence, param="messages", code="context_length_exceeded")
    request = asked.request(room=room, seed=secrets.randbits(31))
    head = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": asked.model}
    gateway.enter()
    if asked.stream:
        include_usage = bool(asked.stream_options and asked.stream_options.include_usage)
        return Stream(_events(gateway, request, head, prompt if include_usage else None), gateway.leave)
    try:
        text, last = await _whole(gateway, request, is_gone)
    finally:
        gateway.leave()
    return JSONResponse(wire.completion(head, text, last.finish, wire.usage(prompt, last.tokens)))


async def _whole(
    gateway: Gateway, request: engines.Request, is_gone: Callable[[], Awaitable[bool]]
) -> tuple[str, engines.Piece]:
    """The whole answer and its last piece; no more of it is computed once nobody waits for it. Raises `Refused`."""
    text, last = "", engines.Piece("", 0)
    try:
        async with aclosing(_pieces(gateway, request)) as pieces:
            async for last in pieces:
                text += last.text
                if await is_gone():
                    break
    except KitaeError as error:
        raise Refused(400 if isinstance(error, InputError) else 500, str(error)) from error
    return text, last


async def _events(
    gateway: Gateway, request: engines.Request, head: dict[str, Any], prompt: int | None
) -> AsyncIterator[str]:
    """Server-sent events of an answer; with `prompt` tokens given, the counts come last."""
    yield _event(wire.chunk(head, {"role": "assistant", "content": ""}))
    last = engines.Piece("", 0)
    try:
        async for last in _pieces(gateway, request):
            if last.text:
                yield _event(wire.chunk(head, {"content": last.text}))
    except KitaeError as error:
        yield _event(wire.error(str(error), kind=INVALID if isinstance(error, InputError) else KINDS[500]))
        return
    yield _event(wire.chunk(head, {}, last.finish))
    if prompt is not None:
        counts = wire.usage(prompt, last.tokens)
        yield _event({**head, "object": "chat.completion.chunk", "choices": [], "usage": counts})
    yield "data: [DONE]\n\n"


async def _pieces(gateway: Gateway, request: engines.Request) -> AsyncGenerator[engines.Piece, None]:
    """The engine's pieces, each computed in a thread; when the client goes away the engine stops."""
    pieces: Iterator[engines.Piece] = gateway.engine.answer(request)
    try:
        while (piece := await anyio.to_thread.run_sync(next, pieces, None)) is not None:
            yield piece
    finally:
        close: Callable[[], object] | None = getattr(pieces, "close", None)
        if close:
            close()


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"
