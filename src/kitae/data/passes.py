"""What is done to each shard, as pure functions of a task that any worker on any machine can do.

`take` makes raw rows into repaired, redacted records; `judge` asks what speaks against them and prints the fingerprints
by which duplicates are found; `settle` writes what became of them. Between the passes the stage looks at all shards at
once (norms, duplicates). What `take` and `judge` make has a name only when it is whole, so a stage that was cut off
goes on where it was.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kitae.core.data_settings import DuplicateSettings
from kitae.core.files import write_jsonl
from kitae.core.records import Edit, Message, Origin, Record, record_id
from kitae.data.alike.fingerprints import fingerprint_table
from kitae.data.boilerplate import handled, passages_table
from kitae.data.contamination import TRAINED, contamination_edits, open_index
from kitae.data.custody.admission import admit, admit_row, is_gone
from kitae.data.custody.erased import Erased
from kitae.data.custody.nearness import like_erased
from kitae.data.finding import FoundFile
from kitae.data.intake import Quarantined, record_of, turns_as_read
from kitae.data.judging import Fate, Judge
from kitae.data.privacy.redaction import Redactor, masked
from kitae.data.readers import BadRow, Row
from kitae.data.report import Tally, mended_samples
from kitae.data.rules import Beginnings, NormsPart, learn, look_again
from kitae.data.shards import line_of, read_table, whole_table, write_table

if TYPE_CHECKING:
    import pyarrow as pa

RECORDS, DROPPED, QUARANTINE = "records.jsonl", "dropped.jsonl", "quarantine.jsonl"
FILES: dict[Fate, str] = {"kept": RECORDS, "dropped": DROPPED, "quarantined": QUARANTINE}


MASKED_AT_ONCE = 256
"""Records whose texts are still known to the search for private data when it is asked for them a second time."""


@dataclass(frozen=True)
class Take:
    """Raw rows of one file, to become the records of the shard at `path`. Without a redactor nothing is redacted.

    What was erased stays out.
    """

    rows: tuple[Row | BadRow, ...]
    file: FoundFile
    task: str
    redactor: Redactor | None
    erased: Erased
    path: Path
    benchmarks: Path | None
    """The index of the benchmarks that records are held against."""
    duplicates: DuplicateSettings
    passages: Path | None
    """Where to write the passages that may be repeated elsewhere."""
    asked: frozenset[str]
    """Names of the rules that will be asked: what is learnt depends on them."""


@dataclass
class Taken:
    """A shard of records as read, and what the stage must know of it."""

    path: Path
    file: str
    rows: int
    reasons: Counter[str]
    """Why rows were quarantined, to how many."""
    shapes: Counter[str]
    teaching: int
    """Records that have an answer, or are a document: only those teach anything."""
    checked: int
    """Records that were held against benchmarks."""
    erased: int
    """Records of which only the place is left."""
    norms: NormsPart
    mended: Mapping[str, list[dict[str, str]]]
    """The first places that each rule put right, before and after."""


def take(task: Take) -> Taken:
    """Make the rows into records, or find it done."""
    table = read_table(task.path)
    if table is None:
        made = [record_of(raw, task.file, task.task) for raw in task.rows]
        contaminated = _contaminated(made, task)
        taken = []
        for start in range(0, len(made), MASKED_AT_ONCE):
            some = slice(start, start + MASKED_AT_ONCE)
            edits = zip(contaminated[some], _like_erased(made[some], task), strict=True)
            taken += [
                _taken(one, list(filter(None, found)), task) for one, found in zip(made[some], edits, strict=True)
            ]
        if task.passages is not None:
            records = [made for made, _ in taken if isinstance(made, Record) and not is_gone(made)]
            write_table(task.passages, passages_table(records, settings=task.duplicates))
        write_table(task.path, _taken_table(taken))
    else:
        taken = list(zip(_outcomes(table), table["shape"].to_pylist(), strict=True))
    made_records = [made for made, _ in taken if isinstance(made, Record)]
    records = [record for record in made_records if not is_gone(record)]
    return Taken(
        path=task.path,
        file=task.file.name,
        rows=len(taken),
        reasons=Counter(made.reason for made, _ in taken if isinstance(made, Quarantined)),
        shapes=Counter(shape for _, shape in taken if shape),
        teaching=sum(_teaches(record) for record in records),
        checked=sum(record.use in TRAINED for record in records) if task.benchmarks else 0,
        erased=len(made_records) - len(records),
        norms=learn(records, task=task.task, asked=task.asked),
        mended=mended_samples(
            (made, partial(turns_as_read, raw, task.file, task.task))
            for raw, (made, _) in zip(task.rows, taken, strict=True)
            if isinstance(made, Record) and isinstance(raw, Row) and not is_gone(made)
        ),
    )


@dataclass(frozen=True)
class LookAgain:
    """A shard of records as read, whose answers may continue one of the beginnings."""

    path: Path
    beginnings: Beginnings


def second_look(task: LookAgain) -> frozenset[int]:
    """Which of the beginnings an answer of the shard continues."""
    return look_again(filter(None, whole_table(task.path)["answer"].to_pylist()), task.beginnings)


@dataclass(frozen=True)
class Judging:
    """The shard of records at `taken`, to be judged into `judged`, with the fingerprints of what stays in `prints`."""

    taken: Path
    judged: Path
    prints: Path
    judge: Judge
    duplicates: DuplicateSettings
    passages: Path | None
    """The passages that many turns share, if anything is to be done about them."""


@dataclass(frozen=True)
class Judged:
    """A shard after judgement: its rows with their fates, and the fingerprints of those that stay."""

    path: Path
    prints: Path
    rows: int
    kept: int


def judge(task: Judging) -> Judged:
    """Judge the records of a shard and print the fingerprints of those that stay, or find it done."""
    table, prints = read_table(task.judged), read_table(task.prints)
    if table is None or prints is None:
        fates = [_fate(made, task.judge) for made in _handled(task)]
        kept = [made for fate, made in fates if fate == "kept" and isinstance(made, Record)]
        prints = fingerprint_table(kept, task=task.judge.task, settings=task.duplicates)
        write_table(task.prints, prints)
        table = _judged_table(fates)
        write_table(task.judged, table)
    return Judged(task.judged, task.prints, len(table), len(prints))


def _handled(task: Judging) -> list[Record | Quarantined]:
    """What was taken, with repeated passages flagged or taken out."""
    taken = list(_outcomes(whole_table(task.taken)))
    if task.passages is None:
        return taken
    records = [made for made in taken if isinstance(made, Record)]
    done = iter(handled(records, task.passages, settings=task.duplicates))
    return [next(done) if isinstance(made, Record) else made for made in taken]


@dataclass(frozen=True)
class Gone:
    """The records that go as duplicates, or are flagged, as `find_duplicates` wrote them.

    Nothing is in memory until asked for.
    """

    table: "pa.Table | None"

    @staticmethod
    def of(path: Path | None) -> "Gone":
        """Those in a table, or none at all."""
        return Gone(None if path is None else whole_table(path))

    def between(self, begin: int, end: int) -> dict[int, list[Edit]]:
        """Place behind `begin` to the edits, for the records from `begin` to before `end`; flags come first."""
        if self.table is None:
            return {}
        first, last = self.table["row"].to_numpy().searchsorted([begin, end])
        found: dict[int, list[Edit]] = {}
        for row in self.table.slice(first, last - first).to_pylist():
            edit = Edit(row["rule"], row["reason"], json.loads(row["detail"]))
            found.setdefault(row["row"] - begin, []).append(edit)
        return {place: sorted(edits, key=lambda edit: not _only_flags(edit)) for place, edits in found.items()}


@dataclass(frozen=True)
class Settle:
    """A judged shard, and the edits by which some of the records that stayed go as duplicates, or are flagged as such.

    `edits` maps the place of a record among those that stayed in its shard to its edits. The shard's part of each file
    of the dataset is written into `parts`.
    """

    judged: Path
    edits: Mapping[int, Sequence[Edit]]
    instruction: str | None
    parts: Path
    number: int


def settle(task: Settle) -> Tally:
    """Write what became of each row of a shard, and count it."""
    tally = Tally()
    rows: dict[Fate, list[dict[str, Any]]] = {fate: [] for fate in FILES}
    place = -1
    for fate, made in fates_of(whole_table(task.judged)):
        place += fate == "kept"
        if isinstance(made, Quarantined):
            tally.set_aside(made)
            rows["quarantined"].append(made.as_dict())
            continue
        edits = task.edits.get(place, ()) if fate == "kept" else ()
        record = replace(made, history=(*made.history, *edits))
        if fate == "dropped" or not all(map(_only_flags, edits)):
            tally.drop(record)
            rows["dropped"].append(record.as_dict())
        else:
            tally.keep(record)
            rows["kept"].append(_instructed(record, task.instruction).as_dict())
    for fate, name in FILES.items():
        write_jsonl(part_path(task.parts, name, task.number), rows[fate])
    return tally


def _only_flags(edit: Edit) -> bool:
    return edit.detail.get("action") == "flag"


def part_path(parts: Path, name: str, number: int) -> Path:
    """Where a shard's part of a file of the dataset lies."""
    return parts / f"{number:06d}.{name}"


