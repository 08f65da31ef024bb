"""Any of the formats, encodings and shapes comes in; a bad line goes to quarantine and never fails a file."""

import csv
import errno
import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data.desk import Desk, dropped, kept
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from kitae.core.files import read_jsonl
from kitae.data.encodings import binary_kind, detect_encoding, opening
from kitae.data.readers import BadRow, Row, read_rows
from kitae.data.shapes import UnreadableRow, read_shape
from kitae.errors import NothingToLearn, SourceError, UnknownName

JAPANESE = "問い合わせ内容,回答\n駐車場はありますか？,はい、30台分ございます。\nﾈｯﾄは使えますか,全室で使えます。\n"
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp932", "euc_jp"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings_are_detected(desk: Desk, encoding: str) -> None:
    desk.write("faq.csv", JAPANESE.encode(encoding))
    records = kept(desk.prepare())
    assert [r.question for r in records] == ["駐車場はありますか？", "ネットは使えますか"]
    assert records[0].answer == "はい、30台分ございます。"


def test_western_text_is_not_taken_for_japanese(tmp_path: Path) -> None:
    path = tmp_path / "menu.csv"
    path.write_bytes("question,answer\nIs the café open?,Oui – jusqu’à minuit, señor.\n".encode("cp1252"))
    assert detect_encoding(opening(path)) == "cp1252"


def test_one_bad_byte_costs_one_row(desk: Desk) -> None:
    lines = [f"質問その{i}はなんですか,答えは{i}です。\n".encode() for i in range(9)]
    lines[4] = lines[4][:3] + b"\xff\xfe" + lines[4][5:]
    desk.write("faq.csv", "質問,回答\n".encode() + b"".join(lines))
    dataset = desk.prepare()
    [row] = read_jsonl(dataset.file("quarantine.jsonl"))
    assert (row["file"], row["row"]) == ("faq.csv", 5)
    assert "encoding" in row["reason"]
    assert len(kept(dataset)) == 8


@pytest.mark.parametrize(
    ("row", "shape"),
    [
        ({"messages": [{"role": "user", "content": "Q?"}, {"role": "assistant", "content": "A."}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "Q?"}]},
                       {"role": "assistant", "content": "A."}]}, "messages"),
        ({"conversations": [{"from": "human", "value": "Q?"}, {"from": "gpt", "value": "A."}]}, "sharegpt"),
        ({"instruction": "Q?", "input": "", "output": "A."}, "alpaca"),
        ({"prompt": "Q?", "completion": "A."}, "prompt_completion"),
        ({"Question": "Q?", "Answer": "A."}, "question_answer"),
        ({"質問": "Q?", "回答": "A."}, "question_answer"),
        ({"お問い合わせ内容": "Q?", "回答": "A."}, "question_answer"),
        ({"text": "Q?", "category": "A."}, "text_label"),
    ],
)  # fmt: skip
def test_shapes_are_recognised(row: dict[str, Any], shape: str) -> None:
    shaped = read_shape(row)
    assert shaped.shape == shape
    assert [(m.role, m.content) for m in shaped.messages] == [("user", "Q?"), ("assistant", "A.")]


def test_columns_reach_into_nested_values() -> None:
    row = {"docid": {"id": "7"}, "meta": {"topic": "風呂", "area": "島根"}, "purpose": "dev",
           "utterances": [{"name": "user", "text": "温泉は？"}]}  # fmt: skip
    columns = {"text": "utterances.0.text", "label": "meta.topic", "use": "purpose"}
    shaped = read_shape(row, columns=columns)
    assert [m.content for m in shaped.messages] == ["温泉は？", "風呂"]
    assert shaped.named["use"] == "dev"
    assert shaped.meta == {"docid": {"id": "7"}, "meta": {"area": "島根"}}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"messages": []}, "empty"),
        ({"messages": [{"role": "user"}, {"content": "x"}]}, "no 'role'"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "wizard"),
        ({"colour": "red"}, "no known shape"),
        ({"id": 4, "question": None, "answer": None}, "nothing stands in question and answer"),
        ({"messages": None}, "nothing stands in messages"),
        ({"id": 4, "text": None}, "nothing stands in text"),
        ({"question": {"a": 1}, "answer": "A."}, "dict"),
    ],
)
def test_a_row_without_shape_says_why(row: dict[str, Any], says: str) -> None:
    with pytest.raises(UnreadableRow, match=says):
        read_shape(row)


