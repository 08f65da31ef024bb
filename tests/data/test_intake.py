"""A raw row becomes a record or is quarantined, in any process alike; what a whole file came to is judged by counts."""

import pickle
from pathlib import Path

import pytest
from data.desk import Desk, kept

from kitae.core.data_settings import SourceSettings
from kitae.core.files import read_jsonl
from kitae.core.records import Record
from kitae.data.finding import FoundFile
from kitae.data.intake import NO_SPLIT, Quarantined, check_counts, check_files, record_of
from kitae.data.readers import BadRow, Cells, Row
from kitae.errors import SourceError

FILE = FoundFile("faq.csv", Path("faq.csv"), SourceSettings(path="faq.csv", licence="CC0-1.0"))
GOOD = Row({"question": "Is it open?", "answer": "It is."}, 3)
BAD = BadRow("2 cells where the heading has 3", Cells(("a", "b", "c"), ("1", "2")), 4, line=6)


def test_a_row_becomes_a_record_with_its_shape() -> None:
    made = record_of(GOOD, FILE, "chat")
    assert isinstance(made, tuple)
    record, shape = made
    assert (record.question, record.answer, record.origin.row, shape) == ("Is it open?", "It is.", 3, "question_answer")
    assert record.terms.licence == "CC0-1.0"


@pytest.mark.parametrize("raw", [BAD, Row({"colour": "red"}, 5, "sheet")])
def test_a_row_that_cannot_be_used_says_where_and_why(raw: Row | BadRow) -> None:
    made = record_of(raw, FILE, "chat")
    assert isinstance(made, Quarantined)
    assert (made.origin.file, made.origin.row, made.origin.sheet) == ("faq.csv", raw.row, raw.sheet)
    assert made.reason
    assert made.as_dict()["line"] == made.line == raw.line


@pytest.mark.parametrize("raw", [GOOD, BAD])
def test_it_is_the_same_in_another_process(raw: Row | BadRow) -> None:
    task = pickle.loads(pickle.dumps((raw, FILE, "chat")))
    assert pickle.loads(pickle.dumps(record_of(*task))) == record_of(raw, FILE, "chat")


@pytest.mark.parametrize(
    ("read", "reasons", "says"),
    [
        (0, {}, "no rows"),
        (3, {"wrong": 2, "bad": 1}, r"no row of faq\.csv could be used. Got: wrong \(2 of 3 rows\)"),
        (100, {f"{NO_SPLIT}: 'holdout' in the column 'part'": 2, "wrong": 7}, "Got: 'holdout' in the column 'part'"),
    ],
)
def test_what_a_file_came_to_is_judged_by_counts(read: int, reasons: dict[str, int], says: str) -> None:
    with pytest.raises(SourceError, match=says):
        check_counts("faq.csv", read, reasons)


def test_documents_of_a_source_are_judged_together_and_tables_each() -> None:
    settings = SourceSettings(path="in")
    files = [FoundFile(name, Path(name), settings) for name in ("a.pdf", "b.pdf", "c.csv")]
    alone = [FoundFile("d.csv", Path("d.csv"), SourceSettings(path="d.csv"))]
    fine: dict[str, dict[str, int]] = {"a.pdf": {"scan": 1}, "b.pdf": {}, "c.csv": {}, "d.csv": {}}
    check_files(files + alone, {"a.pdf": 1, "b.pdf": 1, "c.csv": 0, "d.csv": 3}, fine)
    for wrong, name in (
        ({"b.pdf": {"scan": 1}}, "in"),
        ({"c.csv": {"no shape": 2}}, r"c\.csv"),
        ({"d.csv": {"no shape": 3}}, r"d\.csv"),
    ):
        read = {"a.pdf": 1, "b.pdf": 1, "c.csv": 2 if "c.csv" in wrong else 0, "d.csv": 3}
        with pytest.raises(SourceError, match=f"no row of {name} could be used"):
            check_files(files + alone, read, fine | wrong)


def test_a_file_with_some_use_passes() -> None:
    check_counts("faq.csv", 1, {})
    check_counts("faq.csv", 3, {"wrong": 2})
    check_counts("faq.csv", 100, {f"{NO_SPLIT}: 'tarin' in the column 'part'": 1})


def test_a_slip_in_the_column_of_splits_costs_one_row(desk: Desk) -> None:
    rows = [{"question": f"What is number {n} called?", "answer": f"It is {n}.", "part": "train"} for n in range(120)]
    rows[7]["part"] = "tarin"
    desk.rows("faq.jsonl", rows, columns={"use": "part"})
    dataset = desk.prepare(duplicates={"near": None})
    assert {record.use for record in kept(dataset)} == {"train"}
    [row] = read_jsonl(dataset.file("quarantine.jsonl"))
    assert (row["row"], row["reason"]) == (8, "names no split: 'tarin' in the column 'part'")
    assert isinstance(kept(dataset)[0], Record)
