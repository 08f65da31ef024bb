"""Verdicts as evaluation writes them, and a real PostgreSQL where the machine has one."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kitae.core.artifacts import Adapter, Verdict, Version
from kitae.core.files import write_json, write_text
from kitae.core.recipe import Recipe, parse_recipe
from kitae.core.workspace import Draft, Workspace

LINEAGE = {kind: (letter * 64) for kind, letter in {"source": "a", "dataset": "b", "split": "c", "plan": "d"}.items()}
LINEAGE |= {"base": "e" * 64}
BINARIES = Path("/usr/lib/postgresql")


def figures(
    tuned: float = 0.9, base: float | None = 0.1, p: float | None = 1e-9, rows: int = 200, **more: Any
) -> dict[str, Any]:
    """A verdict's summary on the test split; intervals of 0.03 on either side.

    `baseline` gives the classical baseline's figure and `outcome` what the paired test against it says.
    """

    def side(value: float) -> dict[str, float]:
        return {"value": value, "low": value - 0.03, "high": value + 0.03}

    test: dict[str, Any] = {"n": rows, "tuned": side(tuned), "p_value": p}
    if base is not None:
        test["base"] = side(base)
    if "baseline" in more:
        test["baseline"] = side(more["baseline"])
        test["outcomes"] = {"baseline": more["outcome"]}
    return {"main_metric": "exact_match", "sentence": f"em {base} to {tuned}", "sets": {"test": test}}


def recipe_with(name: str = "faq", **gates: Any) -> Recipe:
    return parse_recipe({"name": name, "data": {"sources": [{"path": "a.csv"}]}, "gates": gates})


def adapter_in(out: Workspace, weights: str = "w") -> Adapter:
    def build(draft: Draft) -> None:
        write_text(draft.file("adapter/adapter_model.safetensors"), weights)

    return out.make(Adapter, parents={}, settings={"weights": weights}, build=build)


def verdict_in(out: Workspace, summary: dict[str, Any]) -> Verdict:
    def build(draft: Draft) -> None:
        write_json(draft.file("verdict.json"), summary)
        write_text(draft.file("report.html"), "<html>")
        draft.summary(summary)

    return out.make(Verdict, parents={}, settings=summary, build=build)


@pytest.fixture
def submit(workspace: Workspace) -> Callable[..., Version]:
    """Submit an adapter with weights and figures as named."""
    from kitae import registry

    def go(weights: str = "w", summary: dict[str, Any] | None = None, recipe: Recipe | None = None) -> Version:
        adapter = adapter_in(workspace, weights)
        verdict = verdict_in(workspace, summary or figures())
        return registry.submit(adapter, verdict, recipe=recipe or recipe_with(), lineage=LINEAGE, out=workspace)

    return go


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server started for the tests."""
    pytest.importorskip("psycopg", reason="needs kitae[postgres]")
    found = sorted(BINARIES.glob("*/bin/initdb")) or [Path(p) for p in [shutil.which("initdb")] if p]
    if not found:
        pytest.skip("no PostgreSQL on this machine")
    binaries = found[-1].resolve().parent
    # The server refuses to run as root, and the account that runs it must reach its folder.
    account: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="kitae-pg-"))
    if account:
        shutil.chown(folder, "nobody", "nogroup")
    data = folder / "data"
    initdb = [str(binaries / "initdb"), "-D", str(data), "-U", "kitae", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **account)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["-c", f"port={port}", "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
    server = [str(binaries / "postgres"), "-D", str(data), *options, "-c", "fsync=off"]
    with subprocess.Popen(server, cwd=folder, stderr=subprocess.DEVNULL, **account) as process:
        try:
            _wait(port, process)
            yield f"postgresql://kitae@127.0.0.1:{port}/postgres"
        finally:
            process.terminate()
            process.wait(30)
            shutil.rmtree(folder, ignore_errors=True)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    import psycopg

    for _ in range(200):
        assert process.poll() is None, "the server ended at once"
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="kitae", dbname="postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the server does not answer")
