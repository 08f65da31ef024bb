"""The second stage: raw files become a clean, redacted, deduplicated dataset, with a reason for all that left.

Order: read, repair, contamination, privacy, rules, duplicates. Privacy comes before anything is written, so that what
was dropped or quarantined is as clean of private data as what was kept.

Rows go through in shards (`passes`), which any number of workers do; this page says in which order, and looks at all
shards at once where that is needed. Memory does not grow with the number of rows but for a few bytes each.
"""

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, count, pairwise
from pathlib import Path
from typing import Any

from kitae.core.artifacts import Dataset, Source
from kitae.core.data_settings import ContaminationSettings, DataSettings
from kitae.core.files import BLOCK_BYTES, file_digest, write_json, write_text
from kitae.core.recipe import locate
from kitae.core.records import read_records
from kitae.core.workspace import Draft, Workspace
from kitae.data import passes
from kitae.data.boilerplate import find_passages
from kitae.data.contamination import Benchmarks
from kitae.data.custody.erased import Erased
from kitae.data.custody.policy import POLICY, refusal
from kitae.data.duplicates import find_duplicates
from kitae.data.executors import Executor, executor
from kitae.data.finding import FoundFile, found_files
from kitae.data.intake import FileCount, check_files, file_encoding
from kitae.data.judging import Judge
from kitae.data.making import made_by
from kitae.data.meaning import Meanings, Shard, find_meanings
from kitae.data.privacy.redaction import Redactor, check_privacy
from kitae.data.readers import read_rows
from kitae.data.reading.rows import letters_of, readable
from kitae.data.report import Tally, add_samples, dataset_report, prepare_notes, report_page
from kitae.data.review.decisions import Decision, read_decisions
from kitae.data.rules import NormsPart, chosen_rules
from kitae.data.shards import SHARD_ROWS, in_shards, shard_path
from kitae.errors import NothingToLearn, SourceError

ANSWERS = "answers"
"""Folder of the workspace with the answers of endpoints: paid for once, whatever becomes of a run."""
APART = {"sources", "split", "executor", "review", "balance", "augment", "self_training"}
"""Sections of the data settings that do not change what a dataset is, or whose files are among its parents."""


def prepare(
    source: Source,
    *,
    settings: DataSettings,
    task: str,
    out: Workspace,
    folder: Path,
    held_out: bool = False,
    erased: Erased | None = None,
) -> Dataset:
    """Clean records of the files of `source`, whose recipe lies in `folder`; what was `erased` stays out.

    A `held_out` set is only read, repaired and redacted: a verdict is about what came, not about what pleases. Raises
    `SourceError` for files that cannot be used, `NothingToLearn` when no row has an answer, `PolicyRefused` when the
    policy leaves nothing.
    """
    choices = {key: value for key, value in settings.plain().items() if key not in APART}
    checked = ContaminationSettings() if held_out else settings.contamination
    choices["contamination"] = checked.model_dump(exclude={"against"})
    benchmarks = Benchmarks.find(checked, folder=folder, out=out)
    choices["policy"] = settings.policy.model_dump(mode="json", exclude={"on_breach"})
    erased = (erased or Erased()).within(source)
    chosen_rules(settings.clean)
    check_privacy(settings.privacy)
    sheets = [locate(name, folder) for name in settings.review]
    decisions = read_decisions(sheets)

    def build(draft: Draft) -> None:
        files = found_files(source, folder)
        with executor(settings.executor) as workers:
            work = _Work(settings, task, held_out, erased, draft, workers, decisions, benchmarks)
            counts, taken, learnt = work.take(files)
            judged = work.judge(taken, learnt)
            gone = None if held_out else work.compare(judged)
            meant = None if gone is None else work.compare_meanings(judged, gone, out.home / ANSWERS)
            tally = work.settle(judged, gone if meant is None else meant.table)
        if tally.rules[POLICY] and not tally.kept.records:
            raise refusal(read_records(draft.file(passes.DROPPED)), out=out)
        benchmarks.tell(sum(shard.checked for shard in taken), draft)
        _finish(tally, _counted(counts, tally), work, None if meant is None else meant.figures)

    return out.make(
        Dataset,
        parents={"source": source.digest}
        | {f"review {n}": file_digest(path) for n, path in enumerate(sheets, start=1)}
        | benchmarks.parents,
        settings={"data": choices, "task": task, "held_out": held_out, **erased.part_of_key(source), **made_by()},
        build=build,
    )