def test_two_shapes_in_one_file_and_bad_lines(desk: Desk) -> None:
    good = [
        {
            "messages": [
                {"role": "user", "content": "Where is the bath?"},
                {"role": "assistant", "content": "Upstairs."},
            ]
        },
        {"conversations": [{"from": "human", "value": "朝食は何時ですか"}, {"from": "gpt", "value": "7時からです。"}]},
    ]
    lines = [json.dumps(row, ensure_ascii=False) for row in good]
    half = '[{"role": "user", "content": "\\ud800"}]'
    bad = ['{"messages": [', "[1, 2]", '"text"', '{"x": "\\ud800"}', half, "[" * 100_000, '{"a": ' + "9" * 5000 + "}"]
    desk.write("logs.jsonl", "\n".join([lines[0], *bad, "", lines[1]]))
    dataset = desk.prepare()
    assert [r.origin.row for r in kept(dataset)] == [1, 10]
    assert [row["row"] for row in read_jsonl(dataset.file("quarantine.jsonl"))] == [2, 3, 4, 5, 6, 7, 8]
    assert dataset.json("report.json")["files"][0]["shapes"] == {"messages": 1, "sharegpt": 1}


def test_a_zero_byte_costs_one_row(desk: Desk) -> None:
    lines = ['{"question": "Is it open today?", "answer": "Yes."}', '{"question": "\0", "answer": "No."}']
    desk.write("logs.jsonl", "\n".join(lines))
    dataset = desk.prepare()
    assert [row["row"] for row in read_jsonl(dataset.file("quarantine.jsonl"))] == [2]


def test_a_quote_left_open_costs_one_row(desk: Desk) -> None:
    rows = [f'"Question {i}, is it?","Answer {i}."' for i in range(600)]
    rows[3] = '"Question 3, is it?,Answer 3.'
    rows[5] = '"Question 5,\nover two lines?","Answer ""5""."'
    desk.write("faq.csv", "question,answer\n" + "\n".join(rows) + "\n")
    read = list(read_rows(desk.folder / "faq.csv", "utf-8"))
    assert [r.row for r in read if isinstance(r, BadRow)] == [4]
    good = [r.values for r in read if isinstance(r, Row)]
    assert len(good) == 599
    assert {"question": "Question 5,\nover two lines?", "answer": 'Answer "5".'} in good


def test_an_inch_mark_is_no_quote(desk: Desk) -> None:
    desk.write("faq.csv", 'question,answer\nIs the TV 32" wide?,Yes.\nIs there a 5" one?,No.\nAnything else?,No.\n')
    assert len([r for r in read_rows(desk.folder / "faq.csv", "utf-8") if isinstance(r, Row)]) == 3


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_and_ragged_rows(desk: Desk, delimiter: str) -> None:
    lines = [["question", "answer"], ["Why not?", "Because."], ["Who?"], ["What?", "This.", "extra"], ["When?", "Now."]]
    desk.write("faq.csv", "\n".join(delimiter.join(line) for line in lines))
    dataset = desk.prepare(duplicates={"near": None})
    assert [r.question for r in kept(dataset)] == ["Why not?", "When?"]
    assert [row["row"] for row in read_jsonl(dataset.file("quarantine.jsonl"))] == [2, 3]


def test_every_sheet_of_a_workbook(desk: Desk) -> None:
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.title = "日本語"
    for row in (["質問", "回答", "料金"], ["風呂は何時まで？", "24時までです。", 1200.0], [None, None, None]):
        first.append(row)
    second = book.create_sheet("English")
    for row in ([], ["Question", "Answer"], ["Until when is the bath open?", "Until midnight."]):
        second.append(row)
    book.save(desk.folder / "faq.xlsx")
    desk.sources.append({"path": "faq.xlsx", "licence": "CC0-1.0"})
    records = kept(desk.prepare())
    assert [(r.origin.sheet, r.origin.row, r.language) for r in records] == [("日本語", 1, "ja"), ("English", 1, "en")]
    assert records[0].meta == {"料金": "1200"}


