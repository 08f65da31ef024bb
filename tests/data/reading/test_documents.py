"""Documents come in whole, by page, by paragraph or by line; what has no text says why."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pypdf
import pytest
from data.papers import pdf

from kitae.core.data_settings import ReadSettings
from kitae.data.readers import BadRow, Row, read_rows

Unit = Literal["auto", "document", "page", "paragraph", "line"]
NOVEL = "吾輩は猫である。\n名前はまだ無い。\n\n\n  どこで生れたか\r\n頓と見当がつかぬ。\n"
PAGE = """<!DOCTYPE html><html><head><meta charset="{charset}"><title>宿のご案内</title></head><body>
<nav><ul><li><a href="/">トップ</a></li><li><a href="/map">地図</a></li></ul></nav><article><h1>ご案内</h1>
<p>チェックインは午後三時から承ります。駐車場は三十台分ございますので、お車でもお気軽にお越しください。</p>
<p>朝食は七時から九時まで、一階の広間でご用意いたします。アレルギーのある方は前日までにお知らせください。</p></article>
<footer>© 2024 宿</footer><script>var x = "秘密";</script></body></html>"""


def read(path: Path, unit: Unit = "auto", encoding: str = "auto", longest: float = 16.0) -> list[Row | BadRow]:
    return list(read_rows(path, encoding, ReadSettings(unit=unit, longest_row_mb=longest)))


def texts(found: list[Row | BadRow]) -> list[str]:
    return [row.values["text"] for row in found if isinstance(row, Row)]


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "utf-16", "euc_jp"])
def test_text_by_its_units(tmp_path: Path, name: str, encoding: str) -> None:
    path = tmp_path / name
    path.write_bytes(NOVEL.encode(encoding))
    assert [text.split() for text in texts(read(path))] == [NOVEL.split()]
    paragraphs = read(path, "paragraph")
    assert [text.split() for text in texts(paragraphs)] == [NOVEL.split()[:2], NOVEL.split()[2:]]
    assert [(row.row, row.line) for row in paragraphs] == [(1, 1), (2, 5)]
    lines = read(path, "line")
    assert texts(lines) == NOVEL.split()
    assert [row.line for row in lines] == [1, 2, 5, 6]


def test_bytes_that_are_no_text_cost_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("一行目です\n".encode() + b"\xff\xfe\xfd bad\n" + "三行目です\n".encode())
    found = read(path, encoding="utf-8")
    assert texts(found) == ["一行目です\n三行目です"]
    assert [row.line for row in found if isinstance(row, BadRow)] == [2]


@pytest.mark.parametrize("unit", ["document", "paragraph", "line"])
def test_what_is_too_long_is_not_held(tmp_path: Path, unit: Unit) -> None:
    path = tmp_path / "a.txt"
    path.write_text("short\n\n" + "x" * 900 + "\n" + "y" * 900 + "\n\n" + "z" * 5_000 + "\n\nend\n", "utf-8")
    found = read(path, unit, longest=0.001)
    bad = [row for row in found if isinstance(row, BadRow)]
    assert {"document": 2, "paragraph": 2, "line": 1}[unit] == len(bad)
    assert all("longest_row_mb" in row.reason for row in bad)
    assert texts(found)[::3] == {"document": [], "paragraph": ["short"], "line": ["short", "end"]}[unit]


DECLARED = [
    ("utf-8", "utf-8"), ("Shift_JIS", "cp932"), ("EUC-JP", "euc_jp"), ("iso-2022-jp", "iso2022_jp"),
    ("utf-8", "cp932"), ("no-such", "utf-8"),
]  # fmt: skip


@pytest.mark.parametrize(("charset", "encoding"), DECLARED)
def test_html_gives_its_main_text(tmp_path: Path, charset: str, encoding: str) -> None:
    path = tmp_path / "a.html"
    path.write_bytes(PAGE.format(charset=charset).replace("©", "").encode(encoding))
    [row] = read(path)
    assert isinstance(row, Row)
    assert row.values["title"] == "ご案内"
    assert "午後三時から" in row.values["text"]
    assert "広間で" in row.values["text"]
    assert "秘密" not in row.values["text"]
    assert [text[:6] for text in texts(read(path, "paragraph"))][-2:] == ["チェックイン", "朝食は七時か"]


@pytest.mark.parametrize("content", ["<html><body><script>draw()</script></body></html>", "<p>", "<!-- -->" * 9])
def test_html_without_text_says_so(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.html"
    path.write_text(content, "utf-8")
    [row] = read(path)
    assert isinstance(row, BadRow)
    assert "no main text" in row.reason


def test_pdf_by_its_units(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf("First page.", "", "Third page."))
    assert texts(read(path)) == ["First page.\n\nThird page."]
    pages = read(path, "page")
    assert texts(pages) == ["First page.", "Third page."]
    assert [row.line for row in pages] == [1, 3]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (pdf("Secret.", password="x"), "password"),
        (pdf("", ""), "scan"),
        (b"%PDF-1.7\nnothing more", "not a readable PDF"),
        (pdf("Text.")[:300], "not a readable PDF"),
    ],
)
@pytest.mark.parametrize("unit", ["document", "page"])
def test_a_pdf_without_text_says_why(tmp_path: Path, content: bytes, says: str, unit: Unit) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(content)
    [row] = read(path, unit)
    assert isinstance(row, BadRow)
    assert says in row.reason


def test_a_pdf_that_everybody_may_open_is_read(tmp_path: Path) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf("Open to all.")))
    writer.encrypt("", owner_password="owner", algorithm="RC4-128")
    with (tmp_path / "a.pdf").open("wb") as file:
        writer.write(file)
    assert texts(read(tmp_path / "a.pdf")) == ["Open to all."]


def test_a_page_that_cannot_be_read_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf("First page.", "Second page.", "Third page."))
    extract = pypdf.PageObject.extract_text

    def fail_on_second(page: pypdf.PageObject) -> str:
        text = str(extract(page))
        if text.startswith("Second"):
            raise KeyError("/Font")
        return text

    monkeypatch.setattr(pypdf.PageObject, "extract_text", fail_on_second)
    found = read(path)
    assert texts(found) == ["First page.\n\nThird page."]
    [bad] = [row for row in found if isinstance(row, BadRow)]
    assert bad.reason.startswith("page 2 cannot be read")


def test_what_the_library_says_of_damage_stays_off_the_screen(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf("A page.")[:-20])
    code = "import sys; from pathlib import Path; from kitae.data.readers import read_rows\n"
    code += "print(len(list(read_rows(Path(sys.argv[1]), 'auto'))))"
    command = [sys.executable, "-c", code, str(tmp_path / "a.pdf")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("1\n", "")
