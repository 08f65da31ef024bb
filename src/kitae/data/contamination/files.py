"""Files held against each other: what of the test questions is in the training data."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kitae.core.data_settings import BenchmarkSettings, ContaminationSettings, SourceSettings
from kitae.core.records import Record
from kitae.core.workspace import Workspace
from kitae.data import finding
from kitae.data.contamination.benchmarks import Benchmark, benchmark_rows, file_records, find_benchmarks, read_index
from kitae.data.contamination.checking import contamination_edits
from kitae.data.contamination.matching import KINDS
from kitae.data.contamination.report import Findings, contamination_notes, contamination_report
from kitae.data.intake import FileCount

AT_ONCE = 2_000
"""Training records are read and judged so many at a time."""

NAME_LENGTH = 80
"""What the name of a benchmark may have."""


def compare_files(
    train: Sequence[Path], against: Sequence[Path], settings: ContaminationSettings | None = None
) -> dict[str, Any]:
    """The report of `contamination_report` on training files against benchmark files, with the rows of every hit.

    Any format that has a reader; shapes are recognised. Raises `SourceError` for a file that cannot be used.
    """
    chosen = settings or ContaminationSettings()
    with TemporaryDirectory() as home:
        out, here = Workspace(Path(home)), Path.cwd()
        named = [BenchmarkSettings(name=_name(path, against), path=str(path.absolute())) for path in against]
        benchmarks = find_benchmarks(named, folder=here, out=out)
        index, facts = read_index(benchmarks, chosen, folder=here)
        sources = [SourceSettings(path=str(path.absolute())) for path in train]
        counts: list[FileCount] = []
        findings = Findings(0)
        found: list[dict[str, Any]] = []
        rows = file_records(finding.find(sources, folder=here, out=out), here, counts)
        for records in _batches(rows):
            for record, edit in zip(records, contamination_edits(records, index), strict=True):
                judged = record if edit is None else record.with_edit(edit)
                findings.records += 1
                findings.add(judged)
                if edit is not None:
                    found.append({"origin": str(record.origin), "reason": edit.reason, **edit.detail})
        report = contamination_report(findings, facts, benchmark_rows(benchmarks, here, findings.wanted()), chosen)
    found.sort(key=lambda row: KINDS.index(row["kind"]))
    train_facts = [Benchmark(count.name, count.read, count.quarantined).as_dict() for count in counts]
    return {**report, "train": train_facts, "found": found, "lines": contamination_notes(report)}


def _name(path: Path, paths: Sequence[Path]) -> str:
    """The file's name without its ending; where another file has the same, the path, or the end of a long one."""
    return path.stem if sum(other.stem == path.stem for other in paths) == 1 else str(path)[-NAME_LENGTH:]


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
