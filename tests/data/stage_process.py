"""The data stage in a process of its own, which a test kills. A fork server imports this once for all of them."""

from pathlib import Path

from data.desk import Desk

from kitae.core.workspace import Workspace
from kitae.data import preparing
from kitae.data.alike.letters import compacted, normalised

compacted(normalised(["its tables are made"]))


def prepare(folder: str, home: str, workers: int, digest: str) -> None:
    """Prepare the three files of `folder` in small shards, and write the dataset's digest into the file `digest`."""
    preparing.SHARD_ROWS = 25
    desk = Desk(Path(folder))
    desk.workspace = Workspace(Path(home))
    desk.sources = [{"path": f"{name}.jsonl", "licence": "CC0-1.0"} for name in ("one", "two", "three")]
    Path(digest).write_text(desk.prepare(executor={"workers": workers}).digest, "utf-8")
