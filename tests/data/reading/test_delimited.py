"""Tables as text come in row by row: what is wrong with a line costs that line, and no column hides another."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kitae.core.data_settings import ReadSettings
from kitae.data.readers import BadRow, Cells, Row, read_rows


def read(path: Path, content: str | bytes, how: ReadSettings | None = None) -> list[Row | BadRow]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_rows(path, "utf-8", how))


def test_rows_know_their_line(tmp_path: Path) -> None:
    found = read(tmp_path / "a.csv", 'q,a\n\n"one\ntwo",x\nthree\nfour,y\n')
    assert [(row.row, row.line, type(row)) for row in found] == [(1, 3, Row), (2, 5, BadRow), (3, 6, Row)]


@pytest.mark.parametrize("stated", ["sep=;\n", '"sep=;"\r\n', "\ufeffsep=;\n"])
def test_a_stated_delimiter_is_taken(tmp_path: Path, stated: str) -> None:
    [row] = read(tmp_path / "a.csv", stated + "a,b;c\n1,2;3\n")
    assert isinstance(row, Row)
    assert row.values == {"a,b": "1,2", "c": "3"}


def test_columns_of_the_same_name_and_of_none_are_kept(tmp_path: Path) -> None:
    found = read(tmp_path / "a.csv", ",q,q,,q.2\n0,one,two,,three\n1,one,two,four,\n")
    assert [row.values for row in found if isinstance(row, Row)] == [
        {"column_1": "0", "q": "one", "q.3": "two", "q.2": "three"},
        {"column_1": "1", "q": "one", "q.3": "two", "column_4": "four", "q.2": ""},
    ]


def test_a_line_that_is_too_long_costs_itself(tmp_path: Path) -> None:
    lines = [f"question {n},answer {n}" for n in range(6)]
    lines[2] = "x" * 5_000 + ",answer"
    lines[4] = '"' + "y" * 5_000
    found = read(tmp_path / "a.csv", "q,a\n" + "\n".join(lines), ReadSettings(longest_row_mb=0.002))
    assert [row.row for row in found if isinstance(row, Row)] == [1, 2, 4, 6]
    bad = [row for row in found if isinstance(row, BadRow)]
    assert [(row.row, row.line) for row in bad] == [(3, 4), (5, 6)]
    for row in bad:
        assert "5,0" in row.reason
        assert isinstance(row.content, Cells)
        assert len(row.content.values[0]) <= 4_000


def test_an_open_quote_before_a_line_that_is_too_long(tmp_path: Path) -> None:
    text = 'q,a\n"open,1\n' + "x" * 5_000 + "\n" + '2,b"\n3,c\n'
    found = read(tmp_path / "a.csv", text, ReadSettings(longest_row_mb=0.002))
    assert [(row.row, type(row)) for row in found] == [(1, BadRow), (2, BadRow), (3, Row), (4, Row)]


def test_bad_bytes_in_the_heading_cost_no_row(tmp_path: Path) -> None:
    [row] = read(tmp_path / "a.csv", b"q,a\xff\nwhy,so\n")
    assert isinstance(row, Row)
    assert row.values == {"q": "why", "a?": "so"}


CELL = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters='\n"'), max_size=12)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(CELL, CELL, CELL).filter(any), max_size=8), mark=st.sampled_from(",;\t|"))
def test_what_was_written_is_read(tmp_path: Path, rows: list[tuple[str, str, str]], mark: str) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=mark, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("a", "b", "c"), *rows])
    found = read(tmp_path / "a.csv", text.getvalue())
    assert [row.values for row in found if isinstance(row, Row)] == [dict(zip("abc", row, strict=True)) for row in rows]
    assert [row.row for row in found] == list(range(1, len(rows) + 1))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from('ab",\n\r;\t\\ あ'), max_size=60))
def test_no_text_is_lost_or_fails(tmp_path: Path, text: str) -> None:
    found = read(tmp_path / "a.csv", "q,a\n" + text)
    assert [row.row for row in found] == list(range(1, len(found) + 1))
    told = "".join(
        "".join(row.values.values()) if isinstance(row, Row) else "".join(row.content.values)  # type: ignore[union-attr]
        for row in found
    )
    assert told.count("a") == text.count("a")
    assert told.count("あ") == text.count("あ")
