"""What says nearly what was erased is known by marks that tell nothing; most of what is half alike is not named."""

import random
from dataclasses import replace

from kitae.core.records import Message, Origin, Record
from kitae.data.custody.erased import Erased, mark_of
from kitae.data.custody.nearness import LIKE_ERASED, like_erased, near_handles

KEY = b"k" * 32
SAID = "体重三十キロの大型犬を二匹連れて宿泊したいのですが、料金と必要な持ち物を教えてください。"


def record(text: str, answer: str = "") -> Record:
    return Record("a" * 16, (Message("user", text), Message("assistant", answer)), Origin("faq.jsonl", 3))


def erasing(*records: Record) -> Erased:
    found = [handle for handles in near_handles(records) for handle in handles]
    return Erased.of(KEY, {mark_of(KEY, *handle): "e1" for handle in found})


def edited(text: str, letters: int, draw: random.Random) -> str:
    places = set(draw.sample(range(len(text)), letters))
    return "".join("海" if n in places else letter for n, letter in enumerate(text))


def test_one_changed_letter_is_named_and_another_text_is_not() -> None:
    draw = random.Random(0)
    changed = [record(edited(SAID, 1, draw)) for _ in range(50)]
    found = like_erased(
        [*changed, record("朝食の時間と場所を教えてください。よろしくお願いします。")], erasing(record(SAID))
    )
    assert sum(edit is not None for edit in found) >= 47
    assert found[-1] is None
    edit = next(filter(None, found))
    assert (edit.rule, edit.detail) == (LIKE_ERASED, {"action": "flag", "erasure": "e1"})


def test_what_the_system_is_told_and_private_data_do_not_count() -> None:
    one, other = record(f"田中様のご依頼です。{SAID}"), record(f"鈴木様のご依頼です。{SAID}")
    told = replace(other, messages=(Message("system", "丁寧に。" * 20), *other.messages))
    assert near_handles([one]) == near_handles([other]) == near_handles([told])


def test_short_texts_have_no_marks_and_nothing_erased_asks_nothing() -> None:
    assert near_handles([record("犬は泊まれますか"), record("")]) == [[], []]
    assert like_erased([record(SAID)], Erased()) == [None]
