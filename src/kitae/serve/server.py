"""The door to the network: which address may be opened, with which keys, and serving until stopped."""

import errno
import ipaddress
import os
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kitae.errors import InputError
from kitae.serve import wire
from kitae.serve.engine import Engine

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


def keys_from_environment(variable: str) -> list[str]:
    """The keys in an environment variable, separated by commas or spaces; none when it is not set."""
    return os.environ.get(variable, "").replace(",", " ").split()


def is_loopback(host: str) -> bool:
    """Whether an address reaches this machine only. A name other than localhost is taken to reach farther."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_bind(host: str, keys: Sequence[str]) -> None:
    """Raise `InputError` when others could reach the address and no key protects it."""
    if not is_loopback(host) and not keys:
        raise InputError(
            "others could use this model: the address is not of this machine alone, and no key is set",
            got=host,
            hint="Set KITAE_API_KEY to a long random text (`openssl rand -hex 24`), or use --host 127.0.0.1",
        )


class OnlyLocalNames:
    """Answers only who calls this machine by a name of its own.

    Without a key, a web page could reach us through a name of its own that points here (DNS rebinding); its browser
    still says that name.
    """

    def __init__(self, app: "ASGIApp") -> None:
        """Take what answers the others."""
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass a request on, or refuse it."""
        from starlette.responses import JSONResponse

        names = [value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"host"]
        if scope["type"] == "http" and not (len(names) == 1 and is_loopback(_host_of(names[0]))):
            refusal = wire.error("This server answers only on this machine's own names", kind="invalid_request_error")
            await JSONResponse(refusal, status_code=403)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _host_of(written: str) -> str:
    """The host of a Host header, without its port or brackets; "" for one that is none."""
    try:
        return urlsplit(f"//{written}").hostname or ""
    except ValueError:
        return ""


def run_server(engine: Engine, *, names: Sequence[str], keys: Sequence[str], host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM. Port 0 takes a free one. Raises `InputError` when the address cannot be had."""
    import uvicorn

    from kitae.serve.app import create_app

    check_bind(host, keys)
    app = create_app(engine, names=names, keys=keys)
    if not keys:
        app.add_middleware(OnlyLocalNames)
    with _listen(host, port) as listener:
        address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}/v1"
        sys.stdout.write(f"Serving {', '.join(names)} at {address} (Ctrl-C ends)\n")
        sys.stdout.flush()
        try:
            uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
        finally:
            engine.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        hints = {
            errno.EADDRINUSE: "Another program has this port: choose another with --port, or --port 0 for any free one",
            errno.EACCES: "Ports below 1024 need special rights: choose a higher one with --port",
        }
        hint = hints.get(error.errno or 0, "Use an address of this machine, for example --host 127.0.0.1")
        raise InputError("this address cannot be opened", got=f"{host}:{port} ({error})", hint=hint) from error