def _contaminated(made: Sequence[tuple[Record, str] | Quarantined], task: Take) -> list[Edit | None]:
    """What each record holds of the benchmarks, before stand-ins for names make it differ from them."""
    if task.benchmarks is None:
        return [None] * len(made)
    records = [one[0] for one in made if not isinstance(one, Quarantined)]
    edits = iter(contamination_edits(records, open_index(task.benchmarks)))
    return [None if isinstance(one, Quarantined) else next(edits) for one in made]


def _like_erased(made: Sequence[tuple[Record, str] | Quarantined], task: Take) -> list[Edit | None]:
    """Which records say nearly what an erased one said."""
    records = [one[0] for one in made if not isinstance(one, Quarantined)]
    edits = iter(like_erased(records, task.erased))
    return [None if isinstance(one, Quarantined) else next(edits) for one in made]


def _taken(
    made: tuple[Record, str] | Quarantined, found: Sequence[Edit], task: Take
) -> tuple[Record | Quarantined, str]:
    """A record and the name of its shape, redacted; or why there is none, and no shape."""
    if isinstance(made, Quarantined):
        if task.redactor is not None:
            made = replace(made, excerpt=made.masked_excerpt, reason=masked(made.reason))
        return admit_row(made, task.erased, task.file.source.rights_holder), ""
    record, shape = made
    # Not of what was said: an id travels further than a record, and who may try all phone numbers could find the one.
    said = [(message.role, masked(message.content)) for message in record.messages]
    record = replace(record, id=record_id(record.origin, [*said, masked(record.label)]))
    record = admit(record, task.erased)
    if is_gone(record):
        return record, ""
    record = record if task.redactor is None else task.redactor.record(record)
    return replace(record, history=(*record.history, *found)), shape


