"""What an evaluation needs of the held-out rows, looked up before hours of training are spent."""

from collections.abc import Mapping, Sequence
from itertools import chain

from kitae.core.artifacts import Dataset, Split
from kitae.core.columns import group_of
from kitae.core.records import Record, read_records
from kitae.core.resolved import ResolvedEvaluate
from kitae.errors import UnknownName
from kitae.evaluate.metrics import Array, Embed, Questions, metrics_for


def check_rows(split: Split, held_out: Mapping[str, Dataset], settings: ResolvedEvaluate) -> None:
    """Refuse a column for groups that no held-out row has, and a metric whose tokeniser is missing.

    Raises `UnknownName` with the columns there are, `InputError`.
    """
    files = [split.file("test.jsonl"), *(held_out[name].file("records.jsonl") for name in sorted(held_out))]
    records = list(chain.from_iterable(map(read_records, files)))
    check_column(records, settings.group_by)
    languages = tuple(sorted({record.language for record in records}))
    # A metric finds its tokenisers when it is made; one row of each language is enough for that.
    ones = Questions(("1",) * len(languages), languages, settings.json_schema, Embed("", _no_vectors))
    if languages:
        metrics_for(settings.metrics, ones)


def check_column(records: Sequence[Record], column: str | None) -> None:
    """Raise `UnknownName` when none of the records has the column, so that every row would be a group of its own."""
    if column is None or not records or any(group_of(record, column) for record in records):
        return
    columns = {"label", "language", *(name for record in records for name in record.meta)}
    raise UnknownName("column in evaluate.group_by:", got=column, known=columns, hint="null takes every row alone")


def _no_vectors(_texts: Sequence[str]) -> Sequence[Array]:
    raise AssertionError("vectors are asked for when answers are there")
