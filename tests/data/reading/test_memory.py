"""Memory does not grow with the file: each kind is read in a fresh process, a small file first, then a large one."""

import gzip
import itertools
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

LARGE, SMALL = 30_000, 600
MOST_MB = 20
ROW = {"question": "Where may the car be left, and what does it cost? " * 8, "answer": "駐車場は無料です。" * 40}
READ = """
import resource, sys
from pathlib import Path
from kitae.core.data_settings import ReadSettings
from kitae.data.readers import Row, read_rows

def read(name):
    how = ReadSettings(unit="line")
    return sum(isinstance(row, Row) for row in read_rows(Path(name), "auto", how))

small = read(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
large = read(sys.argv[2])
print(small, large, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def rows(count: int) -> Iterator[dict[str, str]]:
    return ({**ROW, "id": f"{number:09d}"} for number in range(count))


def write_json(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        for number, row in enumerate(rows(count)):
            file.write(("[" if number == 0 else ", ") + json.dumps(row, ensure_ascii=False))
        file.write("]")


def write_wrapped(path: Path, count: int) -> None:
    write_json(path, count)
    path.write_text('{"version": 1, "data": ' + path.read_text("utf-8") + "}", "utf-8")


def write_lines(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows(count))


def write_gzip(path: Path, count: int) -> None:
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows(count))


def write_csv(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write("question,answer,id\n")
        file.writelines(",".join(f'"{value}"' for value in row.values()) + "\n" for row in rows(count))


def write_zip(path: Path, count: int) -> None:
    lines = path.with_suffix(".jsonl")
    write_lines(lines, count)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.write(lines, "a.jsonl")


def write_parquet(path: Path, count: int) -> None:
    schema = pa.schema([(name, pa.string()) for name in ("question", "answer", "id")])
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as file:
        source = rows(count)
        while part := list(itertools.islice(source, 10_000)):
            file.write_table(pa.Table.from_pylist(part, schema))


WRITERS: dict[str, Callable[[Path, int], None]] = {
    "a.json": write_json,
    "wrapped.json": write_wrapped,
    "a.jsonl": write_lines,
    "a.jsonl.gz": write_gzip,
    "a.csv": write_csv,
    "a.txt": write_lines,
    "a.zip": write_zip,
    "a.parquet": write_parquet,
}


@pytest.mark.parametrize("name", WRITERS)
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    small, large = tmp_path / f"small-{name}", tmp_path / f"large-{name}"
    WRITERS[name](small, SMALL)
    WRITERS[name](large, LARGE)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(small), str(large)], capture_output=True, text=True, check=True
    )
    read_small, read_large, grown_mb = map(int, done.stdout.split())
    assert (read_small, read_large) == (SMALL, LARGE)
    assert grown_mb < MOST_MB, f"{grown_mb} MB"


def test_a_line_of_200_mb_is_not_held(tmp_path: Path) -> None:
    small, large = tmp_path / "small.jsonl", tmp_path / "large.jsonl"
    write_lines(small, 30_000)
    with large.open("wb") as file:
        file.write(b'{"a": "')
        for _ in range(200):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n{"a": "b"}\n')
    done = subprocess.run(
        [sys.executable, "-c", READ, str(small), str(large)], capture_output=True, text=True, check=True
    )
    _, read_large, grown_mb = map(int, done.stdout.split())
    assert read_large == 1
    assert grown_mb < 80, f"{grown_mb} MB"
