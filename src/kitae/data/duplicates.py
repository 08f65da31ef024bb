"""Duplicates: which records go because another says the same, and which because their answers contradict each other.

Rules, in this order. A split somebody else drew (`use: test`) is never thinned; what repeats it leaves training.

- `leaks_into_test`: a question, the last or an earlier one, is that of a test row, or near it.
- `conflicting_answers`: the same question with different answers; the majority's stays, on a tie none (with
  `conflicts: keep` all stay and are flagged). Under another system message, or with other answers to weigh, it is not
  the same question; but what one asks without any system message is compared with all who ask it.
- `leaks_into_validation`: the same for a validation row.
- `exact_duplicate`: question and answer are equal after normalisation (NFKC, case, spaces).
- `near_duplicate`: questions near, numbers equal, and the same answer: a paraphrase with the same answer is no
  duplicate as long as its wording differs. Of raw documents the numbers need not be equal.

Of records that say the same, the best is kept: a row of a drawn split first, then the one that needed the fewest
repairs, then the longest question, then the first in file order. A record goes only for a kept one it names.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from kitae.core.data_settings import DuplicateSettings
from kitae.core.files import disk_errors
from kitae.core.records import Edit, Record
from kitae.data.alike.cases import Gone, Why, cases_of
from kitae.data.alike.clusters import Clusters
from kitae.data.alike.columns import Columns
from kitae.data.alike.deciding import decide
from kitae.data.alike.fingerprints import USES, fingerprint_table
from kitae.data.alike.near import Progress, Wanted, near_pairs
from kitae.data.alike.pairs import PairFile
from kitae.data.alike.ragged import Array
from kitae.data.alike.turns import Turns, first_equals
from kitae.data.shards import write_table

FOUND = "duplicates.arrow"
ROWS_AT_ONCE = 1 << 14
REASONS = {
    Why.ASKS_TEST: ("leaks_into_test", "asks what a test row asks"),
    Why.ASKS_NEARLY_TEST: ("leaks_into_test", "asks nearly what a test row asks"),
    Why.ASKS_VALIDATION: ("leaks_into_validation", "asks what a validation row asks"),
    Why.ASKS_NEARLY_VALIDATION: ("leaks_into_validation", "asks nearly what a validation row asks"),
    Why.AGAINST_MAJORITY: (
        "conflicting_answers",
        "the same question has {camps} different answers; the majority's stays",
    ),
    Why.NO_MAJORITY: (
        "conflicting_answers",
        "the same question has {camps} different answers; no answer has a majority",
    ),
    Why.CONTESTED: ("conflicting_answers", "the same question has {camps} different answers; all of them stay"),
    Why.SAYS_SAME: ("exact_duplicate", "says the same as {origin}"),
    Why.SAYS_NEARLY_SAME: ("near_duplicate", "says nearly the same as {origin} (similarity {similarity:.2f})"),
}
"""Rule and reason for each way to go."""


def find_duplicates(
    tables: Sequence[Path], *, settings: DuplicateSettings, scratch: Path, progress: Progress = lambda *_: None
) -> Path:
    """Write an Arrow IPC file with one row for each record that goes or is flagged; return its path in `scratch`.

    `tables` are Arrow IPC files of `fingerprint_table`, made with the same settings, in their order. Columns of the
    result, ascending by the first: `row` (position in the concatenation of the tables), `rule`, `reason`, `detail`
    (JSON: the id of the `kept` record, `similarity`; `action: flag` where it stays). The same for any cut of the
    records into tables. Raises `DiskFull`.
    """
    columns = Columns(tables)
    with disk_errors(scratch):
        scratch.mkdir(parents=True, exist_ok=True)
        turns = Turns.of(columns)
        pairs = _pairs(columns, turns, settings.near, scratch, progress, wanted=_wanted(columns, turns))
        names = _clusters(columns, turns, pairs)
        gone = []
        for cases in cases_of(columns, turns, pairs, names, scratch=scratch):
            gone.append(decide(cases, settings))
            progress(int(cases.rows[-1]) + 1, len(columns), "records compared")
        return _write(columns, Gone.sorted(gone), scratch / FOUND)


def duplicate_clusters(
    tables: Sequence[Path], *, near: float | None, scratch: Path, progress: Progress = lambda *_: None
) -> Array:
    """The cluster (its smallest row) of every row, which no split may cut, as int64 [rows].

    Together stands who asks or teaches what another asks, or nearly that; numbers do not matter.
    """
    columns = Columns(tables)
    with disk_errors(scratch):
        scratch.mkdir(parents=True, exist_ok=True)
        turns = Turns.of(columns)
        return _clusters(columns, turns, _pairs(columns, turns, near, scratch, progress))


def asked_questions(tables: Sequence[Path]) -> tuple[Array, Array]:
    """(question, row) of everything that is asked or taught on the way and that some record asks in the end.

    Equal questions have equal numbers; with them a split proves that it cut none.
    """
    return Turns.of(Columns(tables)).shared()


def _pairs(
    columns: Columns,
    turns: Turns,
    near: float | None,
    scratch: Path,
    progress: Progress,
    *,
    wanted: Wanted | None = None,
) -> PairFile:
    if near is None or not len(columns):
        return PairFile.none(scratch)
    return near_pairs(columns, turns, near, scratch=scratch, progress=progress, wanted=wanted)


def _wanted(columns: Columns, turns: Turns) -> Wanted:
    """The pairs that the rules look at: other numbers are another question, unless it is one of a drawn split."""
    held = np.zeros(len(turns.texts), dtype=bool)
    drawn = turns.texts[: len(columns)][columns.whole("use") < USES.index("train")]
    held[drawn[drawn >= 0]] = True
    return Wanted(columns.whole("numbers"), held)


def _clusters(columns: Columns, turns: Turns, pairs: PairFile) -> Array:
    """Clusters of records whose questions are equal or near, or who say the same."""
    clusters = Clusters(len(columns))
    texts, owners = turns.shared()
    clusters.join(texts, owners)
    exact = first_equals(lambda share, shares: columns.keys("exact", share, shares), len(columns))
    again = np.flatnonzero(exact != np.arange(len(exact)))
    clusters.join(exact[again], again)
    near_one = np.zeros(len(turns.texts), dtype=bool)
    for block in pairs.blocks():
        clusters.join(block.ones, turns.owners_of(block.others))
        near_one[block.others[block.others >= len(columns)]] = True
    # What only earlier turns say joins its records when it is near to what one asks.
    linked = np.flatnonzero((turns.texts >= len(columns)) & near_one[turns.texts])
    clusters.join(turns.owners_of(turns.texts[linked]), turns.owners_of(linked))
    return clusters.names()


def _write(columns: Columns, gone: Gone, path: Path) -> Path:
    import pyarrow as pa

    schema = pa.schema({"row": pa.int64(), "rule": pa.string(), "reason": pa.string(), "detail": pa.string()})
    aside = path.with_name(path.name + ".partial")
    with pa.OSFile(str(aside), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        for start in range(0, len(gone.rows), ROWS_AT_ONCE):
            rows = list(_rows(columns, gone[slice(start, start + ROWS_AT_ONCE)]))
            writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=schema))
    aside.replace(path)
    return path


def _rows(columns: Columns, gone: Gone) -> Iterator[dict[str, Any]]:
    """What is written of some records that go."""
    ids = iter(columns.take_strings("id", gone.kept[gone.kept >= 0]))
    origins = iter(columns.take_strings("origin", gone.named[gone.named >= 0]))
    for row, why, named, kept, similarity, camps in zip(*(part.tolist() for part in gone.parts()), strict=True):
        rule, reason = REASONS[Why(why)]
        detail = {"kept": next(ids)} if kept >= 0 else {"action": "flag"} if why == Why.CONTESTED else {}
        origin = next(origins) if named >= 0 else ""
        if named >= 0:
            detail["similarity"] = round(similarity, 3)
        yield {
            "row": row,
            "rule": rule,
            "reason": reason.format(origin=origin, similarity=similarity, camps=camps),
            "detail": json.dumps(detail, sort_keys=True),
        }


def read_duplicates(path: Path) -> Iterator[tuple[int, Edit]]:
    """Row and edit of every record that goes, ascending, from a file of `find_duplicates`."""
    import pyarrow as pa

    with pa.memory_map(str(path)) as mapped:
        file = pa.ipc.open_file(mapped)
        for number in range(file.num_record_batches):
            for row in file.get_batch(number).to_pylist():
                yield row["row"], Edit(row["rule"], row["reason"], json.loads(row["detail"]))


class Fingerprinted:
    """Few records in memory: their one table in a folder that goes when the `with` block ends."""

    def __init__(self, records: Sequence[Record], *, task: str, settings: DuplicateSettings) -> None:
        """Make the table."""
        self._folder = tempfile.TemporaryDirectory(prefix="kitae-")
        self.scratch = Path(self._folder.name)
        table = fingerprint_table(records, task=task, settings=settings)
        self.tables = [self.scratch / "records.arrow"]
        write_table(self.tables[0], table)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()
