"""The second stage: raw files become a clean, redacted, deduplicated dataset, with a reason for all that left.

Order: read, repair, privacy, rules, duplicates. Privacy comes before anything is written, so that what was dropped or
quarantined is as clean of private data as what was kept.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kitae.core.artifacts import Dataset, Source
from kitae.core.data_settings import DataSettings
from kitae.core.events import Stage
from kitae.core.files import BLOCK_BYTES, write_json, write_jsonl, write_text
from kitae.core.records import Edit, Message, Record
from kitae.core.workspace import Draft, Workspace
from kitae.data.duplicates import duplicates_of
from kitae.data.finding import FoundFile, found_files
from kitae.data.intake import FileCount, Quarantined, file_encoding, take_in
from kitae.data.privacy.redaction import Redactor, chosen_kinds, masked
from kitae.data.privacy.surrogates import Keyed
from kitae.data.quoting import QUOTED_CHARACTERS
from kitae.data.report import dataset_report, prepare_notes, report_page, tally_of
from kitae.data.rules import Rules, chosen_rules, empty_answer, flags, judge, learn_norms
from kitae.errors import NothingToLearn, SourceError

RECORDS, DROPPED, QUARANTINE = "records.jsonl", "dropped.jsonl", "quarantine.jsonl"


@dataclass
class Sorted:
    """Where every row went. read = kept + dropped + quarantined, always."""

    files: list[FileCount] = field(default_factory=list)
    kept: list[Record] = field(default_factory=list)
    dropped: list[Record] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)


def prepare(
    source: Source,
    *,
    settings: DataSettings,
    task: str,
    out: Workspace,
    folder: Path,
    held_out: bool = False,
) -> Dataset:
    """Clean records of the files of `source`, whose recipe lies in `folder`.

    A `held_out` set is only read, repaired and redacted: a verdict is about what came, not about what pleases. Raises
    `SourceError` for files that cannot be used, `NothingToLearn` when no row has an answer.
    """
    choices = {key: value for key, value in settings.plain().items() if key not in {"sources", "split"}}
    rules = chosen_rules(settings.clean)
    kinds = chosen_kinds(settings.privacy.kinds)

    def build(draft: Draft) -> None:
        files = found_files(source, folder)
        redactor = _redactor(settings, kinds, files, task)
        done = _read(files, task, draft.stage)
        records = _redacted(done, redactor, draft.stage)
        _check_answers(records, files)
        if held_out:
            _set_aside(done, records, task)
        else:
            records = _apply_rules(done, records, settings, task, rules)
            done.kept = _apply_duplicates(done, records, settings, task, draft.stage)
        _finish(done, settings, task, draft)

    return out.make(
        Dataset,
        parents={"source": source.digest},
        settings={"data": choices, "task": task, "held_out": held_out},
        build=build,
    )


def _redactor(settings: DataSettings, kinds: tuple[str, ...], files: Sequence[FoundFile], task: str) -> Redactor | None:
    """The key is a digest of the raw files that no artifact states: only who has them could compute it."""
    if settings.privacy.mode == "off":
        return None
    key = hashlib.sha256(b"kitae: key of stand-ins\0")
    for file in files:
        with file.path.open("rb") as handle:
            while block := handle.read(BLOCK_BYTES):
                key.update(block)
    mode = "mask" if settings.privacy.mode == "drop" else settings.privacy.mode
    spared = frozenset({"assistant"}) if task == "classify" else frozenset()
    return Redactor(mode, kinds, Keyed(key.digest()), spared)


def _read(files: Sequence[FoundFile], task: str, stage: Stage) -> Sorted:
    done = Sorted()
    for number, file in enumerate(files, start=1):
        count = FileCount(file.name, file_encoding(file))
        done.files.append(count)
        for item in take_in(file, task, count):
            if isinstance(item, Record):
                done.kept.append(item)
            else:
                done.quarantined.append(item)
        stage.progress(number, len(files), "files", rows=count.read)
    return done


def _redacted(done: Sorted, redactor: Redactor | None, stage: Stage) -> list[Record]:
    """Records without private data; what quarantine quotes is masked."""
    if redactor is None:
        return done.kept
    done.quarantined = [replace(row, excerpt=row.masked_excerpt, reason=masked(row.reason)) for row in done.quarantined]
    out = []
    for number, record in enumerate(done.kept, start=1):
        out.append(redactor.record(record))
        stage.progress(number, len(done.kept), "records")
    return out


def _check_answers(records: Iterable[Record], files: Sequence[FoundFile]) -> None:
    if not any(record.answer.strip() for record in records):
        names = ", ".join(file.name for file in files)
        raise NothingToLearn(
            f"no row of {names} has an answer, so there is nothing to learn",
            hint="Name the column with the answers (columns: {answer: …}) or the label (columns: {label: …})",
        )


def _set_aside(done: Sorted, records: Sequence[Record], task: str) -> None:
    """A held-out set keeps everything that can be asked and marked; the rest is quarantined."""
    norms = learn_norms([], task=task, languages=())
    done.kept = []
    for record in records:
        reason = "nothing was asked" if not record.question.strip() else empty_answer(record, norms, 1.0)
        if reason is None:
            done.kept.append(record)
        else:
            _quarantine(done, record, reason)


def _quarantine(done: Sorted, record: Record, reason: str) -> None:
    excerpt = masked(record.question)[:QUOTED_CHARACTERS]
    done.quarantined.append(Quarantined(record.origin, reason, excerpt, excerpt))
    next(count for count in done.files if count.name == record.origin.file).quarantined += 1


def _apply_rules(
    done: Sorted, records: Sequence[Record], settings: DataSettings, task: str, rules: Rules
) -> list[Record]:
    """The records against which no rule speaks. Rows of a test split stay, unless they cannot be marked at all."""
    norms = learn_norms(records, task=task, languages=settings.languages)
    staying = []
    for record in records:
        if record.use == "test":
            reason = empty_answer(record, norms, 1.0)
            if reason is not None:
                _quarantine(done, record, f"a test row that cannot be marked: {reason}")
            else:
                staying.append(record)
            continue
        verdict = judge(record, norms, rules)
        if verdict is None and settings.privacy.mode == "drop":
            verdict = _private(record)
        if verdict is None:
            staying.append(replace(record, history=(*record.history, *flags(record, norms, rules))))
        else:
            done.dropped.append(record.with_edit(Edit(*verdict)))
    return staying


def _private(record: Record) -> tuple[str, str] | None:
    """Only what stands in the text counts: other columns are redacted, and nobody trains on them."""
    found = [edit.detail for edit in record.history if edit.rule == "privacy"]
    kinds = sorted({detail["kind"] for detail in found if detail["place"].startswith("turn ")})
    return ("privacy", f"holds private data: {', '.join(kinds)}") if kinds else None


def _apply_duplicates(
    done: Sorted, records: Sequence[Record], settings: DataSettings, task: str, stage: Stage
) -> list[Record]:
    stage.progress(0, len(records), "records compared")
    gone = duplicates_of(records, settings.duplicates, task)
    stage.progress(len(records), len(records), "records compared")
    done.dropped += [records[index].with_edit(edit) for index, edit in sorted(gone.items())]
    return [record for index, record in enumerate(records) if index not in gone]


def _finish(done: Sorted, settings: DataSettings, task: str, draft: Draft) -> None:
    if not done.kept:
        why = Counter(record.history[-1].rule for record in done.dropped)
        raise SourceError(
            "no record is left after cleaning",
            got=", ".join(f"{rule}: {count}" for rule, count in why.most_common()),
            hint="State the terms of the data (licence: …) or switch a rule off (data.clean.RULE: false)",
        )
    tally = tally_of(done.kept, done.dropped, done.quarantined)
    report = dataset_report(tally, done.files, settings=settings, task=task)
    assert report["read"] == report["kept"] + report["dropped"] + report["quarantined"]
    system = settings.instruction
    write_jsonl(draft.file(RECORDS), (_instructed(record, system).as_dict() for record in done.kept))
    write_jsonl(draft.file(DROPPED), (record.as_dict() for record in done.dropped))
    write_jsonl(draft.file(QUARANTINE), (row.as_dict() for row in done.quarantined))
    write_json(draft.file("report.json"), report)
    write_text(draft.file("report.html"), report_page(report))
    notes = prepare_notes(report)
    for note in notes:
        draft.stage.note(note["text"], **{key: value for key, value in note.items() if key != "text"})
    figures: dict[str, Any] = {key: report[key] for key in ("read", "kept", "dropped", "quarantined", "rules_count")}
    draft.summary({**figures, "privacy": report["privacy"], "lines": [note["text"] for note in notes]})


def _instructed(record: Record, instruction: str | None) -> Record:
    if not instruction or any(message.role == "system" for message in record.messages):
        return record
    return replace(record, messages=(Message("system", instruction), *record.messages))
