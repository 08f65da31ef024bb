"""Whatever is done to a file, it gives rows, bad rows or a `SourceError`, and never anything else."""

import gzip
import io
import json
import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data.papers import pdf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import feather

from kitae.core.data_settings import ReadSettings, SourceSettings
from kitae.data.finding import FoundFile
from kitae.data.intake import record_of
from kitae.data.readers import READERS, BadRow, Row, read_rows
from kitae.errors import SourceError

ROWS = [{"question": f"質問その{n}はなんですか", "answer": f"answer {n}", "n": n} for n in range(12)]
TABLE = pa.Table.from_pylist(ROWS)


def workbook() -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    for cells in (["question", "answer"], *([row["question"], row["answer"]] for row in ROWS)):
        book.active.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def written(suffix: str) -> bytes:
    out = io.BytesIO()
    if suffix == ".parquet":
        pq.write_table(TABLE, out, row_group_size=5, compression="zstd")
    elif suffix == ".feather":
        feather.write_feather(TABLE, out)
    elif suffix == ".arrow":
        with pa.ipc.new_stream(out, TABLE.schema) as writer:
            writer.write_table(TABLE, max_chunksize=4)
    elif suffix == ".zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for inner in (".csv", ".jsonl", ".xlsx"):
                archive.writestr(f"a{inner}", SAMPLES[inner])
    return out.getvalue()


LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
PARAGRAPHS = "".join(f"<p>{row['question']}。{row['answer']}</p>" for row in ROWS)
HTML = f"<html><body><article>{PARAGRAPHS}</article></body>"
SAMPLES: dict[str, bytes] = {
    ".csv": "\n".join(["question,answer", *(f'"{row["question"]}",{row["answer"]}' for row in ROWS)]).encode("cp932"),
    ".tsv": "\n".join(["question\tanswer", *(f"{row['question']}\t{row['answer']}" for row in ROWS)]).encode("utf-16"),
    ".jsonl": LINES.encode(),
    ".json": json.dumps({"data": ROWS}, indent=1).encode(),
    ".xlsx": workbook(),
    ".txt": LINES.encode("euc_jp"),
    ".html": HTML.encode(),
    ".pdf": pdf("First page.", "Second page."),
    ".gz": gzip.compress(LINES.encode()),
    ".zst": pa.compress(LINES.encode(), codec="zstd", asbytes=True),
}
SAMPLES |= {suffix: written(suffix) for suffix in (".parquet", ".feather", ".arrow", ".zip")}
JUNK = [b"\0", b'"', b"\xff\xfe", b"\n", b"{", b"]", b",,", b"\r", b"PK\x03\x04"]
NAMES = {".gz": "a.jsonl.gz", ".zst": "a.jsonl.zst"}


def read(path: Path, content: bytes) -> list[Row | BadRow]:
    path.write_bytes(content)
    return list(read_rows(path, "auto", ReadSettings(unit="paragraph", longest_row_mb=0.1, unpacked_ratio=50)))


def check(path: Path, content: bytes) -> None:
    file = FoundFile(path.name, path, SourceSettings(path=path.name))
    try:
        found = read(path, content)
    except SourceError:
        return
    for row in found:
        made = record_of(row, file, "chat")
        if isinstance(made, tuple):
            json.dumps(made[0].as_dict(), allow_nan=False, ensure_ascii=False).encode()
        else:
            json.dumps(made.as_dict(), ensure_ascii=False).encode()
    places = [(row.sheet, row.row) for row in found]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("suffix", SAMPLES)
@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_file_with_damage(tmp_path: Path, suffix: str, data: st.DataObject) -> None:
    content = bytearray(SAMPLES[suffix])
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, max(0, len(content) - 1)))
        how = data.draw(st.sampled_from(["flip", "cut", "drop", "put", "swap"]))
        if how == "flip" and content:
            content[at] ^= data.draw(st.integers(1, 255))
        elif how == "cut":
            del content[at:]
        elif how == "drop":
            del content[at : at + data.draw(st.integers(1, 40))]
        else:
            content[at:at] = data.draw(
                st.sampled_from([b"\0", b'"', b"\xff\xfe", b"\n", b"{", b"]", b",,", b"\r", b"PK\x03\x04"])
            )
    check(tmp_path / NAMES.get(suffix, f"a{suffix}"), bytes(content))


@pytest.mark.parametrize("suffix", READERS)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_under_any_name(tmp_path: Path, suffix: str, content: bytes) -> None:
    check(tmp_path / f"a{suffix}", content)


@pytest.mark.parametrize("suffix", SAMPLES)
def test_a_file_without_damage_is_read_whole(tmp_path: Path, suffix: str) -> None:
    found = read(tmp_path / NAMES.get(suffix, f"a{suffix}"), SAMPLES[suffix])
    assert {type(row) for row in found} == {Row}
    assert len(found) == {".zip": 36, ".pdf": 2, ".txt": 1}.get(suffix, 12)