def test_json_lists_wrapped_lists_and_broken_ones(desk: Desk) -> None:
    rows = [{"question": f"Why is it {word}?", "answer": "It just is."} for word in ("red", "blue", "warm")]
    for name, text in {
        "list.json": json.dumps(rows),
        "wrapped.json": json.dumps({"version": 1, "data": rows}),
        "broken.json": json.dumps(rows)[:-20],
        "lines.json": "\n".join(json.dumps(row) for row in rows),
    }.items():
        (desk.folder / name).write_text(text, "utf-8")
    read = {name: list(read_rows(desk.folder / name, "utf-8")) for name in
            ("list.json", "wrapped.json", "broken.json", "lines.json")}  # fmt: skip
    assert [r.values for r in read["list.json"] if isinstance(r, Row)] == rows
    assert [r.values for r in read["wrapped.json"] if isinstance(r, Row)] == rows
    assert [r.values for r in read["lines.json"] if isinstance(r, Row)] == rows
    assert [type(r) for r in read["broken.json"]] == [Row, Row, BadRow]


CELL = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), include_characters="\n\r\t\x1f\x85"), max_size=30
)


def book_of(rows: list[tuple[str, str]]) -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append([ILLEGAL_CHARACTERS_RE.sub("", cell) for cell in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def delimited(rows: list[tuple[str, str]], delimiter: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def archive_of(**members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return out.getvalue()


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=12),
    junk=st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20), max_size=4),
)
def test_read_is_kept_plus_dropped_plus_quarantined(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], junk: list[str]
) -> None:
    desk = Desk(tmp_path_factory.mktemp("desk"))
    asked = [("Is it open?", "Yes, it is."), *rows]
    listed = [{"question": q, "answer": a} for q, a in asked]
    noise = [line.replace("\n", " ").replace("\r", " ") for line in junk]
    lines = "\n".join([*map(json.dumps, listed), *noise])
    headed = [("question", "answer"), *asked]
    desk.write("logs.jsonl", lines)
    desk.write("table.csv", delimited(headed, ","))
    desk.write("table.tsv", delimited(headed, "\t"))
    desk.write("list.json", json.dumps([*listed, *noise]))
    desk.write("book.xlsx", book_of([headed[0], *(("Q " + q, "A " + a) for q, a in asked)]))  # "=" begins a formula
    desk.write("columns.parquet", parquet(listed))
    desk.write("all.zip", archive_of(a_jsonl=lines, b_csv=delimited(headed, ",")))
    dataset = desk.prepare(executor={"workers": 1})
    report = dataset.json("report.json")
    assert report["kept"] == len(kept(dataset)) >= 1
    assert report["dropped"] == sum(len(records) for records in dropped(dataset).values())
    assert report["quarantined"] == len(list(read_jsonl(dataset.file("quarantine.jsonl"))))
    assert report["read"] == report["kept"] + report["dropped"] + report["quarantined"]
    read = {file["name"]: file["read"] for file in report["files"]}
    written = sum(1 for line in lines.split("\n") if line.strip())
    assert read["logs.jsonl"] == written
    assert read["table.csv"] == read["table.tsv"]
    assert read["list.json"] == len(listed) + len(noise)
    assert read["book.xlsx"] == read["columns.parquet"] == len(listed)
    assert read["all.zip"] == written + read["table.csv"]


