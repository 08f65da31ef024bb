"""What was erased stays out: known again by id, parent, content, place or rights holder, and by nothing that tells."""

import json
import pickle
from dataclasses import replace

import pytest
from data.desk import Desk, dropped, kept, talk
from hypothesis import given
from hypothesis import strategies as st

from kitae.core.artifacts import Source
from kitae.core.files import read_jsonl
from kitae.core.records import Message, Origin, Record, Terms
from kitae.core.text import normalise
from kitae.data.custody.admission import admit, is_gone
from kitae.data.custody.erased import ERASED, LEAST_CONTENT, Erased, content_id, handles, mark_of
from kitae.errors import SourceError

KEY = b"k" * 32
QUESTION, ANSWER = "大型犬を二匹連れて泊まれますか", "小型犬を一匹までとお伝えしております。"


def record(question: str = QUESTION, answer: str = ANSWER, **changes: object) -> Record:
    made = Record("a" * 16, (Message("user", question), Message("assistant", answer)), Origin("faq.jsonl", 3))
    return replace(made, **changes)  # type: ignore[arg-type]


def erasing(*found: tuple[str, str], name: str = "e1", **more: object) -> Erased:
    return Erased.of(KEY, {mark_of(KEY, kind, value): name for kind, value in found}, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("handle", "other"),
    [
        (("record", "a" * 16), record("another question", "another answer")),
        (("record", "b" * 16), record("another question", "another answer", parent="b" * 16)),
        (("content", content_id(record())), record(id="f" * 16, origin=Origin("other.csv", 99))),
        (("rights_holder", normalise("ＡＣＭＥ 商店")), record("x", "y", terms=Terms(rights_holder="acme 商店"))),
    ],
)
def test_the_ways_to_know_a_record_again(handle: tuple[str, str], other: Record) -> None:
    erased = erasing(handle)
    why = erased.why(other)
    assert why is not None
    assert why[1] == "e1"
    gone = admit(other, erased)
    assert is_gone(gone)
    assert (gone.id, gone.messages, gone.meta, gone.terms, gone.origin) == ("", (), {}, Terms(), other.origin)
    assert "e1" in gone.history[-1].reason
    assert not is_gone(admit(record("something else altogether", "nothing alike"), erased)) or handle[0] == "record"


@pytest.mark.parametrize(
    ("question", "answer", "same"),
    [
        ("大型犬を二匹 連れて泊まれますか？", "小型犬を一匹までと、お伝えしております", True),
        ("大型犬を２匹連れて泊まれますか", ANSWER, False),
        (QUESTION, "犬は泊まれません。", False),
        (ANSWER, QUESTION, False),
    ],
)
def test_the_same_content(question: str, answer: str, same: bool) -> None:
    assert (content_id(record(question, answer)) == content_id(record())) is same


def test_what_the_system_is_told_is_no_content() -> None:
    told = record()
    assert content_id(replace(told, messages=(Message("system", "丁寧に。"), *told.messages))) == content_id(told)


def test_an_answer_that_everybody_gives_is_nobodys_own() -> None:
    assert content_id(record("はい", "ok")) == ""
    assert content_id(record("x" * LEAST_CONTENT, "")) != ""


def test_content_tells_nothing_of_private_data() -> None:
    """Else whoever tries all names would find the one that was replaced."""
    one, other = record("田中様の予約を確認したいです", ANSWER), record("鈴木様の予約を確認したいです", ANSWER)
    assert content_id(one) == content_id(other)


MARKS = st.dictionaries(st.binary(min_size=16, max_size=16), st.sampled_from(["e1", "e2", "e3"]), max_size=60)


@given(MARKS, st.lists(st.binary(min_size=16, max_size=16), max_size=20))
def test_the_block_of_marks_is_a_dictionary(marks: dict[bytes, str], others: list[bytes]) -> None:
    erased = Erased.of(KEY, marks)
    for mark in [*marks, *others]:
        assert erased._erasure(mark) == marks.get(mark)


@given(st.text(max_size=40), st.text(max_size=40), st.binary(min_size=1, max_size=32))
def test_a_value_that_travels_is_the_same_and_holds_no_text(name: str, other: str, key: bytes) -> None:
    mine = Record("1" * 16, (), Origin("a", 1), Terms(rights_holder=name))
    erased = Erased.of(key, {mark_of(key, kind, value): "e" for kind, value in handles(mine, {})})
    travelled = pickle.loads(pickle.dumps(erased))
    assert travelled == erased
    assert travelled.why(mine) is not None
    their = Record("2" * 16, (), Origin("a", 1), Terms(rights_holder=other))
    assert (travelled.why(their) is not None) == (normalise(name) == normalise(other) != "")
    assert repr(key) not in repr(erased)


