"""The embedded desk keeps its promises: enough rows, intents and free questions, and the bytes of its generator."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from kitae import data
from kitae.core.files import read_jsonl
from kitae.core.recipe import load_recipe
from kitae.core.records import Message
from kitae.core.text import compact
from kitae.data.encodings import detect_encoding, opening
from kitae.data.language import detect_language
from kitae.data.readers import Row, read_rows
from kitae.data.shapes import UnreadableRow, read_shape

INN = Path(data.__file__).parent / "inn"
TOOL = Path(__file__).parents[2] / "tools" / "make_inn.py"
RAW = tuple(source.path for source in load_recipe(INN / "recipe.yaml").data.sources)
CANONICAL = json.loads((INN / "canonical.json").read_text("utf-8"))
WILD = list(read_jsonl(INN / "wild.jsonl"))


@pytest.fixture(scope="module")
def raw() -> list[Row]:
    read = [row for name in RAW for row in read_rows(INN / name, encoding_of(INN / name))]
    return [row for row in read if isinstance(row, Row)]


def conversation(row: Row) -> Sequence[Message]:
    """The turns of a row; none when it is no conversation."""
    try:
        return read_shape(row.values).messages
    except UnreadableRow:
        return ()


def encoding_of(path: Path) -> str:
    return "utf-8" if path.suffix == ".xlsx" else detect_encoding(opening(path))


def test_three_raw_files_have_2400_rows(raw: list[Row]) -> None:
    assert [Path(name).suffix for name in RAW] == [".csv", ".jsonl", ".xlsx"]
    assert len(raw) >= 2_400


def test_hundreds_of_distinct_phrasings_in_each_language(raw: list[Row]) -> None:
    """Counted without case, spaces and punctuation, and apart for each language; those that a rule would drop, too."""
    asked: dict[str, set[str]] = {"ja": set(), "en": set()}
    for row in raw:
        for message in conversation(row):
            if message.role == "user":
                asked.setdefault(detect_language(message.content), set()).add(compact(message.content))
    assert {language: len(asked[language]) >= 1_000 for language in ("ja", "en")} == {"ja": True, "en": True}


def test_thirty_intents_have_an_answer_in_both_languages() -> None:
    assert len(CANONICAL) >= 30
    assert all(len(compact(intent[language])) >= 5 for intent in CANONICAL.values() for language in ("ja", "en"))


def test_wild_questions_are_many_in_both_languages_and_have_the_canonical_answers() -> None:
    counts = Counter(row["language"] for row in WILD)
    assert counts.keys() == {"ja", "en"}
    assert min(counts.values()) >= 200
    assert len({compact(row["question"]) for row in WILD}) == len(WILD)
    assert all(row["answer"] == CANONICAL[row["intent"]][row["language"]] for row in WILD)


def test_no_wild_question_is_a_raw_question(raw: list[Row]) -> None:
    turns = [message for row in raw for message in conversation(row)]
    asked = {compact(message.content) for message in turns if message.role == "user"}
    assert len(asked) >= 2_400
    assert not {row["question"] for row in WILD if compact(row["question"]) in asked}


@pytest.mark.slow
def test_the_files_are_what_the_generator_gives() -> None:
    done = subprocess.run([sys.executable, str(TOOL), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("files are as generated\n")
