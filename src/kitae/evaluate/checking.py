"""What an evaluation needs of the held-out rows, looked up before hours of training are spent."""

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

from kitae.core.artifacts import Dataset, Split
from kitae.core.columns import group_of
from kitae.core.records import Record, read_records
from kitae.core.resolved import ResolvedEvaluate
from kitae.core.settings import digest_of
from kitae.errors import UnknownName
from kitae.evaluate.metrics import Array, Embed, Questions, metrics_for


def check_rows(split: Split, held_out: Mapping[str, Dataset], settings: ResolvedEvaluate) -> None:
    """Refuse a column for groups that no held-out row has, and a metric whose tokeniser is missing.

    Raises `UnknownName` with the columns there are, `InputError`.
    """
    records = list(chain.from_iterable(map(read_records, _files(split, held_out))))
    check_column(records, settings.group_by)
    languages = tuple(sorted({record.language for record in records}))
    # A metric finds its tokenisers when it is made; one row of each language is enough for that.
    ones = Questions(("1",) * len(languages), languages, settings.json_schema, Embed("", _no_vectors))
    if languages:
        metrics_for(settings.metrics, ones)


def groups(split: Split, held_out: Mapping[str, Dataset], column: str | None) -> str | None:
    """A digest of the groups of all held-out rows, which `content_digest` does not see."""
    if column is None:
        return None
    return digest_of(
        [[group_of(record, column) or record.id for record in read_records(f)] for f in _files(split, held_out)]
    )


def _files(split: Split, held_out: Mapping[str, Dataset]) -> list[Path]:
    return [split.file("test.jsonl"), *(held_out[name].file("records.jsonl") for name in sorted(held_out))]


def check_column(records: Sequence[Record], column: str | None) -> None:
    """Raise `UnknownName` when none of the records has the column, so that every row would be a group of its own."""
    if column is None or not records or any(group_of(record, column) for record in records):
        return
    columns = {"label", "language", *(name for record in records for name in record.meta)}
    raise UnknownName("column in evaluate.group_by:", got=column, known=columns, hint="null takes every row alone")


def _no_vectors(_texts: Sequence[str]) -> Sequence[Array]:
    raise AssertionError("vectors are asked for when answers are there")
