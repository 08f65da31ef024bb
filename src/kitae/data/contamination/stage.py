"""The check as part of the data stage: benchmarks found once, records judged wherever they are, all told at the end."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kitae.core.artifacts import Source
from kitae.core.data_settings import ContaminationSettings
from kitae.core.files import read_json, write_json, write_text
from kitae.core.records import Record
from kitae.core.workspace import Draft, Workspace
from kitae.data.contamination.benchmarks import Benchmark, benchmark_rows, find_benchmarks, read_index
from kitae.data.contamination.checking import RULE
from kitae.data.contamination.page import contamination_page
from kitae.data.contamination.report import Findings, contamination_notes, contamination_report
from kitae.data.contamination.storing import is_stored, save_index

READ = "benchmarks.json"


@dataclass(frozen=True)
class Benchmarks:
    """The benchmarks of a recipe that lies in `folder`."""

    sources: Mapping[str, Source]
    settings: ContaminationSettings
    folder: Path

    @staticmethod
    def find(settings: ContaminationSettings, *, folder: Path, out: Workspace) -> "Benchmarks":
        """Look up their files. Raises `RecipeError` for a name used twice, `SourceError`."""
        return Benchmarks(find_benchmarks(settings.against, folder=folder, out=out), settings, folder)

    @property
    def parents(self) -> dict[str, str]:
        """What a dataset that was held against them depends on, role to digest."""
        return {f"benchmark {name}": source.digest for name, source in self.sources.items()}

    def index(self, scratch: Path) -> Path | None:
        """The folder in `scratch` with the index that records are held against, made or found; None without benchmarks.

        Raises `SourceError`.
        """
        folder = scratch / "benchmarks"
        if self.sources and not is_stored(folder):
            index, facts = read_index(self.sources, self.settings, folder=self.folder)
            write_json(folder / READ, [benchmark.as_dict() for benchmark in facts])
            save_index(index, folder)
        return folder if self.sources else None

    def tell(self, checked: int, draft: Draft) -> None:
        """Write `contamination.json` and `.html` about the records of the draft, and say the figures.

        `checked` is how many records were held against the benchmarks. Without benchmarks nothing is written.
        """
        if not self.sources:
            return
        findings = Findings(checked)
        for record in _suspects(draft):
            findings.add(record)
        facts = [Benchmark(**fact) for fact in read_json(draft.scratch / "benchmarks" / READ)]
        rows = benchmark_rows(self.sources, self.folder, findings.wanted())
        report = contamination_report(findings, facts, rows, self.settings)
        write_json(draft.file("contamination.json"), report)
        write_text(draft.file("contamination.html"), contamination_page(report))
        for note in contamination_notes(report):
            draft.stage.note(note)


def _suspects(draft: Draft) -> Iterator[Record]:
    """Records of the draft that may have been found: only lines that mention the rule are parsed."""
    mention = f'"{RULE}"'
    for name in ("records.jsonl", "dropped.jsonl"):
        with draft.file(name).open(encoding="utf-8") as lines:
            yield from (Record.from_dict(json.loads(line)) for line in lines if mention in line)
