"""Suspicious labels and answers are found, decided on a sheet, and the decisions are kept in the records' history."""

import csv
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from data.desk import Desk, dropped, kept
from hypothesis import given, settings
from hypothesis import strategies as st

from kitae import data
from kitae.core.recipe import load_recipe
from kitae.core.records import Message, Origin, Record
from kitae.core.workspace import Workspace
from kitae.data.readers import read_rows
from kitae.data.review import Suspect, find_suspects, read_decisions, write_sheet
from kitae.data.review.suspects import LEAST_ROWS
from kitae.errors import InputError, SourceError

INN = Path(data.__file__).parent / "inn"
SWAPPED = 0.04


def one(row: int, question: str, answer: str, *, label: str = "", language: str = "en") -> Record:
    turns = (Message("user", question), Message("assistant", answer))
    return Record(f"{row:016x}", turns, Origin("f.jsonl", row), language=language, label=label)


@pytest.fixture(scope="module")
def inn(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """The clean questions of the embedded desk, with their intents as labels."""
    canonical = json.loads((INN / "canonical.json").read_text("utf-8"))
    intents = {answers[language]: name for name, answers in canonical.items() for language in ("ja", "en")}
    recipe = load_recipe(INN / "recipe.yaml")
    out = Workspace(tmp_path_factory.mktemp("inn"))
    found = data.find(recipe.data.sources, folder=INN, out=out)
    records = kept(data.prepare(found, settings=recipe.data, task="chat", folder=INN, out=out))
    plain = [record for record in records if record.answer in intents]
    return [replace(record, label=intents[record.answer]) for record in plain]


def with_faults(records: list[Record], field: str, seed: int = 3) -> tuple[list[Record], set[str]]:
    """The records with some labels or answers exchanged for others of the same language, and the ids of those."""
    chance = random.Random(seed)
    out, wrong = list(records), set()
    for place in chance.sample(range(len(records)), round(SWAPPED * len(records))):
        record = records[place]
        other = chance.choice([r for r in records if r.language == record.language and r.label != record.label])
        wrong.add(record.id)
        if field == "label":
            out[place] = replace(record, label=other.label)
        else:
            out[place] = replace(record, messages=(*record.prompt, Message("assistant", other.answer)))
    return out, wrong


@pytest.mark.parametrize("field", ["label", "answer"])
def test_exchanged_labels_and_answers_are_found(inn: list[Record], field: str) -> None:
    records, wrong = with_faults(inn, field)
    if field == "answer":
        records = [replace(record, label="") for record in records]
    findings = find_suspects(records, task="classify" if field == "label" else "chat", seed=7)
    found = {suspect.record.id for suspect in findings.suspects if suspect.kind == field}
    assert len(found & wrong) >= 0.85 * len(wrong)
    assert len(found & wrong) >= 0.8 * len(found)
    if field == "label":
        right = {record.id: record.label for record in inn}
        suggested = {suspect.record.id: suspect.suggestion for suspect in findings.suspects}
        assert sum(suggested.get(id_) == right[id_] for id_ in wrong) >= 0.8 * len(wrong)


def test_clean_data_raise_few_suspicions(inn: list[Record]) -> None:
    findings = find_suspects(inn[::2], task="classify", seed=7)
    assert findings.looked_at == len(inn[::2])
    assert len(findings.suspects) <= 0.02 * len(inn)


def test_the_order_of_the_records_does_not_matter(inn: list[Record]) -> None:
    some = with_faults(inn[::8], "label")[0]
    findings = find_suspects(some, task="classify", seed=7)
    assert findings.suspects
    assert find_suspects(some[::-1], task="classify", seed=7) == findings


def exchanged(pairs: list[tuple[str, str]], share: float) -> tuple[list[Record], set[str]]:
    """Records of pairs of which some answers were exchanged, and the ids of those."""
    chance = random.Random(3)
    places = chance.sample(range(len(pairs)), round(share * len(pairs)))
    answers = [answer for _, answer in pairs]
    for place, other in zip(places, [*places[1:], places[0]], strict=True):
        answers[place] = pairs[other][1]
    records = [one(n, question, answer) for n, ((question, _), answer) in enumerate(zip(pairs, answers, strict=True))]
    return records, {records[place].id for place in places}


def test_exchanged_answers_that_never_recur_are_found(shared_data: Path) -> None:
    lines = (shared_data / "gsm8k" / "test.jsonl").read_text("utf-8").splitlines()
    pairs = [(row["question"], row["answer"]) for row in map(json.loads, lines[:600])]
    records, wrong = exchanged(pairs, SWAPPED)
    findings = find_suspects(records, task="chat", seed=7)
    found = {suspect.record.id for suspect in findings.suspects}
    assert len(found & wrong) >= 0.75 * len(wrong)
    assert len(found & wrong) >= 0.5 * len(found)


def test_answers_that_questions_do_not_tell_are_left_alone() -> None:
    chance = random.Random(1)
    words = [f"w{n}x{n * 7 % 13}" for n in range(60)]
    records = [
        one(n, " ".join(chance.sample(words, 4)), " ".join(chance.sample(words, 4))) for n in range(10 * LEAST_ROWS)
    ]
    findings = find_suspects(records, task="chat", seed=7)
    assert findings.suspects == ()
    assert any("does not tell" in note for note in findings.notes)


@pytest.mark.parametrize("count", [0, 1, 2, 19])
def test_too_few_records_are_not_judged(count: int) -> None:
    records = [one(n, f"Where is it, number {n}?", "Over there.", label=str(n % 2)) for n in range(count)]
    findings = find_suspects(records, task="chat", seed=7)
    assert findings.suspects == ()
    assert bool(findings.notes) == (count > 0)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12), st.sampled_from("ab")), max_size=40))
