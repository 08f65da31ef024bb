"""Packed files give what is in them; bombs, damage and paths that lead away are told of and cost nothing else."""

import gzip
import io
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kitae.core.data_settings import ReadSettings
from kitae.data.readers import BadRow, Row, read_rows
from kitae.data.reading import rows
from kitae.errors import SourceError

TABLE = "question,answer\nWhy?,Because.\nWho?,Me.\n"
LINES = "".join(json.dumps({"n": n}) + "\n" for n in range(3_000)).encode()


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bombs are told by their proportion alone, so that small ones can be told."""
    monkeypatch.setattr(rows, "ALWAYS_UNPACKED", 0)


def read(path: Path, how: ReadSettings | None = None) -> list[Row | BadRow]:
    return list(read_rows(path, "auto", how))


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".zst", zstd)])
@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "utf-16"])
def test_packed_text(tmp_path: Path, ending: str, pack: Callable[[bytes], bytes], encoding: str) -> None:
    path = tmp_path / f"faq.csv{ending}"
    path.write_bytes(pack("質問,回答\n駐車場は？,ございます。\n".encode(encoding)))
    [row] = read(path)
    assert isinstance(row, Row)
    assert row.values == {"質問": "駐車場は？", "回答": "ございます。"}


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".zst", zstd)])
def test_packed_pieces_one_after_another(tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / f"a.jsonl{ending}"
    path.write_bytes(pack(LINES) + pack(LINES))
    assert len(read(path)) == 6_000


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".zst", zstd)])
def test_what_breaks_off_gives_what_came_before(tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / f"a.jsonl{ending}"
    packed = pack(LINES) + pack(LINES * 10)
    path.write_bytes(packed[:-20])
    found = read(path)
    assert [type(row) for row in found[-1:]] == [BadRow]
    assert "cannot be unpacked from here on" in found[-1].reason  # type: ignore[union-attr]
    good = [row.values["n"] for row in found if isinstance(row, Row)]
    assert good[:3_000] == list(range(3_000))


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".zst", zstd)])
def test_packed_files_that_readers_jump_about_in(tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]) -> None:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([{"n": 1}, {"n": 2}]), out)
    path = tmp_path / f"a.parquet{ending}"
    path.write_bytes(pack(out.getvalue()))
    assert [row.values for row in read(path) if isinstance(row, Row)] == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".zst", zstd)])
def test_a_bomb_is_left(tmp_path: Path, small: None, ending: str, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / f"a.jsonl{ending}"
    path.write_bytes(pack(b'{"n": 1}\n' + b"{}\n" * 1_000_000))
    how = ReadSettings(unpacked_ratio=50)
    found = read(path, how)
    assert isinstance(found[-1], BadRow)
    assert "unpacked_ratio" in found[-1].reason
    assert len(found) < 100_000


def workbook() -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.title = "表"
    for cells in (["question", "answer"], ["Where?", "There."]):
        book.active.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_every_member_by_its_own_reader(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    parquet = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([{"n": 1}]), parquet)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/faq.csv", TABLE.encode("cp932"))
        archive.writestr("a/日本語.csv", "質問,回答\nなぜ？,だから。\n".encode("cp932"))
        archive.writestr("b/logs.jsonl.gz", gzip.compress(b'{"q": 1}\nbad\n'))
        archive.writestr("b/book.xlsx", workbook())
        archive.writestr("n.parquet", parquet.getvalue())
        archive.writestr("picture.png", b"\x89PNG")
        archive.writestr("__MACOSX/a/._faq.csv", b"\0\0")
        archive.writestr("a/.hidden.csv", TABLE)
    found = read(path)
    assert [(row.sheet, row.row, type(row)) for row in found] == [
        ("a/faq.csv", 1, Row), ("a/faq.csv", 2, Row), ("a/日本語.csv", 1, Row), ("b/logs.jsonl.gz", 1, Row),
        ("b/logs.jsonl.gz", 2, BadRow), ("b/book.xlsx/表", 1, Row), ("n.parquet", 1, Row),
    ]  # fmt: skip


def test_names_of_members_as_japanese_systems_write_them(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("XXXXXX.csv", TABLE)
    path.write_bytes(path.read_bytes().replace(b"XXXXXX", "質問表".encode("cp932")))
    assert {row.sheet for row in read(path)} == {"質問表.csv"}


@pytest.mark.parametrize("name", ["../out.csv", "a/../../out.csv", "/etc/out.csv", "..\\out.csv", "C:\\out.csv"])
def test_a_path_that_leaves_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "in" / "a.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, TABLE)
        archive.writestr("good.csv", TABLE)
    found = read(path)
    assert [type(row) for row in found] == [BadRow, Row, Row]
    assert "leaves the folder" in found[0].reason  # type: ignore[union-attr]
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["a.zip", "in"]


def test_members_that_cannot_be_read_cost_themselves(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    link = zipfile.ZipInfo("link.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("deep.csv", TABLE)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("inner.zip", inner.getvalue())
        archive.writestr("picture.csv", b"\x89PNG\r\n\x1a\n\0\0\0")
        archive.writestr("book.xlsx", b"PK\x03\x04 broken")
        archive.writestr("empty.csv", b"")
        archive.writestr("good.csv", TABLE)
        archive.writestr("damaged.csv", (TABLE * 400).encode())
        archive.writestr("locked.csv", TABLE)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        damaged, locked = archive.getinfo("damaged.csv"), archive.getinfo("locked.csv")
    content[damaged.header_offset + 60] ^= 0xFF
    in_directory = content.rindex(b"PK\x01\x02", 0, content.rindex(b"locked.csv"))
    content[in_directory + 8] |= 1
    content[locked.header_offset + 6] |= 1
    path.write_bytes(bytes(content))
    found = read(path)
    bad = {row.sheet: row.reason for row in found if isinstance(row, BadRow)}
    wanted = {
        "link.csv": "a link", "inner.zip": "inside an archive", "picture.csv": "PNG", "book.xlsx": "workbook",
        "empty.csv": "empty", "damaged.csv": "cannot be unpacked", "locked.csv": "password",
    }  # fmt: skip
    assert bad.keys() == wanted.keys()
    assert {name for name, words in wanted.items() if words not in bad[name]} == set()
    assert [row.sheet for row in found if isinstance(row, Row) and row.sheet == "good.csv"] == ["good.csv"] * 2


def test_a_zip_bomb_is_left_and_the_rest_is_read(tmp_path: Path, small: None) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.csv", TABLE)
        with archive.open("bomb.jsonl", "w", force_zip64=True) as member:
            for _ in range(10):
                member.write(b"{}\n" * 333_333)
        archive.writestr("more.csv", TABLE)
    found = read(path)
    assert [(row.sheet, type(row)) for row in found] == [
        ("good.csv", Row), ("good.csv", Row), ("bomb.jsonl", BadRow), ("more.csv", Row), ("more.csv", Row),
    ]  # fmt: skip


def test_a_workbook_that_is_a_bomb_is_left(tmp_path: Path, small: None) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"xl/{number}.xml", b" " * 1_000_000)
    with pytest.raises(SourceError, match="unpacked_ratio"):
        read(path)


def test_more_may_be_unpacked_when_the_recipe_says_so(tmp_path: Path, small: None) -> None:
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"a line\n" * 100_000))
    assert isinstance(read(path)[-1], BadRow)
    [row] = read(path, ReadSettings(unpacked_ratio=1_200))
    assert isinstance(row, Row)


def test_what_is_small_may_be_as_repetitive_as_a_bomb(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"a line\n" * 100_000))
    assert [type(row) for row in read(path)] == [Row]
