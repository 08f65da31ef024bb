"""A small project in a folder: raw files and the settings that read them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kitae import data
from kitae.core.artifacts import Dataset, Split
from kitae.core.data_settings import DataSettings, SplitSettings
from kitae.core.records import Record, read_records
from kitae.core.workspace import Workspace


class Desk:
    """Write raw files, then prepare or split them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sources: list[dict[str, Any]] = []
        self.workspace = Workspace(folder / "home")

    def write(self, name: str, content: bytes | str, **source: Any) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.sources.append({"path": name, "licence": "CC0-1.0", **source})

    def rows(self, name: str, rows: Sequence[Mapping[str, Any]], **source: Any) -> None:
        self.write(name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), **source)

    def source_lines(self) -> list[str]:
        """What is said of the raw files."""
        settings = DataSettings.model_validate({"sources": self.sources}).sources
        return list(data.find(settings, folder=self.folder, out=self.workspace).summary["lines"])

    def prepare(self, *, task: str = "chat", held_out: bool = False, **settings: Any) -> Dataset:
        chosen = DataSettings.model_validate({"sources": self.sources, **settings})
        source = data.find(chosen.sources, folder=self.folder, out=self.workspace)
        return data.prepare(
            source, settings=chosen, task=task, out=self.workspace, folder=self.folder, held_out=held_out
        )

    def split(self, dataset: Dataset, *, seed: int = 7, **settings: Any) -> Split:
        return data.split(dataset, settings=SplitSettings(**settings), seed=seed, out=self.workspace)


def talk(*turns: str) -> dict[str, Any]:
    """A row with a conversation that the user begins."""
    roles = ["user", "assistant"] * len(turns)
    return {"messages": [{"role": role, "content": text} for role, text in zip(roles, turns, strict=False)]}


def kept(dataset: Dataset) -> list[Record]:
    return list(read_records(dataset.file("records.jsonl")))


def dropped(dataset: Dataset) -> dict[str, list[Record]]:
    out: dict[str, list[Record]] = {}
    for record in read_records(dataset.file("dropped.jsonl")):
        out.setdefault(record.history[-1].rule, []).append(record)
    return out


def side(split: Split, name: str) -> list[Record]:
    return list(read_records(split.file(f"{name}.jsonl")))