def _teaches(record: Record) -> bool:
    return any(message.role in {"assistant", "document"} and message.content.strip() for message in record.messages)


def _fate(made: Record | Quarantined, judge: Judge) -> tuple[Fate, Record | Quarantined]:
    return ("quarantined", made) if isinstance(made, Quarantined) else judge.fate(made)


def _taken_table(taken: Iterable[tuple[Record | Quarantined, str]]) -> "pa.Table":
    """Columns: `record` or `quarantined` as JSON, the other null; `shape`; `answer`, null for none."""
    import pyarrow as pa

    rows = list(taken)
    records = [made if isinstance(made, Record) else None for made, _ in rows]
    columns = {
        "record": [None if record is None else line_of(record.as_dict()) for record in records],
        "quarantined": [line_of(_aside(made)) if isinstance(made, Quarantined) else None for made, _ in rows],
        "shape": [shape for _, shape in rows],
        "answer": [None if record is None else record.answer.strip() or None for record in records],
    }
    return pa.table({name: pa.array(values, pa.large_string()) for name, values in columns.items()})


def _outcomes(table: "pa.Table") -> Iterator[Record | Quarantined]:
    for record, aside in zip(table["record"].to_pylist(), table["quarantined"].to_pylist(), strict=True):
        yield Record.from_dict(json.loads(record)) if record is not None else _from_aside(json.loads(aside))


def _judged_table(fates: Iterable[tuple[Fate, Record | Quarantined]]) -> "pa.Table":
    """Columns: `fate`, and `row`, a record or a quarantined row as JSON."""
    import pyarrow as pa

    rows = list(fates)
    lines = [line_of(made.as_dict() if isinstance(made, Record) else _aside(made)) for _, made in rows]
    return pa.table({"fate": pa.array([fate for fate, _ in rows]), "row": pa.array(lines, pa.large_string())})


def fates_of(table: "pa.Table") -> Iterator[tuple[Fate, Record | Quarantined]]:
    """The rows of a judged shard with their fates."""
    for fate, line in zip(table["fate"].to_pylist(), table["row"].to_pylist(), strict=True):
        row = json.loads(line)
        yield fate, _from_aside(row) if fate == "quarantined" else Record.from_dict(row)


def _aside(row: Quarantined) -> dict[str, Any]:
    return {**row.as_dict(), "masked_excerpt": row.masked_excerpt}


def _from_aside(row: Mapping[str, Any]) -> Quarantined:
    origin = Origin(row["file"], row["row"], row["sheet"])
    return Quarantined(origin, row["reason"], row["excerpt"], row["masked_excerpt"], row["line"])


def _instructed(record: Record, instruction: str | None) -> Record:
    if not instruction or any(message.role == "system" for message in record.messages):
        return record
    return replace(record, messages=(Message("system", instruction), *record.messages))