@dataclass(frozen=True)
class _Work:
    """The passes over one dataset, in the order in which they are made."""

    settings: DataSettings
    task: str
    held_out: bool
    erased: Erased
    draft: Draft
    workers: Executor
    decisions: Mapping[str, Decision]
    benchmarks: Benchmarks

    def take(self, files: Sequence[FoundFile]) -> tuple[list[FileCount], list[passes.Taken], NormsPart]:
        """Read every row of every file and learn what is normal. Raises `SourceError`, `NothingToLearn`."""
        counts = {file.name: FileCount(file.name, file_encoding(file)) for file in files}
        reasons: dict[str, Counter[str]] = {name: Counter() for name in counts}
        taken = []
        learnt = NormsPart(self.task)
        rows = 0
        for shard in self.workers.map(passes.take, self._raw(files, counts)):
            taken.append(shard)
            learnt.merge(shard.norms)
            shard.norms = NormsPart(self.task)  # a thousand shards would hold a thousand vocabularies
            counts[shard.file].read += shard.rows
            counts[shard.file].shapes.update(shard.shapes)
            add_samples(counts[shard.file].mended, shard.mended)
            reasons[shard.file].update(shard.reasons)
            rows += shard.rows
            place = list(counts).index(shard.file)
            self.draft.stage.progress(place, len(files), "files", rows=rows)
        check_files(files, {name: file.read for name, file in counts.items()}, reasons)
        if not any(shard.teaching or shard.erased for shard in taken):
            raise NothingToLearn(
                f"no row of {', '.join(counts)} has an answer, so there is nothing to learn",
                hint="Name the column with the answers (columns: {answer: …}) or the label (columns: {label: …})",
            )
        self.draft.stage.progress(len(files), len(files), "files", rows=rows)
        return list(counts.values()), taken, learnt

    def _raw(self, files: Sequence[FoundFile], counts: Mapping[str, FileCount]) -> Iterator[passes.Take]:
        """The rows of all files in shards, in their order."""
        redactor = _redactor(self.settings, files, self.task)
        index = self.benchmarks.index(self.draft.scratch)
        asked = frozenset(chosen_rules(self.settings.clean))
        numbers = count()
        for file in files:
            raw = read_rows(file.path, counts[file.name].encoding, file.source.read)
            for rows in in_shards(raw, SHARD_ROWS, letters_of):
                number = next(numbers)
                path = shard_path(self.draft.scratch / "taken", number)
                yield passes.Take(
                    rows=rows,
                    file=file,
                    task=self.task,
                    redactor=redactor,
                    erased=self.erased,
                    path=path,
                    benchmarks=index,
                    duplicates=self.settings.duplicates,
                    passages=self._passages(number),
                    asked=asked,
                )

    def _passages(self, number: int) -> Path | None:
        """Where the passages of a shard lie; a held-out set is left as it came."""
        if self.held_out or self.settings.duplicates.boilerplate == "off":
            return None
        return shard_path(self.draft.scratch / "passages", number)

    def _repeated(self, shards: int) -> Path | None:
        """The passages that many turns share."""
        tables = [table for table in map(self._passages, range(shards)) if table is not None]
        if not tables:
            return None
        return find_passages(tables, settings=self.settings.duplicates, scratch=self.draft.scratch)

    def judge(self, taken: Sequence[passes.Taken], learnt: NormsPart) -> list[passes.Judged]:
        """Ask of every record what speaks against it, now that it is known what is normal."""
        beginnings = learnt.beginnings()
        looks = (passes.LookAgain(shard.path, beginnings) for shard in taken)
        norms = learnt.norms(self.workers.map(passes.second_look, looks), languages=self.settings.languages)
        rules = chosen_rules(self.settings.clean)
        one = Judge(
            self.task,
            norms,
            rules,
            self.settings.policy,
            drop_private=self.settings.privacy.mode == "drop",
            held_out=self.held_out,
            decisions=self.decisions,
            drop_contaminated=tuple(self.benchmarks.settings.drop),
        )
        passages_found = self._repeated(len(taken))
        tasks = (
            passes.Judging(
                taken=shard.path,
                judged=shard_path(self.draft.scratch / "judged", number),
                prints=shard_path(self.draft.scratch / "prints", number),
                judge=one,
                duplicates=self.settings.duplicates,
                passages=passages_found,
            )
            for number, shard in enumerate(taken)
        )
        total, done, judged = sum(shard.rows for shard in taken), 0, []
        for shard in self.workers.map(passes.judge, tasks):
            judged.append(shard)
            done += shard.rows
            self.draft.stage.progress(done, total, "records")
        return judged

    def compare(self, judged: Sequence[passes.Judged]) -> Path:
        """A table of the records that go although nothing speaks against them: another says the same."""
        return find_duplicates(
            [shard.prints for shard in judged],
            settings=self.settings.duplicates,
            scratch=self.draft.scratch / "compared",
            progress=self.draft.stage.progress,
        )

    def compare_meanings(self, judged: Sequence[passes.Judged], gone: Path, answers: Path) -> Meanings | None:
        """The same table with those that another one means, too, if the recipe asks for it."""
        asked = self.settings.duplicates.meaning
        if asked is None:
            return None
        if asked.endpoint is not None and self.settings.privacy.mode in {"off", "flag"}:
            self.draft.stage.warning(
                f"texts are sent to {asked.endpoint.base_url} with the private data in them, since "
                f"data.privacy.mode is {self.settings.privacy.mode}"
            )
        ends = accumulate((shard.kept for shard in judged), initial=0)
        return find_meanings(
            [Shard(one.path, one.prints, begin, end) for one, (begin, end) in zip(judged, pairwise(ends), strict=True)],
            gone,
            settings=asked,
            task=self.task,
            workers=self.workers,
            scratch=self.draft.scratch / "meanings",
            answers=answers,
        )

    def settle(self, judged: Sequence[passes.Judged], gone: Path | None) -> Tally:
        """Write the files of the dataset; each shard its part, and the parts joined."""
        parts = self.draft.scratch / "parts"
        parts.mkdir(exist_ok=True)
        ends = accumulate((shard.kept for shard in judged), initial=0)
        edits = passes.Gone.of(gone)
        tasks = (
            passes.Settle(shard.path, edits.between(begin, end), self.settings.instruction, parts, number)
            for number, (shard, (begin, end)) in enumerate(zip(judged, pairwise(ends), strict=True))
        )
        tally = Tally()
        for part in self.workers.map(passes.settle, tasks):
            tally.merge(part)
        for name in passes.FILES.values():
            _join([passes.part_path(parts, name, number) for number in range(len(judged))], self.draft.file(name))
        return tally


