"""Serve: a version behind an OpenAI-compatible address, or in the terminal. Importing this loads no web framework."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kitae.serve.engine import Engine, Piece, Request, Served
from kitae.serve.fake import FakeEngine

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = [
    "Engine",
    "FakeEngine",
    "Piece",
    "Request",
    "Served",
    "chat",
    "check_bind",
    "create_app",
    "keys_from_environment",
    "open_engine",
    "run_server",
]


def open_engine(served: Served) -> Engine:
    """The engine for what is to be served, in this process. Raises `BaseError`."""
    from kitae.serve.engine import InProcessEngine

    return InProcessEngine.open(served)


def create_app(engine: Engine, *, names: Sequence[str], keys: Sequence[str] = ()) -> "FastAPI":
    """The web application; see `kitae.serve.app.create_app`."""
    from kitae.serve import app

    return app.create_app(engine, names=names, keys=keys)


def keys_from_environment(variable: str) -> list[str]:
    """The keys in an environment variable; see `kitae.serve.server.keys_from_environment`."""
    from kitae.serve import server

    return server.keys_from_environment(variable)


def check_bind(host: str, keys: Sequence[str]) -> None:
    """Refuse an open door; see `kitae.serve.server.check_bind`."""
    from kitae.serve import server

    server.check_bind(host, keys)


def run_server(engine: Engine, *, names: Sequence[str], keys: Sequence[str], host: str, port: int) -> None:
    """Serve until stopped; see `kitae.serve.server.run_server`."""
    from kitae.serve import server

    server.run_server(engine, names=names, keys=keys, host=host, port=port)


def chat(
    engine: Engine,
    *,
    system: str | None = None,
    max_tokens: int = 256,
    temperature: float = 0.0,
    read: Callable[[str], str] = input,
    write: Callable[[str], Any] | None = None,
) -> None:
    """Talk in the terminal; see `kitae.serve.terminal.chat`."""
    from kitae.serve import terminal

    terminal.chat(terminal.Talk(engine, system, max_tokens, temperature), read=read, write=write)
