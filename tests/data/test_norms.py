"""What is learnt from shards is what is learnt from the whole, however it was cut, and small enough to send around."""

import pickle
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitae.core.records import Message, Origin, Record
from kitae.data.rules import Norms, chosen_rules, judge, learn, learn_norms, look_again, merge
from kitae.data.rules import norms as norms_module

ANSWERS = (
    "It closes at ten on weekdays and",
    "It closes at ten on weekdays and at eight on Sundays.",
    "It closes at ten on weekdays and.",
    "はい、駐車場は30台分ございま",
    "はい、駐車場は30台分ございます。",
    "全館禁煙です。",
    "Yes",
    "",
    "10時から18時",
    "See https://example.org/a",
    "x\ud800y without an end",
)


def record(answer: str, file: str = "a.jsonl", question: str = "When does it close?", row: int = 1) -> Record:
    turns = (Message("user", question), Message("assistant", answer))
    return Record(f"{row:016x}", turns, Origin(file, row), language="en")


def learnt(shards: Sequence[Sequence[Record]]) -> Norms:
    part = merge((learn(shard, task="chat") for shard in shards), task="chat")
    found = [look_again((one.answer.strip() for one in shard), part.beginnings()) for shard in shards]
    return part.norms(found, languages=("ja", "en"))


@given(st.lists(st.tuples(st.sampled_from(ANSWERS), st.sampled_from(["a", "b"])), max_size=30), st.data())
def test_shards_learn_what_the_whole_learns(rows: list[tuple[str, str]], data: st.DataObject) -> None:
    records = [record(answer, file) for answer, file in rows]
    whole = learn_norms(records, task="chat", languages=("ja", "en"))
    order = data.draw(st.permutations(records))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=4)))
    shards = [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    assert learnt(shards) == whole


def test_a_beginning_of_a_longer_answer_is_cut_off_and_a_missing_full_stop_is_not() -> None:
    records = [
        record(answer) for answer in (*ANSWERS[:2], ANSWERS[3], ANSWERS[4], "全館禁煙の宿です", "全館禁煙の宿です。")
    ]
    norms = learnt([[one] for one in records])
    assert norms.is_start_of_another(ANSWERS[0])
    assert norms.is_start_of_another(ANSWERS[3])
    assert not norms.is_start_of_another("全館禁煙の宿です")
    assert not norms.is_start_of_another(ANSWERS[1])
    verdict = judge(record(ANSWERS[0]), norms, chosen_rules({"no_licence": False}))
    assert verdict == ("truncated_answer", "the answer is the beginning of a longer one")


def test_what_is_learnt_has_a_bound_and_does_not_depend_on_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(norms_module, "MOST_UNENDED", 16)
    records = [record(f"the answer number {number} has no end") for number in range(200)]
    part = learn(records, task="chat")
    backwards = merge([learn([one], task="chat") for one in reversed(records)], task="chat")
    assert part.beginnings() == backwards.beginnings()
    assert len(part.beginnings().digests) == 16


def test_norms_travel() -> None:
    part = learn([record(answer) for answer in ANSWERS], task="chat")
    again = pickle.loads(pickle.dumps(part))
    assert again == part
    norms = part.norms([look_again([ANSWERS[1]], part.beginnings())], languages=("en",))
    assert pickle.loads(pickle.dumps(norms)) == norms
    assert norms.begun


def test_a_very_long_word_is_looked_at_once() -> None:
    assert not norms_module.ends_otherwise("x" * 1_000_000)  # from each of its places: half an hour
    assert norms_module.ends_otherwise("Write to me: " + "x" * 1_000 + "@example.org")
