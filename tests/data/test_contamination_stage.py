"""Benchmarks in a recipe, and files held against each other on the command line."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from data.desk import Desk, dropped, kept
from typer.testing import CliRunner

from kitae import data
from kitae.cli.main import answer, app
from kitae.core.data_settings import DataSettings
from kitae.core.files import read_json
from kitae.core.workspace import Workspace
from kitae.data import preparing
from kitae.errors import RecipeError, SourceError

EXAM = [
    ("On which floor of the old inn by the river is the large bath for guests who arrive late?", "On the third floor."),
    (
        "蔵を改装した離れの二階にある図書室は、宿泊客であれば夜の何時まで使うことができますか。",
        "午後十時まで使えます。",
    ),
    ("Who carved the wooden fish that hangs over the door of the dining room?", "A guest from Nara carved it in 1911."),
]
OTHERS = [
    ("May I bring my dog to the garden?", "You may, on a lead."),
    ("When is breakfast served on Sundays?", "From seven until ten."),
    ("駐車場はありますか。", "はい、三十台分ございます。"),
]


def row(question: str, answer: str) -> dict[str, Any]:
    return {"question": question, "answer": answer}


@pytest.fixture
def exam(desk: Desk) -> dict[str, Any]:
    """A benchmark beside the sources, as a recipe names it."""
    (desk.folder / "exam.jsonl").write_text("".join(json.dumps(row(*pair)) + "\n" for pair in EXAM), encoding="utf-8")
    return {"name": "exam", "path": "exam.jsonl"}


def test_what_holds_a_benchmark_row_goes_with_the_reason(desk: Desk, exam: Mapping[str, Any]) -> None:
    taught = [
        row(*EXAM[0]),
        row(EXAM[1][0], "存じません。"),
        row("Who made that fish?", "A guest from Nara carved it in 1911."),
    ]
    desk.rows("faq.jsonl", [*taught, *(row(*pair) for pair in OTHERS)])
    dataset = desk.prepare(contamination={"against": [exam]})
    gone = dropped(dataset)["contaminated"]
    assert [record.question for record in gone] == [EXAM[0][0], EXAM[1][0]]
    assert [record.history[-1].detail["kind"] for record in gone] == ["both", "question"]
    assert "exam.jsonl:1" in gone[0].history[-1].reason
    flagged = [record for record in kept(dataset) if any(edit.rule == "contaminated" for edit in record.history)]
    assert [record.question for record in flagged] == ["Who made that fish?"]
    report = dataset.json("report.json")
    assert report["rules_count"]["contaminated"] == 2
    assert report["read"] == report["kept"] + report["dropped"] + report["quarantined"]
    told = dataset.json("contamination.json")
    assert told["held"] == {"both": 1, "question": 1, "answer": 1}
    assert (told["records"], told["dropped"], told["flagged"]) == (6, 2, 1)
    assert told["benchmarks"] == [{"name": "exam", "rows": 3, "quarantined": 0, "found": 3}]
    assert {(pair["kind"], pair["goes"]) for pair in told["pairs"]} == {
        ("both", True),
        ("question", True),
        ("answer", False),
    }
    assert "<mark>" in dataset.file("contamination.html").read_text("utf-8")


@pytest.mark.parametrize(("drop", "count"), [([], 0), (["both"], 1), (["both", "question", "answer"], 2)])
def test_what_goes_is_a_setting(desk: Desk, exam: Mapping[str, Any], drop: list[str], count: int) -> None:
    desk.rows("faq.jsonl", [row(*EXAM[0]), row(EXAM[1][0], "存じません。"), *(row(*pair) for pair in OTHERS)])
    dataset = desk.prepare(contamination={"against": [exam], "drop": drop})
    assert len(dropped(dataset).get("contaminated", [])) == count
    assert len(kept(dataset)) == 5 - count


def test_stand_ins_for_names_hide_nothing(desk: Desk, exam: Mapping[str, Any]) -> None:
    question = (
        "Dear desk, my name is Taro Yamada, taro@example.com, and I ask whether the big bath is open on Mondays in May."
    )
    with (desk.folder / "exam.jsonl").open("a") as file:
        file.write(json.dumps(row(question, "It is.")) + "\n")
    desk.rows("faq.jsonl", [row(question, "It is."), *(row(*pair) for pair in OTHERS)])
    dataset = desk.prepare(contamination={"against": [exam]}, privacy={"mode": "replace"})
    (gone,) = dropped(dataset)["contaminated"]
    assert "Taro" not in gone.question
    text = "".join(path.read_text("utf-8") for path in dataset.folder.iterdir())
    assert "taro@example.com" not in text


def test_drawn_test_rows_and_held_out_sets_stay(desk: Desk, exam: Mapping[str, Any]) -> None:
    desk.rows("test.jsonl", [row(*EXAM[0])], use="test")
    desk.rows("faq.jsonl", [row(*EXAM[1]), *(row(*pair) for pair in OTHERS)])
    dataset = desk.prepare(contamination={"against": [exam]})
    assert [record.question for record in dropped(dataset)["contaminated"]] == [EXAM[1][0]]
    assert dataset.json("contamination.json")["records"] == 4
    held_out = desk.prepare(contamination={"against": [exam]}, held_out=True)
    assert len(kept(held_out)) == 5
    assert not held_out.file("contamination.json").exists()


def test_a_changed_benchmark_makes_another_dataset(desk: Desk, exam: Mapping[str, Any]) -> None:
    desk.rows("faq.jsonl", [row(*EXAM[0]), *(row(*pair) for pair in OTHERS)])
    first = desk.prepare(contamination={"against": [exam]})
    assert desk.prepare(contamination={"against": [exam]}) == first
    (desk.folder / "exam.jsonl").write_text(json.dumps(row(*EXAM[2])) + "\n", encoding="utf-8")
    second = desk.prepare(contamination={"against": [exam]})
    assert (len(kept(first)), len(kept(second))) == (3, 4)
    assert dict(first.parents)["benchmark exam"] != dict(second.parents)["benchmark exam"]


def test_bad_benchmarks_are_refused(desk: Desk, exam: Mapping[str, Any]) -> None:
    desk.rows("faq.jsonl", [row(*pair) for pair in OTHERS])
    with pytest.raises(RecipeError, match="name of its own"):
        desk.prepare(contamination={"against": [exam, exam]})
    twice = DataSettings.model_validate({"sources": desk.sources, "contamination": {"against": [exam, exam]}})
    with pytest.raises(RecipeError, match="name of its own"):
        data.check(twice)
    with pytest.raises(SourceError, match=r"none\.jsonl"):
        desk.prepare(contamination={"against": [{"name": "gone", "path": "none.jsonl"}]})


def test_workers_in_other_processes_find_the_same(
    desk: Desk, exam: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "SHARD_ROWS", 1)
    desk.rows("faq.jsonl", [row(*EXAM[0]), *(row(*pair) for pair in OTHERS), row(*EXAM[1]), row(*EXAM[2])])
    one = desk.prepare(contamination={"against": [exam]}, executor={"workers": 1})
    desk.workspace = Workspace(tmp_path / "other")
    two = desk.prepare(contamination={"against": [exam]}, executor={"workers": 2})
    assert one.digest == two.digest
    assert len(dropped(two)["contaminated"]) == 3


HOSTILE = '<script>alert(1)</script> "&amp; \\u202e {{x}} ' + EXAM[0][0]


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """A training file and a benchmark, with hostile text and private data in what is the same."""
    train, exam = tmp_path / "train.csv", tmp_path / "exam.jsonl"
    private = "Call me on 090-1234-5678 about the large bath on the third floor of the old inn by the river, please."
    rows = [*EXAM, (HOSTILE, "no"), (private, "yes")]
    lines = [json.dumps({"question": f"{q} Thank you.", "answer": a}) for q, a in rows]
    train.with_suffix(".jsonl").write_text("\n".join(lines), encoding="utf-8")
    exam.write_text("\n".join(json.dumps(row(*pair)) for pair in rows), encoding="utf-8")
    return str(train.with_suffix(".jsonl")), str(exam)


def test_the_command_shows_pairs(files: tuple[str, str], tmp_path: Path) -> None:
    train, exam = files
    page = tmp_path / "pairs" / "page.html"
    arguments = ["data", "contamination", "--train", train, "--against", exam]
    result = CliRunner().invoke(app, [*arguments, "--html", str(page)])
    assert result.exit_code == 0, result.output
    assert "5 of 5 records hold 5 rows of exam" in result.output
    assert "090-1234-5678" not in result.output
    html = page.read_text("utf-8")
    assert len(re.findall("<script", html)) == 1
    assert "1234" not in html
    assert "http" not in html
    report = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).output)
    assert len(report["found"]) == 5
    assert [found["kind"] for found in report["found"]] == ["both"] * 5
    assert "1234" not in json.dumps(report)


def test_the_command_tells_what_it_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0binary")
    (tmp_path / "b.jsonl").write_text('{"question": "Is it?", "answer": "It is."}\n{broken\n', encoding="utf-8")
    assert (
        answer(["data", "contamination", "--train", str(tmp_path / "a.csv"), "--against", str(tmp_path / "b.jsonl")])
        == 2
    )
    assert answer(["data", "contamination", "--train", str(tmp_path / "b.jsonl"), "--against", "nowhere.csv"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    report = data.compare([tmp_path / "b.jsonl"], [tmp_path / "b.jsonl"])
    assert report["train"] == [{"name": "b.jsonl", "rows": 2, "quarantined": 1}]
    assert report["held"]["both"] == 1


def test_two_files_of_one_name(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "exam.jsonl").write_text(json.dumps(row(*EXAM[0])), encoding="utf-8")
    both = [tmp_path / folder / "exam.jsonl" for folder in ("one", "two")]
    report = data.compare(both[:1], both)
    assert [benchmark["found"] for benchmark in report["benchmarks"]] == [1, 1]


def test_a_report_is_written_once_and_read_again(desk: Desk, exam: Mapping[str, Any]) -> None:
    desk.rows("faq.jsonl", [row(*pair) for pair in OTHERS])
    dataset = desk.prepare(contamination={"against": [exam]})
    told = read_json(dataset.file("contamination.json"))
    assert told["pairs"] == []
    assert "Nothing was found" in dataset.file("contamination.html").read_text("utf-8")
