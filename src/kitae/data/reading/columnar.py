"""Files in columns: Parquet, Arrow and Feather, read batch by batch."""

import datetime as dt
import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

from kitae.data.reading.lines import too_long
from kitae.data.reading.rows import BadRow, Raw, Row, distinct
from kitae.errors import SourceError

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 256
DAMAGE = (ArithmeticError, LookupError, MemoryError, NotImplementedError, OSError, TypeError, ValueError)
"""What pyarrow raises on damaged files besides errors of its own: a wrong length asks for any memory."""
BUFFER_BYTES = 1 << 20
"""So much of a column is read at a time."""


def read_parquet(raw: Raw) -> Iterator[Row | BadRow]:
    """Rows of a Parquet file. Raises `SourceError`; a row group that is damaged costs its rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with raw.seekable() as file:
        try:
            parquet = pq.ParquetFile(file, buffer_size=BUFFER_BYTES, pre_buffer=False)
            batches = _Batches(parquet.schema_arrow, raw)
        except (*DAMAGE, pa.ArrowException) as error:
            raise _unreadable(raw, "Parquet", error) from error
        first = 1
        for group in range(parquet.num_row_groups):
            number = first
            last = first + parquet.metadata.row_group(group).num_rows - 1
            try:
                for batch in parquet.iter_batches(BATCH_ROWS, row_groups=[group]):
                    yield from batches.rows(batch, number)
                    number += batch.num_rows
            except (*DAMAGE, pa.ArrowException) as error:
                yield BadRow(f"rows {number} to {last} cannot be read: {_reason(error)}", "", number)
            first = last + 1


def read_arrow(raw: Raw) -> Iterator[Row | BadRow]:
    """Rows of an Arrow or Feather file, or of an Arrow stream. Raises `SourceError`."""
    import pyarrow as pa

    with raw.seekable() as file:
        try:
            schema, parts = _arrow_batches(file)
            batches = _Batches(schema, raw)
        except (*DAMAGE, pa.ArrowException) as error:
            raise _unreadable(raw, "Arrow", error) from error
        number = 1
        try:
            for part in parts:
                for start in range(0, part.num_rows, BATCH_ROWS):
                    yield from batches.rows(part.slice(start, BATCH_ROWS), number + start)
                number += part.num_rows
        except (*DAMAGE, pa.ArrowException) as error:
            yield BadRow(f"the file cannot be read from row {number} on: {_reason(error)}", "", number)


def _arrow_batches(file: IO[bytes]) -> "tuple[pa.Schema, Iterator[pa.RecordBatch]]":
    import pyarrow as pa

    begins = file.read(6)
    file.seek(0)
    if begins == b"ARROW1":
        reader = pa.ipc.open_file(file)
        return reader.schema, map(reader.get_batch, range(reader.num_record_batches))
    stream = pa.ipc.open_stream(file)
    return stream.schema, iter(stream)


def _unreadable(raw: Raw, kind: str, error: Exception) -> SourceError:
    return SourceError(f"{raw.name} is not a readable {kind} file", got=_reason(error), hint="Export it again")


def _reason(error: BaseException) -> str:
    """The first line of an error, or what kind it is."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


class _Batches:
    """Turns batches of one schema into rows of JSON-ready values."""

    def __init__(self, schema: "pa.Schema", raw: Raw) -> None:
        self._names = distinct([name or f"column_{place}" for place, name in enumerate(schema.names, start=1)])
        self._labels = _labels((schema.metadata or {}).get(b"huggingface"), schema.names)
        self._plain = [_is_plain(field.type) for field in schema]
        self._longest = raw.longest_row

    def rows(self, batch: "pa.RecordBatch", first: int) -> Iterator[Row | BadRow]:
        """The rows of a batch, numbered from `first`; what is damaged costs its row."""
        columns, damage = self._columns(batch)
        if damage and batch.num_rows > 1:
            for place in range(batch.num_rows):
                yield from self.rows(batch.slice(place, 1), first + place)
            return
        if damage:
            yield BadRow(f"the row is damaged: {damage}", "", first)
            return
        for number, cells in enumerate(zip(*columns, strict=True), start=first):
            long = max((len(cell) for cell in cells if isinstance(cell, str)), default=0)
            if long > self._longest:
                yield BadRow(too_long(long), "", number)
            else:
                yield Row(dict(zip(self._names, cells, strict=True)), number)

    def _columns(self, batch: "pa.RecordBatch") -> tuple[list[list[Any]], str]:
        """The values of the columns, or why they cannot be read."""
        import pyarrow as pa

        try:
            batch.validate(full=True)  # Arrow itself trusts its files: a wrong offset would end the process
            return [self._column(place, column) for place, column in enumerate(batch.columns)], ""
        except (*DAMAGE, pa.ArrowException) as error:
            return [], _reason(error)

    def _column(self, place: int, column: "pa.Array") -> list[Any]:
        values = column.to_pylist()
        if place in self._labels:
            names = self._labels[place]
            return [_label(value, names) for value in values]
        return values if self._plain[place] else [as_json(value) for value in values]


def _is_plain(kind: "pa.DataType") -> bool:
    """Whether every value of a type is JSON-ready as it comes."""
    import pyarrow as pa

    is_plain: tuple[Callable[[pa.DataType], bool], ...] = (
        pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_boolean, pa.types.is_null,
    )  # fmt: skip
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _is_plain(kind.value_type)
    if pa.types.is_struct(kind):
        return all(_is_plain(kind.field(place).type) for place in range(kind.num_fields))
    return any(test(kind) for test in is_plain)


def as_json(value: Any) -> Any:
    """A value of a columnar file as JSON has it: dates as ISO 8601, bytes as text where they are some, NaN as null."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    return _as_text(value)


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return f"[{len(value):,} bytes]"
    return value.isoformat() if isinstance(value, (dt.date, dt.time)) else str(value)


def _labels(written: bytes | None, names: list[str]) -> dict[int, list[str]]:
    """The names behind the numbers of label columns, as 🤗 datasets keeps them with a file, by the column's place."""
    try:
        features = json.loads(written)["info"]["features"] if written else {}
        found = {name: feature.get("feature", feature) for name, feature in features.items()}
        labels = {name: feature["names"] for name, feature in found.items() if feature.get("_type") == "ClassLabel"}
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}
    return {place: labels[name] for place, name in enumerate(names) if name in labels}


def _label(value: Any, names: list[str]) -> Any:
    if isinstance(value, list):
        return [_label(item, names) for item in value]
    if not isinstance(value, int):
        return value
    return names[value] if 0 <= value < len(names) else None