def parquet(rows: list[dict[str, str]]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("faq.csv", b"", "empty"),
        ("faq.csv", b"\xef\xbb\xbf \r\n\n", "empty"),
        ("faq.csv", b"question,answer\n", "no rows"),
        ("faq.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "PNG"),
        ("faq.csv", b"question,answer\n\x00\x01\x02\x00\x03", "binary"),
        ("faq.xlsx", b"question,answer\nq,a\n", "workbook"),
        ("faq.xlsx", b"PK\x03\x04broken", "workbook"),
        ("faq.csv", book_of([("question", "answer")]), "not text: it looks like"),
        ("faq.csv", parquet([{"question": "Is it open?", "answer": "It is."}]), "not text: it looks like"),
        ("faq.parquet", parquet([{"question": "Is it open?", "answer": "It is."}])[:-9], "Parquet"),
        ("faq.zip", archive_of(faq_csv="question,answer\nIs it open?,It is.\n")[:-30], "archive"),
        ("faq.csv.gz", gzip.compress(b"question,answer\nIs it open?,It is.\n", mtime=0)[:14], "damaged"),
        ("faq.jsonl.zst", b"\x28\xb5\x2f\xfd", "damaged"),
        ("faq.docx", b"PK\x03\x04", "no reader"),
        ("faq.csv", b"colour,size\nred,4\n", "no row of faq.csv"),
        ("faq.jsonl", b"not json\nneither\n", "no row of faq.jsonl"),
    ],
)
def test_a_file_that_cannot_be_used_says_so(desk: Desk, name: str, content: bytes, says: str) -> None:
    desk.write(name, content)
    with pytest.raises(SourceError, match=says) as caught:
        desk.prepare()
    assert caught.value.exit_code == 2
    assert caught.value.hint
    assert list((desk.workspace.home / "artifacts").glob("dataset/*/manifest.json")) == []


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    ("member", "damage", "cause"),
    [
        ("xl/worksheets/sheet1.xml", cut, "ParseError"),
        ("xl/workbook.xml", cut, "ParseError|XMLSyntaxError"),
        ("xl/workbook.xml", lambda content: content.replace(b"<workbookView ", b"<workbookView odd='1' "), "TypeError"),
        ("xl/workbook.xml", lambda content: content.replace(b"<sheets>", b"<sheats>"), "ParseError|XMLSyntaxError"),
        ("xl/_rels/workbook.xml.rels", None, "KeyError"),
    ],
)
def test_a_workbook_with_a_damaged_member_says_so(
    desk: Desk, member: str, damage: Callable[[bytes], bytes] | None, cause: str
) -> None:
    good, out = zipfile.ZipFile(io.BytesIO(workbook())), io.BytesIO()
    with zipfile.ZipFile(out, "w") as bad:
        for name in good.namelist():
            if name != member:
                bad.writestr(name, good.read(name))
            elif damage is not None:
                bad.writestr(name, damage(good.read(name)))
    desk.write("faq.xlsx", out.getvalue())
    with pytest.raises(SourceError, match=r"faq\.xlsx is not a readable workbook.*save it again") as caught:
        desk.prepare()
    assert re.fullmatch(cause, type(caught.value.__cause__).__name__)


@pytest.mark.parametrize(("at", "value", "cause"), [("data", 255, "error"), ("method", 99, "NotImplementedError")])
def test_a_workbook_with_damaged_bytes_says_so(desk: Desk, at: str, value: int, cause: str) -> None:
    content = bytearray(workbook())
    sheet = zipfile.ZipFile(io.BytesIO(content)).getinfo("xl/worksheets/sheet1.xml")
    in_directory = content.rindex(b"PK\x01\x02", 0, content.rindex(sheet.filename.encode()))
    # A local header has 30 bytes before the name; a directory entry states the method at its byte 10.
    place = {"data": sheet.header_offset + 30 + len(sheet.filename), "method": in_directory + 10}[at]
    content[place] = value
    desk.write("faq.xlsx", bytes(content))
    with pytest.raises(SourceError, match=r"faq\.xlsx is not a readable workbook.*save it again") as caught:
        desk.prepare()
    assert type(caught.value.__cause__).__name__ == cause


def workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["question", "answer"], *([f"Is it number {n} here?", f"It is {n * n}."] for n in range(80))):
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_file_that_may_not_be_read_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("secret.csv", "question,answer\nWhy is that so?,Because it is.\n")
    opened = Path.open

    def refuse(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path.name == "secret.csv":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)  # the tests may run as root, who may read everything
    with pytest.raises(SourceError, match=r"secret\.csv cannot be read. Got: Permission denied") as caught:
        desk.prepare()
    assert caught.value.exit_code == 2
    assert "chmod" in caught.value.hint


