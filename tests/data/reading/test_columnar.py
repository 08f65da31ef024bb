"""Parquet, Arrow and Feather give the same rows as JSON would; what is damaged costs what it must."""

import datetime as dt
import decimal
import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from kitae.core.data_settings import ReadSettings
from kitae.data.readers import BadRow, Row, read_rows
from kitae.errors import SourceError

ROWS = [
    {"messages": [{"role": "user", "content": "質問"}, {"role": "assistant", "content": None}], "n": 1, "ok": True},
    {"messages": None, "n": None, "ok": False},
    *({"messages": [], "n": n, "ok": None} for n in range(700)),
]


def write(path: Path, table: pa.Table) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=300)
    elif path.suffix == ".feather":
        feather.write_feather(table, str(path))
    else:
        opened = pa.ipc.new_file if path.name.startswith("file") else pa.ipc.new_stream
        with path.open("wb") as file, opened(file, table.schema) as writer:
            writer.write_table(table)
    return path


NAMES = ["a.parquet", "a.feather", "file.arrow", "stream.arrow"]


def read(path: Path, how: ReadSettings | None = None) -> list[Row | BadRow]:
    return list(read_rows(path, "utf-8", how))


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_as_they_were(tmp_path: Path, name: str) -> None:
    found = read(write(tmp_path / name, pa.Table.from_pylist(ROWS)))
    assert [row.values for row in found if isinstance(row, Row)] == ROWS
    assert [row.row for row in found] == list(range(1, len(ROWS) + 1))


@pytest.mark.parametrize("name", NAMES)
def test_every_value_is_ready_for_json(tmp_path: Path, name: str) -> None:
    values: dict[str, Any] = {
        "when": dt.datetime(2024, 5, 6, 7, 8, tzinfo=dt.UTC), "day": dt.date(2024, 5, 6), "at": dt.time(7, 8),
        "price": decimal.Decimal("1.20"), "text": b"abc", "picture": b"\xff\xd8\x00", "rate": math.nan, "far": math.inf,
        "took": dt.timedelta(seconds=5), "nested": {"deep": [{"rate": math.nan, "raw": b"x"}]},
    }  # fmt: skip
    [row] = read(write(tmp_path / name, pa.Table.from_pylist([values])))
    assert isinstance(row, Row)
    assert json.loads(json.dumps(row.values, allow_nan=False)) == row.values
    assert row.values["day"] == "2024-05-06"
    assert row.values["price"] == "1.20"
    assert row.values["text"] == "abc"
    assert row.values["picture"] == "[3 bytes]"
    assert row.values["rate"] is row.values["far"] is None
    assert row.values["nested"] == {"deep": [{"rate": None, "raw": "x"}]}


@pytest.mark.parametrize("name", NAMES[2:])
def test_columns_of_the_same_name_are_kept(tmp_path: Path, name: str) -> None:
    table = pa.Table.from_arrays([pa.array(["one"]), pa.array(["two"]), pa.array(["three"])], names=["q", "q", ""])
    [row] = read(write(tmp_path / name, table))
    assert isinstance(row, Row)
    assert row.values == {"q": "one", "q.2": "two", "column_3": "three"}


@pytest.mark.parametrize("name", NAMES)
def test_numbers_of_labels_are_their_names(tmp_path: Path, name: str) -> None:
    features = {
        "label": {"names": ["no", "yes"], "_type": "ClassLabel"},
        "tags": {"feature": {"names": ["a", "b"], "_type": "ClassLabel"}, "_type": "List"},
        "n": {"dtype": "int64", "_type": "Value"},
    }
    table = pa.Table.from_pylist([{"label": 1, "tags": [1, 0], "n": 1}, {"label": -1, "tags": None, "n": 0}])
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    found = read(write(tmp_path / name, table))
    assert [row.values for row in found if isinstance(row, Row)] == [
        {"label": "yes", "tags": ["b", "a"], "n": 1},
        {"label": None, "tags": None, "n": 0},
    ]


@pytest.mark.parametrize("metadata", [b"not json", b"[]", b'{"info": 3}', b'{"info": {"features": {"n": 1}}}'])
def test_strange_notes_of_datasets_are_left_alone(tmp_path: Path, metadata: bytes) -> None:
    table = pa.Table.from_pylist([{"n": 1}]).replace_schema_metadata({b"huggingface": metadata})
    [row] = read(write(tmp_path / "a.parquet", table))
    assert isinstance(row, Row)
    assert row.values == {"n": 1}


@pytest.mark.parametrize("name", NAMES)
def test_a_cell_that_is_too_long_costs_its_row(tmp_path: Path, name: str) -> None:
    table = pa.Table.from_pylist([{"t": "a"}, {"t": "b" * 5_000}, {"t": "c"}])
    found = read(write(tmp_path / name, table), ReadSettings(longest_row_mb=0.002))
    assert [type(row) for row in found] == [Row, BadRow, Row]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_none_says_so(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, pa.Table.from_pylist(ROWS))
    path.write_bytes(path.read_bytes()[:4] + b"nonsense" * 40)
    with pytest.raises(SourceError, match="not a readable"):
        read(path)


def test_a_damaged_row_group_costs_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.Table.from_pylist([{"n": n, "text": f"number {n} " * 9} for n in range(900)])
    pq.write_table(table, path, row_group_size=300, compression="zstd")
    start = pq.ParquetFile(path).metadata.row_group(1).column(1).dictionary_page_offset
    content = bytearray(path.read_bytes())
    content[start + 40 : start + 90] = b"\0" * 50
    path.write_bytes(bytes(content))
    found = read(path)
    good = [row.values["n"] for row in found if isinstance(row, Row)]
    [bad] = [row for row in found if isinstance(row, BadRow)]
    assert good[:300] == list(range(300))
    assert good[-300:] == list(range(600, 900))
    assert bad.reason.startswith("rows 301 to 600 cannot be read")


def test_a_stream_that_breaks_off_gives_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    batches = pa.Table.from_pylist([{"n": n, "text": "x" * 50} for n in range(1_000)]).to_batches(max_chunksize=100)
    with path.open("wb") as file, pa.ipc.new_stream(file, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    path.write_bytes(path.read_bytes()[:-3_000])
    found = read(path)
    assert [row.row for row in found if isinstance(row, Row)] == list(range(1, 901))
    assert isinstance(found[-1], BadRow)
    assert "from row 901 on" in found[-1].reason
