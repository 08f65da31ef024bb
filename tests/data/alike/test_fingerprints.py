"""Fingerprints are equal where what they stand for is, and only there."""

import re

from hypothesis import given
from hypothesis import strategies as st

from kitae.core.data_settings import DuplicateSettings
from kitae.core.records import Message, Origin, Record
from kitae.core.text import compact, normalise
from kitae.data.duplicates import fingerprint_table

words = st.text("01２ aAあー。 ", max_size=8)


def row(number: int, *messages: Message) -> Record:
    return Record(f"{number:016x}", messages, Origin("rows.jsonl", number + 1))


@given(st.lists(st.tuples(words, words), min_size=1, max_size=12))
def test_keys_are_equal_where_texts_are(pairs: list[tuple[str, str]]) -> None:
    records = [row(n, Message("user", asked), Message("assistant", told)) for n, (asked, told) in enumerate(pairs)]
    table = fingerprint_table(records, task="chat", settings=DuplicateSettings()).to_pydict()
    forms = {
        "numbers": [re.findall(r"\d+", compact(asked)) for asked, _ in pairs],
        "answer_numbers": [re.findall(r"\d+", compact(told)) for _, told in pairs],
        "question": [compact(asked) for asked, _ in pairs],
        "answer": [compact(told) for _, told in pairs],
        "exact": [(normalise(asked), normalise(told)) for asked, told in pairs],
    }
    for name, values in forms.items():
        for key, value in zip(table[name], values, strict=True):
            assert [key == other for other in table[name]] == [value == other for other in values], name


@given(st.lists(words, min_size=3, max_size=6))
def test_an_earlier_turn_is_fingerprinted_as_if_it_were_the_last(said: list[str]) -> None:
    roles = ("user", "assistant") * 3
    messages = [Message(role, text) for role, text in zip(roles, said, strict=False)]
    system = Message("system", "Be kind.")
    ends = list(range(1, len(said), 2))
    table = fingerprint_table([row(0, system, *messages[: ends[-1] + 1])], task="chat", settings=DuplicateSettings())
    alone = fingerprint_table(
        [row(n, *messages[: end + 1]) for n, end in enumerate(ends)], task="chat", settings=DuplicateSettings()
    )
    bands = [name for name in alone.schema.names if name.startswith("band_")]
    assert table["earlier_question"].to_pylist()[0] == alone["question"].to_pylist()[:-1]
    assert table["question"].to_pylist()[0] == alone["question"].to_pylist()[-1]
    assert table["earlier_end"].to_pylist()[0] == [len(text) for text in alone["text"].to_pylist()[:-1]]
    assert table["earlier_bands"].to_pylist()[0] == [
        alone[name][n].as_py() for n in range(len(ends) - 1) for name in bands
    ]