def test_another_key_knows_nothing_again() -> None:
    erased = erasing(("record", "a" * 16))
    assert replace(erased, key=b"other key" * 3).why(record()) is None


DOGS = talk(QUESTION, ANSWER)
OTHERS = [
    talk("朝食の時間を教えてください", "朝食は七時から九時までです。"),
    talk("駐車場は何台ありますか", "駐車場は二十台分ございます。"),
    talk("大浴場は何時までですか", "大浴場は夜の十二時までです。"),
]


def test_what_was_erased_does_not_return_from_another_row_or_file(desk: Desk) -> None:
    desk.rows("faq.jsonl", [*OTHERS, DOGS])
    first = next(record for record in kept(desk.prepare()) if record.question == QUESTION)
    erased = erasing(("record", first.id), ("content", first.content_id))
    desk.sources.clear()
    desk.rows("new.jsonl", [{"question": QUESTION + "？", "answer": ANSWER}, *OTHERS])
    dataset = desk.prepare(erased=erased)
    assert QUESTION not in {record.question for record in kept(dataset)}
    (gone,) = dropped(dataset)[ERASED]
    assert (gone.origin.row, gone.messages) == (1, ())
    report = dataset.json("report.json")
    assert report["read"] == report["kept"] + report["dropped"] + report["quarantined"] == 4
    assert report["rules_count"][ERASED] == 1
    assert all(QUESTION[:8] not in path.read_text("utf-8") for path in dataset.folder.iterdir())


def test_a_row_is_known_by_its_place_whatever_it_says_now(desk: Desk) -> None:
    """As after an upgrade that masks other words: the raw file is the same, id and content are others."""
    desk.rows("faq.jsonl", [*OTHERS, DOGS])
    source = desk.prepare()
    (found,) = (artifact for artifact in desk.workspace.artifacts() if isinstance(artifact, Source))
    listing = found.json("sources.json")["sources"][0]["files"][0]
    place = list(handles(Record("", (), Origin("faq.jsonl", 4)), {"faq.jsonl": listing["sha256"]}))
    assert [kind for kind, _ in place] == ["place"]
    dataset = desk.prepare(erased=erasing(*place), instruction="丁寧に。")
    assert source != dataset
    assert [record.origin.row for record in dropped(dataset)[ERASED]] == [4]
    desk.sources.clear()
    desk.rows("faq.jsonl", [*OTHERS, talk("別の質問がここにあります", "別の答えがここにあります。")])
    assert ERASED not in dropped(desk.prepare(erased=erasing(*place))), "another file of that name is another place"


def test_a_row_of_quarantine_comes_back_without_its_quote(desk: Desk) -> None:
    broken = '{"question": "犬を二匹連れて行きたいのですが", "answer": '
    desk.write("dogs.jsonl", json.dumps(DOGS) + "\n" + broken + "\n", rights_holder="山田商店")
    desk.rows("faq.jsonl", OTHERS)
    assert "犬を二匹" in desk.prepare().file("quarantine.jsonl").read_text("utf-8")
    dataset = desk.prepare(erased=erasing(("rights_holder", "山田商店")), instruction="丁寧に。")
    (row,) = read_jsonl(dataset.file("quarantine.jsonl"))
    assert (row["file"], row["row"], row["excerpt"]) == ("dogs.jsonl", 2, "")
    assert "erased" in row["reason"]
    assert dataset.summary["kept"] == 3
    assert all("犬を二匹" not in path.read_text("utf-8") for path in dataset.folder.iterdir())


def test_when_all_was_erased_it_says_so(desk: Desk) -> None:
    desk.rows("faq.jsonl", OTHERS, rights_holder="山田商店")
    with pytest.raises(SourceError, match="erased: 3"):
        desk.prepare(erased=erasing(("rights_holder", "山田商店")))


def test_sources_that_nothing_was_taken_from_keep_their_datasets(desk: Desk) -> None:
    desk.rows("faq.jsonl", [*OTHERS, DOGS])
    dataset = desk.prepare()
    (source,) = (artifact for artifact in desk.workspace.artifacts() if isinstance(artifact, Source))
    elsewhere = erasing(("record", "f" * 16), sources={"0" * 64: "x"})
    assert desk.prepare(erased=elsewhere) == dataset
    here = erasing(("content", content_id(record())), sources={source.digest: "x"})
    again = desk.prepare(erased=here)
    assert again != dataset
    assert desk.prepare(erased=here) == again
    assert again.manifest["settings"][ERASED] == "x"
