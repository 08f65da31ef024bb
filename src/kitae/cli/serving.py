"""`kitae chat` and `kitae serve`: use a version."""

from contextlib import suppress
from typing import Annotated

import typer

from kitae.cli.options import Home

VersionName = Annotated[
    str, typer.Argument(metavar="VERSION", help="For example support-faq:1, or support-faq for the newest.")
]


def chat(
    version: VersionName,
    max_tokens: Annotated[int, typer.Option(help="Longest answer in tokens.", min=1)] = 256,
    temperature: Annotated[float, typer.Option(help="0 always takes the likeliest token.", min=0.0, max=2.0)] = 0.0,
    system: Annotated[str | None, typer.Option(help="A system message.")] = None,
    home: Home = None,
) -> None:
    """Talk with a version in the terminal; /exit ends, /reset forgets."""
    from kitae import serve
    from kitae.cli.versions import open_engine

    engine, _ = open_engine(version, home)
    serve.chat(engine, system=system, max_tokens=max_tokens, temperature=temperature)


def serve(
    version: VersionName,
    host: Annotated[str, typer.Option(help="Address to bind; anything but loopback needs a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to bind.", min=0, max=65535)] = 8000,
    key_env: Annotated[str, typer.Option(help="Environment variable that holds the API key.")] = "KITAE_API_KEY",
    home: Home = None,
) -> None:
    """Serve a version with an OpenAI-compatible API: /v1/models and /v1/chat/completions."""
    from kitae import serve as serving
    from kitae.cli.versions import open_engine

    keys = serving.keys_from_environment(key_env)
    serving.check_bind(host, keys)
    engine, names = open_engine(version, home)
    with suppress(KeyboardInterrupt):  # Ctrl-C is how serving ends
        serving.run_server(engine, names=names, keys=keys, host=host, port=port)
