"""Benchmark files, read as sources are, and the index made of them."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kitae.core.artifacts import Source
from kitae.core.data_settings import BenchmarkSettings, ContaminationSettings, SourceSettings
from kitae.core.records import Record
from kitae.core.workspace import Workspace
from kitae.data import finding
from kitae.data.contamination.building import build_index
from kitae.data.contamination.index import Index, Item, Limits
from kitae.data.contamination.words import TURN, words
from kitae.data.intake import FileCount, file_encoding, take_in
from kitae.errors import RecipeError


@dataclass(frozen=True)
class Benchmark:
    """A benchmark that was read: its rows, and how many of them could not be used."""

    name: str
    rows: int
    quarantined: int

    def as_dict(self) -> dict[str, Any]:
        """The benchmark as JSON-ready values."""
        return {"name": self.name, "rows": self.rows, "quarantined": self.quarantined}


def check_benchmarks(settings: Sequence[BenchmarkSettings]) -> None:
    """Refuse a name used twice (`RecipeError`)."""
    names = [benchmark.name for benchmark in settings]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RecipeError("data.contamination.against: every benchmark needs a name of its own", got=twice)


def find_benchmarks(settings: Sequence[BenchmarkSettings], *, folder: Path, out: Workspace) -> dict[str, Source]:
    """Look up the files of each benchmark of a recipe that lies in `folder`, by name.

    Raises `RecipeError` for a name used twice, `SourceError` for files that cannot be used.
    """
    check_benchmarks(settings)
    return {benchmark.name: finding.find([_source(benchmark)], folder=folder, out=out) for benchmark in settings}


def read_index(
    benchmarks: Mapping[str, Source], settings: ContaminationSettings, *, folder: Path
) -> tuple[Index, list[Benchmark]]:
    """The index of all rows of these benchmarks, and what was read. Raises `SourceError`."""
    items: list[Item] = []
    found = []
    for name, source in benchmarks.items():
        counts: list[FileCount] = []
        items += [_item(record, name) for record in file_records(source, folder, counts)]
        found.append(Benchmark(name, sum(c.read for c in counts), sum(c.quarantined for c in counts)))
    limits = Limits(settings.words, settings.characters, settings.coverage, settings.near)
    return build_index(items, limits), found


def file_records(source: Source, folder: Path, counts: list[FileCount]) -> Iterator[Record]:
    """The rows of a source's files as records, repaired and no more; `counts` gets one entry a file."""
    for file in finding.found_files(source, folder):
        counts.append(FileCount(file.name, file_encoding(file)))
        for row in take_in(file, "chat", counts[-1]):
            if isinstance(row, Record):
                yield row


def benchmark_rows(
    benchmarks: Mapping[str, Source], folder: Path, wanted: Container[tuple[str, str]]
) -> dict[tuple[str, str], Record]:
    """The rows (benchmark, where it stood) that are wanted, read again."""
    return {
        (name, str(row.origin)): row
        for name, source in benchmarks.items()
        for row in file_records(source, folder, [])
        if (name, str(row.origin)) in wanted
    }


def _source(benchmark: BenchmarkSettings) -> SourceSettings:
    return SourceSettings.model_validate(benchmark.model_dump(exclude={"name"}))


def _item(record: Record, benchmark: str) -> Item:
    """What a row asks, all turns up to its last answer, and that answer. The system's words are no question."""
    asked: list[str] = []
    for message in record.prompt:
        said = words(message.content) if message.role != "system" else []
        asked += [TURN, *said] if asked and said else said
    return Item(benchmark, str(record.origin), tuple(asked), tuple(words(record.answer)))