def test_any_text_can_be_judged(rows: list[tuple[str, str, str]]) -> None:
    records = [one(n, q, a, label=label) for n, (q, a, label) in enumerate(rows)]
    for suspect in find_suspects(records, task="chat", seed=7).suspects:
        assert 0.0 <= suspect.score <= 1.0
        assert suspect.reason


SUSPECT = Suspect(one(5, "=cmd|'/c calc'!A1", "「はい」\n二行目, と", label="x"), "label", 0.25, "odd", "y")


@pytest.mark.parametrize("name", ["s.csv", "s.xlsx", "s.jsonl"])
def test_a_sheet_is_written_for_people_and_read_back(tmp_path: Path, name: str) -> None:
    sheet = tmp_path / name
    write_sheet(sheet, [SUSPECT])
    (row,) = read_rows(sheet, "auto")
    assert row.values["id"] == SUSPECT.record.id  # type: ignore[union-attr]
    assert read_decisions([sheet]) == {}
    with pytest.raises(InputError, match="is there already"):
        write_sheet(sheet, [])


def test_no_cell_of_a_spreadsheet_is_a_formula(tmp_path: Path) -> None:
    write_sheet(tmp_path / "s.csv", [SUSPECT])
    with (tmp_path / "s.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["question"] == "'=cmd|'/c calc'!A1"
    assert row["answer"] == SUSPECT.record.answer


def decided(desk: Desk, rows: list[dict[str, Any]], *, encoding: str = "utf-8") -> None:
    columns = ("decision", "correction", "comment", "id")
    lines = [",".join(columns), *(",".join(row.get(column, "") for column in columns) for row in rows)]
    (desk.folder / "review.csv").write_text("\n".join(lines), encoding)


@pytest.fixture
def asked(desk: Desk) -> list[Record]:
    desk.rows(
        "rows.jsonl",
        [{"text": f"Where is the {name} of the house, please?", "label": "place"} for name in ("bath", "lift", "bar")],
    )
    return kept(desk.prepare(task="classify"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_decisions_are_carried_out_and_recorded(desk: Desk, asked: list[Record], encoding: str) -> None:
    bath, lift, bar = asked
    decided(
        desk,
        [
            {"decision": "修正", "correction": "water", "comment": "風呂", "id": bath.id},
            {"decision": "drop", "id": lift.id},
            {"decision": "Keep", "id": bar.id},
            {"decision": "drop", "id": "0000000000000000"},
        ],
        encoding=encoding,
    )
    dataset = desk.prepare(task="classify", review=["review.csv"])
    corrected, left = kept(dataset)
    assert (corrected.label, corrected.answer) == ("water", "water")
    assert corrected.history[-1].rule == "review"
    assert corrected.history[-1].detail == {"decision": "correct", "sheet": "review.csv:1", "comment": "風呂"}
    assert (left.id, left.history[-1].detail["decision"]) == (bar.id, "keep")
    assert [record.id for record in dropped(dataset)["review"]] == [lift.id]


def test_a_changed_sheet_makes_the_dataset_anew(desk: Desk, asked: list[Record]) -> None:
    digests = []
    for decision in ("keep", "drop", "keep"):
        decided(desk, [{"decision": decision, "id": asked[0].id}])
        digests.append(desk.prepare(task="classify", review=["review.csv"]).digest)
    assert digests[0] == digests[2] != digests[1]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"decision": "maybe", "id": "1"}, "unknown decision"),
        ({"decision": "correct", "id": "1"}, "column correction is empty"),
        ({"decision": "drop", "id": ""}, "without the id"),
    ],
)
def test_a_decision_nobody_can_carry_out_is_told(
    desk: Desk, asked: list[Record], row: dict[str, Any], words: str
) -> None:
    decided(desk, [row])
    with pytest.raises(SourceError, match=words) as caught:
        desk.prepare(task="classify", review=["review.csv"])
    assert "review.csv:1" in str(caught.value)
    assert asked


def test_a_sheet_that_is_not_there_is_told(desk: Desk, asked: list[Record]) -> None:
    with pytest.raises(SourceError, match="no review sheet"):
        desk.prepare(task="classify", review=["nowhere.csv"])
    assert asked
