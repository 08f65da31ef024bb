"""What goes is the same for any cut into tables, goes for something that stays, and leaves nothing twice."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kitae.core.data_settings import DuplicateSettings
from kitae.core.records import Edit, Message, Origin, Record
from kitae.core.text import compact, normalise
from kitae.data import duplicates
from kitae.data.alike import banding, cases, deciding, fingerprints, near, pairs, turns
from kitae.data.duplicates import (
    Fingerprinted,
    asked_questions,
    duplicate_clusters,
    find_duplicates,
    fingerprint_table,
    read_duplicates,
    write_table,
)

BASE = [
    "来月の連休に家族四人で伺う予定ですが、駐車場は何台分ありますか。",
    "来月の連休に家族四人ほどで伺う予定ですが、駐車場は何台分ありますか。",
    "来月の連休に家族四人で伺う予定ですが、駐車場は何台分ありますか？　",
    "朝食は7時からですか。",
    "朝食は8時からですか。",
    "Could you please tell me until when the large bath upstairs is open tonight?",
    "Could you please tell me until when the large bath upstairs is open tonite?",
    "ok",
    "？？",
    "",
]
ANSWERS = [
    "駐車場は30台分ございます。",
    "駐車場は30台分ございます",
    "駐車場は40台分ございます。",
    "Until midnight.",
    "",
]


def record(number: int, turn: tuple[list[tuple[str, str]], str, int]) -> Record:
    said, use, repairs = turn
    messages = tuple(
        message for asked, answer in said for message in (Message("user", asked), Message("assistant", answer))
    )
    history = (Edit("mojibake", "put right"),) * repairs
    return Record(f"{number:016x}", messages, Origin("rows.jsonl", number + 1), use=use, history=history)


talks = st.tuples(
    st.lists(st.tuples(st.sampled_from(BASE), st.sampled_from(ANSWERS)), min_size=1, max_size=3),
    st.sampled_from(["", "", "train", "validation", "test"]),
    st.integers(0, 1),
)
many = st.lists(talks, max_size=30).map(lambda rows: [record(number, row) for number, row in enumerate(rows)])


def tables(records: list[Record], cuts: list[int], folder: Path, chosen: DuplicateSettings) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    bounds = [0, *sorted(cut % (len(records) + 1) for cut in cuts), len(records)]
    paths = []
    for number, (start, stop) in enumerate(pairwise(bounds)):
        paths.append(folder / f"{number}.arrow")
        write_table(paths[-1], fingerprint_table(records[start:stop], task="chat", settings=chosen))
    return paths


@settings(max_examples=25, deadline=None)
@given(many, st.lists(st.integers(0, 30), max_size=4), st.sampled_from([None, 0.5, 0.8]))
def test_the_same_for_any_cut_and_any_block(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record], cuts: list[int], threshold: float | None
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    chosen = DuplicateSettings(near=threshold)
    whole, cut = tables(records, [], folder / "whole", chosen), tables(records, cuts, folder / "cut", chosen)
    first = find_duplicates(whole, settings=chosen, scratch=folder / "a").read_bytes()
    names = duplicate_clusters(whole, near=threshold, scratch=folder / "c").tolist()
    with pytest.MonkeyPatch.context() as small:
        for module, name, value in (
            (turns, "KEYS_AT_ONCE", 3),
            (near, "KEYS_AT_ONCE", 3),
            (near, "CANDIDATES_AT_ONCE", 4),
            (near, "LETTERS_HELD", 120),
            (near, "LETTERS_AT_ONCE", 50),
            (banding, "TEXTS_AT_ONCE", 3),
            (pairs, "PAIRS_AT_ONCE", 2),
            (deciding, "PAIRS_AT_ONCE", 3),
            (cases, "RECORDS_AT_ONCE", 2),
            (fingerprints, "LETTERS_AT_ONCE", 40),
            (duplicates, "ROWS_AT_ONCE", 1 << 16),
        ):
            small.setattr(module, name, value)
        assert find_duplicates(cut, settings=chosen, scratch=folder / "b").read_bytes() == first
        assert duplicate_clusters(cut, near=threshold, scratch=folder / "d").tolist() == names
        again = tables(records, [], folder / "again", chosen)
        assert find_duplicates(again, settings=chosen, scratch=folder / "e").read_bytes() == first


@settings(max_examples=25, deadline=None)
@given(many, st.sampled_from([0.5, 0.8]))
def test_pairs_that_nobody_asks_for_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record], threshold: float
) -> None:
    folder = tmp_path_factory.mktemp("wanted")
    chosen = DuplicateSettings(near=threshold)
    whole = tables(records, [], folder / "tables", chosen)
    found = find_duplicates(whole, settings=chosen, scratch=folder / "a").read_bytes()
    with pytest.MonkeyPatch.context() as every:
        every.setattr(duplicates, "_wanted", lambda *_: None)
        assert find_duplicates(whole, settings=chosen, scratch=folder / "b").read_bytes() == found


@settings(max_examples=60, deadline=None)
@given(many, st.sampled_from([None, 0.5, 0.8]))
def test_what_goes_goes_for_what_stays(records: list[Record], threshold: float | None) -> None:
    gone = duplicates_of(records, DuplicateSettings(near=threshold), "chat")
    kept = [one for index, one in enumerate(records) if index not in gone]
    ids = {one.id for one in kept}
    assert list(gone) == sorted(gone)
    assert not any(records[index].use == "test" for index in gone)
    assert all(edit.detail["kept"] in ids for edit in gone.values() if "kept" in edit.detail)
    assert all("kept" in edit.detail or edit.rule == "conflicting_answers" for edit in gone.values())
    said = [exact(one) for one in kept if one.use != "test"]
    assert len(said) == len(set(said))
    tested = {asked(one) for one in records if one.use == "test"} - {""}
    assert not tested & {question for one in kept if one.use != "test" for question in taught(one)}
    answers: dict[str, set[str]] = {}
    for one in kept:
        if one.use != "test" and asked(one):
            answers.setdefault(asked(one), set()).add(compact(one.answer))
    if threshold is None:
        assert all(len(found) == 1 for found in answers.values())


@settings(max_examples=25, deadline=None)
@given(many)
def test_a_cluster_holds_whatever_asks_the_same(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record]
) -> None:
    folder = tmp_path_factory.mktemp("clusters")
    made = tables(records, [], folder, DuplicateSettings(near=None))
    names = duplicate_clusters(made, near=None, scratch=folder / "scratch").tolist()
    questions, owners = asked_questions(made)
    of_question: dict[int, set[int]] = {}
    for question, owner in zip(questions.tolist(), owners.tolist(), strict=True):
        of_question.setdefault(question, set()).add(names[owner])
    assert all(len(found) == 1 for found in of_question.values())
    first: dict[str, int] = {}
    for one, name in zip(records, names, strict=True):
        if asked(one):
            assert first.setdefault(asked(one), name) == name
    assert all(names[name] == name <= index for index, name in enumerate(names))


def asked(one: Record) -> str:
    return compact("\n".join(message.content for message in one.messages[:-1]))


def taught(one: Record) -> set[str]:
    return {compact("\n".join(m.content for m in one.messages[:end])) for end in range(1, len(one.messages), 2)}


def duplicates_of(records: list[Record], chosen: DuplicateSettings, task: str) -> dict[int, Edit]:
    """The whole search over records in memory: index of every record that goes, to its edit."""
    with Fingerprinted(records, task=task, settings=chosen) as made:
        return dict(read_duplicates(find_duplicates(made.tables, settings=chosen, scratch=made.scratch)))


def exact(one: Record) -> tuple[str, ...]:
    return tuple(normalise(message.content) for message in one.messages)


def found(*records: Record, task: str = "chat", **chosen: Any) -> dict[int, str]:
    return {index: edit.rule for index, edit in duplicates_of(records, DuplicateSettings(**chosen), task).items()}


def ask(number: int, *messages: Message, **more: Any) -> Record:
    return Record(f"{number:016x}", messages, Origin("rows.jsonl", number + 1), **more)


USER, NO, YES = Message("user", BASE[0]), Message("assistant", "いいえ。"), Message("assistant", "はい。")


def test_no_records_have_no_duplicates() -> None:
    assert found() == {}


def test_another_instruction_wants_another_answer() -> None:
    french, german = Message("system", "Answer in French."), Message("system", "Answer in German.")
    assert found(ask(0, french, USER, YES), ask(1, german, USER, NO)) == {}
    assert set(found(ask(0, french, USER, YES), ask(1, french, USER, NO)).values()) == {"conflicting_answers"}


def test_what_is_asked_without_an_instruction_is_compared_with_all_who_ask_it() -> None:
    brief = Message("system", "Be brief.")
    assert found(ask(0, USER, YES), ask(1, brief, USER, NO), ask(2, USER, YES)) == {
        1: "conflicting_answers",
        2: "exact_duplicate",
    }
    assert set(found(ask(0, USER, YES), ask(1, brief, USER, NO)).values()) == {"conflicting_answers"}


def test_judged_answers_contradict_only_when_the_judgement_does() -> None:
    one, swapped = ask(0, USER, YES, rejected=(NO,)), ask(1, USER, NO, rejected=(YES,))
    other = ask(2, USER, Message("assistant", "駐車場です。"), rejected=(NO,))
    assert found(one, other, task="preference") == {}
    assert len(found(one, swapped, other, task="preference")) == 2
    assert found(one, ask(3, USER, YES, rejected=(NO,)), task="preference") == {1: "exact_duplicate"}
    good, bad = ask(0, USER, YES, desirable=True), ask(1, USER, YES, desirable=False)
    assert found(good, ask(2, USER, NO, desirable=True), task="preference") == {}
    assert set(found(good, bad, task="preference").values()) == {"conflicting_answers"}


def test_other_calls_of_a_tool_are_another_answer() -> None:
    calls = [
        Message("assistant", "", ({"function": {"name": "book", "arguments": f'{{"room": {n}}}'}},)) for n in (1, 2)
    ]
    assert len(found(ask(0, USER, calls[0]), ask(1, USER, calls[1]))) == 2
    assert found(ask(0, USER, calls[0]), ask(1, USER, calls[0])) == {1: "exact_duplicate"}


def test_documents_are_near_whatever_their_numbers() -> None:
    text = "この湯宿は川沿いの静かな谷にあり、春は桜、秋は紅葉が楽しめます。創業は{}年です。"
    rows = [ask(n, Message("document", text.format(year))) for n, year in enumerate((1921, 1922))]
    assert found(*rows, task="pretrain") == {1: "near_duplicate"}


def test_a_thousand_answers_to_one_question_are_told_apart() -> None:
    rows = [ask(n, USER, Message("assistant", f"{n}台です。")) for n in range(1_000)]
    gone = found(*rows, ask(1_000, USER, Message("assistant", "7台です。")))
    assert len(gone) == 1_000
    assert set(gone.values()) == {"conflicting_answers", "exact_duplicate"}


def test_the_best_of_equal_records_is_kept() -> None:
    worn = ask(0, USER, YES, history=(Edit("mojibake", "put right"),))
    drawn = ask(3, USER, YES, use="validation")
    assert found(worn, ask(1, USER, YES)) == {0: "exact_duplicate"}
    assert found(ask(1, USER, YES), ask(2, USER, YES)) == {1: "exact_duplicate"}
    assert found(worn, ask(1, USER, YES), drawn) == dict.fromkeys((0, 1), "leaks_into_validation")
