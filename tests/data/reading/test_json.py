"""JSON comes in piece by piece: whatever its form, wrong items cost themselves and nothing is lost."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kitae.core.data_settings import ReadSettings
from kitae.data.readers import BadRow, Row, read_rows
from kitae.data.reading import window

VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
ROW = st.dictionaries(st.text(max_size=6), VALUE, max_size=4)
FORMS: dict[str, Callable[[list[Any]], str]] = {
    "compact": json.dumps,
    "plain characters": lambda rows: json.dumps(rows, ensure_ascii=False),
    "indented": lambda rows: json.dumps(rows, indent=2),
    "one a line": lambda rows: "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]",
    "wrapped": lambda rows: json.dumps({"version": 1, "count": [1], "data": rows, "more": {"a": []}}),
    "two lists": lambda rows: json.dumps(rows[:1]) + "\n" + json.dumps(rows[1:]),
    "lines": lambda rows: "\n".join(json.dumps(row) for row in rows),
}


def read(path: Path, text: str, how: ReadSettings | None = None) -> list[Row | BadRow]:
    path.write_text(text, "utf-8", newline="")
    return list(read_rows(path, "utf-8", how))


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, min_size=2, max_size=5), block=st.sampled_from([1, 7, 1 << 20]))
def test_every_form_gives_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, rows: list[dict[str, Any]], block: int
) -> None:
    monkeypatch.setattr(window, "BLOCK", block)
    found = read(tmp_path / "a.json", FORMS[form](rows))
    halves = json.dumps(rows, ensure_ascii=False)
    if not any("\ud800" <= c <= "\udfff" for c in halves):
        assert [row.values for row in found if isinstance(row, Row)] == rows
    assert len(found) == len(rows)
    assert [row.row for row in found] == list(range(1, len(rows) + 1))


WRONG = ['{"n": 7, "q": tru}', '{"n": 7 "q": 1}', '{"n": 7, "q": "a\n b"}', "nonsense", '"text"', "17"]


@pytest.mark.parametrize(
    ("form", "damage"),
    [(form, wrong) for form in ("compact", "indented", "one a line", "lines") for wrong in WRONG
     if form != "lines" or "\n" not in wrong],
)  # fmt: skip
def test_a_wrong_item_costs_itself(tmp_path: Path, form: str, damage: str) -> None:
    rows = [{"n": number, "q": f"Question {number}?", "deep": {"list": [{"a": 1}]}} for number in range(20)]
    mark = json.dumps(rows[7], indent=2 if form == "indented" else None)
    text = FORMS[form](rows).replace(mark.replace("\n", "\n  "), damage)
    found = read(tmp_path / "a.json", text)
    good = [row.values["n"] for row in found if isinstance(row, Row) and "n" in row.values]
    assert good == [n for n in range(20) if n != 7]
    bad = [row for row in found if isinstance(row, BadRow)]
    assert len(bad) >= 1
    assert bad[0].row == 8


def test_lines_are_counted(tmp_path: Path) -> None:
    text = '[\n {"a": 1},\n\n {"a": wrong},\n {"a":\n 3}\n]'
    assert [(row.row, row.line, type(row)) for row in read(tmp_path / "a.json", text)] == [
        (1, 2, Row), (2, 4, BadRow), (3, 5, Row),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ['[{"a": 1}, {"a": 2}', '[{"a": 1}, {"a": 2},', '[{"a": 1}, {"a": 2}, {"a": '])
def test_a_list_that_breaks_off_says_so(tmp_path: Path, text: str) -> None:
    found = read(tmp_path / "a.json", text)
    assert [type(row) for row in found] == [Row, Row, BadRow]
    assert "breaks off" in found[-1].reason  # type: ignore[union-attr]


def test_text_behind_the_list_is_not_lost_silently(tmp_path: Path) -> None:
    assert [type(row) for row in read(tmp_path / "a.json", '[{"a": 1}] and more')] == [Row, BadRow]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('{"instruction": "Q", "instances": [{"role": "user"}]}', 1),
        ('{"messages": [{"role": "user", "content": "Q"}]}', 1),
        ('{"a": [{"x": 1}], "b": [{"x": 2}]}', 1),
        ('{"a": [{"x": 1}], "b": [1, 2]}', 1),
        ('{"a": []}', 1),
        ('{\n "a": 1\n}\n{\n "a": 2\n}\n{\n "a": 3\n}\n', 3),
        ('[{"role": "user", "content": "Q"}]\n[{"role": "user", "content": "R"}]\n', 2),
    ],
)
def test_what_is_one_row_stays_one(tmp_path: Path, text: str, rows: int) -> None:
    found = read(tmp_path / "a.json", text)
    assert [type(row) for row in found] == [Row] * rows


def test_a_name_given_twice_hides_nothing(tmp_path: Path) -> None:
    [row] = read(tmp_path / "a.jsonl", '{"a": 1, "a": 2, "a.2": 3, "a": 4}\n')
    assert isinstance(row, Row)
    assert sorted(row.values.values()) == [1, 2, 3, 4]
    assert row.values["a"] == 1


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_what_is_nested_too_deeply_costs_itself(tmp_path: Path, name: str) -> None:
    deep = "[" * 150 + "]" * 150
    wide = json.dumps([[n] for n in range(150)])
    text = "".join(f'{{"n": {n}, "v": {value}}}\n' for n, value in enumerate([wide, deep, "[" * 90_000, wide]))
    assert [type(row) for row in read(tmp_path / name, text)] == [Row, BadRow, BadRow, Row]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "list.json"])
def test_what_is_too_long_costs_itself(tmp_path: Path, name: str) -> None:
    rows = [json.dumps({"n": n, "text": "x" * (5_000 if n == 3 else 5)}) for n in range(6)]
    text = "[" + ", ".join(rows) + "]" if name == "list.json" else "\n".join(rows)
    found = read(tmp_path / name, text, ReadSettings(longest_row_mb=0.002))
    assert [row.values["n"] for row in found if isinstance(row, Row)] == [0, 1, 2, 4, 5]
    [bad] = [row for row in found if isinstance(row, BadRow)]
    assert "longest_row_mb" in bad.reason
    assert len(bad.content) <= 4_000


def test_a_key_that_comes_late_is_kept(tmp_path: Path) -> None:
    rows = [{"q": f"Q{n}"} | ({"late": "here"} if n == 50_000 else {}) for n in range(50_002)]
    for name, text in (("a.jsonl", "\n".join(map(json.dumps, rows))), ("a.json", json.dumps(rows))):
        found = read(tmp_path / name, text)
        assert isinstance(found[50_000], Row)
        assert found[50_000].values == {"q": "Q50000", "late": "here"}


@pytest.mark.parametrize("figure", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
@pytest.mark.parametrize("form", ["[%s]", '{"rows": [%s]}', "%s"], ids=["list", "wrapped", "lines"])
def test_figures_that_json_cannot_hold_become_null(tmp_path: Path, form: str, figure: str) -> None:
    row = '{"question": "Is there a bath?", "score": %s, "share": 0.5}' % figure  # noqa: UP031
    name = "a.jsonl" if form == "%s" else "a.json"
    [read_row] = read(tmp_path / name, form % row)
    assert isinstance(read_row, Row)
    assert read_row.values == {"question": "Is there a bath?", "score": None, "share": 0.5}