def test_a_json_file_with_bad_bytes_costs_one_row(desk: Desk) -> None:
    rows = b'[{"question": "Is it open?", "answer": "It is."}, {"question": "Is \xff it?", "answer": "No, it is not."}]'
    desk.write("faq.json", rows, encoding="utf-8")
    dataset = desk.prepare()
    assert [record.question for record in kept(dataset)] == ["Is it open?"]
    [row] = read_jsonl(dataset.file("quarantine.jsonl"))
    assert row["row"] == 2


def test_a_missing_file_names_its_neighbours(desk: Desk) -> None:
    desk.write("tickets.csv", "question,answer\nq,a\n")
    desk.sources[0]["path"] = "ticket.csv"
    with pytest.raises(SourceError, match=r"tickets\.csv"):
        desk.prepare()


def test_a_glob_without_a_match_and_a_folder(desk: Desk) -> None:
    desk.sources.append({"path": "*.csv"})
    with pytest.raises(SourceError, match="no file matches"):
        desk.prepare()
    desk.sources[0]["path"] = "."
    with pytest.raises(SourceError, match="holds no file"):
        desk.prepare()


def test_globs_are_sorted_and_names_tell_files_apart(desk: Desk) -> None:
    for folder, word in (("b", "bath"), ("a", "room")):
        desk.write(f"{folder}/faq.csv", f"question,answer\nWhere is the {word} please?,Over there.\n")
    desk.sources = [{"path": "*/faq.csv", "licence": "CC0-1.0"}]
    assert [r.origin.file for r in kept(desk.prepare())] == ["a/faq.csv", "b/faq.csv"]


@pytest.mark.parametrize("again", ["faq.csv", "*.csv", "below/../faq.csv", "link.csv"])
def test_a_file_listed_twice_is_refused_with_both_places(desk: Desk, again: str) -> None:
    desk.write("faq.csv", JAPANESE)
    (desk.folder / "below").mkdir()
    if again == "link.csv":
        (desk.folder / "link.csv").symlink_to("faq.csv")
    desk.sources.append({"path": again, "licence": "CC0-1.0"})
    with pytest.raises(SourceError, match="listed twice") as raised:
        desk.prepare()
    assert "sources.0 (faq.csv)" in str(raised.value)
    assert f"sources.1 ({again})" in str(raised.value)


def test_no_answer_at_all_is_nothing_to_learn(desk: Desk) -> None:
    desk.rows("logs.jsonl", [{"messages": [{"role": "user", "content": "Hello there?"}]}] * 3)
    with pytest.raises(NothingToLearn, match="has an answer") as caught:
        desk.prepare()
    assert "columns" in caught.value.hint


def test_unknown_rules_kinds_and_encodings(desk: Desk) -> None:
    desk.write("faq.csv", "question,answer\nWhy is that so?,Because it is.\n")
    with pytest.raises(UnknownName, match="truncated_answer"):
        desk.prepare(clean={"truncated_answr": False})
    with pytest.raises(UnknownName, match="email"):
        desk.prepare(privacy={"kinds": ["emial"]})
    desk.sources[0]["columns"] = {"anser": "answer"}
    with pytest.raises(UnknownName, match="Did you mean 'answer'"):
        desk.prepare()
    desk.sources[0]["columns"] = {}
    desk.sources[0]["encoding"] = "shift-gis"
    with pytest.raises(SourceError, match="unknown encoding"):
        desk.prepare()


def test_artifacts_name_no_folder_of_this_machine(desk: Desk, tmp_path: Path) -> None:
    desk.write("faq.csv", "question,answer\nWhy is that so?,Because it is.\n")
    desk.sources[0]["path"] = str(tmp_path / "faq.csv")
    dataset = desk.prepare()
    for folder in (desk.workspace.home / "artifacts").glob("*/*"):
        for file in folder.iterdir():
            assert str(tmp_path) not in file.read_text("utf-8"), file
    assert [r.origin.file for r in kept(dataset)] == ["faq.csv"]


def test_binary_kind_lets_utf16_through(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("question,answer\nq,a\n".encode("utf-16"))
    assert binary_kind(opening(path)) is None