def _redactor(settings: DataSettings, files: Sequence[FoundFile], task: str) -> Redactor | None:
    """The key is a digest of the raw files that no artifact states: only who has them could compute it."""
    if settings.privacy.mode == "off":
        return None
    key = hashlib.sha256(b"kitae: key of stand-ins\0")
    for file in files:
        with readable(file.path), file.path.open("rb") as handle:
            while block := handle.read(BLOCK_BYTES):
                key.update(block)
    spared = frozenset({"assistant"}) if task == "classify" else frozenset()
    return Redactor.of(settings.privacy, key.digest(), spared)


def _join(parts: Sequence[Path], whole: Path) -> None:
    """Parts one after the other as one file; they are removed as they are used up, to spare the disk."""
    with whole.open("wb") as file:
        for part in parts:
            with part.open("rb") as piece:
                shutil.copyfileobj(piece, file)
            part.unlink()
        file.flush()
        os.fsync(file.fileno())


def _counted(counts: Sequence[FileCount], tally: Tally) -> Sequence[FileCount]:
    """The files with what was quarantined of them: rows that could not be read, and rows that cannot be marked."""
    for file in counts:
        file.quarantined = file.read - tally.fates[file.name].total()
    return counts


def _finish(tally: Tally, counts: Sequence[FileCount], work: _Work, meanings: Mapping[str, Any] | None) -> None:
    draft = work.draft
    if not tally.kept.records:
        raise SourceError(
            "no record is left after cleaning",
            got=", ".join(f"{rule}: {times}" for rule, times in tally.rules.most_common()),
            hint="State the terms of the data (licence: …) or switch a rule off (data.clean.RULE: false)",
        )
    report = dataset_report(tally, counts, settings=work.settings, task=work.task, meanings=meanings)
    assert report["read"] == report["kept"] + report["dropped"] + report["quarantined"]
    write_json(draft.file("report.json"), report)
    write_text(draft.file("report.html"), report_page(report))
    notes = prepare_notes(report)
    for note in notes:
        draft.stage.note(note["text"], **{key: value for key, value in note.items() if key != "text"})
    figures: dict[str, Any] = {key: report[key] for key in ("read", "kept", "dropped", "quarantined", "rules_count")}
    draft.summary({**figures, "privacy": report["privacy"], "lines": [note["text"] for note in notes]})
