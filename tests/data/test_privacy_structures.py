"""Private data in JSON, in the arguments of tools and in other columns; what was valid JSON stays valid JSON."""

import json
import pickle
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitae.core.records import Message, Origin, Record
from kitae.data.privacy.columns import private_column
from kitae.data.privacy.redaction import KINDS, Redactor
from kitae.data.privacy.surrogates import Keyed

ARGUMENTS = {
    "customer": {"name": "山田 太郎", "id": 123, "email": "taro@mail.example.org"},
    "phone": "090-1234-5678",
    "room": "Deluxe Twin",
    "name": "search_rooms",
    "note": "カードは4545 6527 5582 8235です",
    "guests": 2,
}
LEAKS = ("山田", "太郎", "taro", "1234-5678", "4545 6527")


def redactor(mode: str = "replace", scope: str = "conversation") -> Redactor:
    return Redactor(mode, KINDS, Keyed(b"k"), scope=scope)


def record(*messages: Message, meta: Mapping[str, Any] | None = None, **more: Any) -> Record:
    return Record("x", messages or (Message("user", "はい"),), Origin("f", 1), meta=meta or {}, **more)


def everything(made: Record) -> str:
    return json.dumps({**made.as_dict(), "id": "", "origin": ""}, ensure_ascii=False)


def call(arguments: Any, name: str = "book_room") -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize("mode", ["mask", "replace"])
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_arguments_of_a_tool_stay_json(mode: str, ensure_ascii: bool) -> None:
    text = json.dumps(ARGUMENTS, ensure_ascii=ensure_ascii)
    made = redactor(mode).record(record(Message("assistant", "", (call(text),))))
    function = made.messages[0].tool_calls[0]["function"]
    values = json.loads(function["arguments"])
    assert function["name"] == "book_room"
    assert [leak for leak in LEAKS if leak in json.dumps(values, ensure_ascii=False)] == []
    assert {key: values[key] for key in ("room", "name", "guests")} == {
        "room": "Deluxe Twin",
        "name": "search_rooms",
        "guests": 2,
    }
    assert values["customer"]["id"] != 123
    assert function["arguments"].isascii() == ensure_ascii
    assert {edit.detail["place"] for edit in made.history} == {"turn 1, arguments"}


def test_arguments_may_be_an_object_and_what_holds_nothing_is_the_same_object() -> None:
    made = redactor().record(record(Message("assistant", "", (call(ARGUMENTS),))))
    assert [leak for leak in LEAKS if leak in everything(made)] == []
    clean = record(Message("assistant", "", (call({"room": "Twin", "guests": 2}),)), meta={"n": [1, {"a": "b"}]})
    assert redactor().record(clean) is clean


def test_other_places_of_a_turn_are_redacted() -> None:
    turns = (
        Message("user", "私は山田太郎です", name="山田太郎"),
        Message("assistant", "", (call('{"name": "山田太郎", "phone": "0312345678"}'),)),
        Message("tool", '{"phone": 9012345678, "ok": true, "rooms": [101, 102]}', tool_call_id="1", name="book_room"),
        Message("assistant", '<tool_call>\n{"name": "ring", "arguments": {"phone": 9012345678}}\n</tool_call>'),
        Message("assistant", '説明です。\n```json\n{"氏名": "山田太郎", "tel": 9012345678}\n```\n以上'),
    )
    made = redactor("mask").record(record(*turns, rejected=(Message("assistant", "電話は090-1234-5678です"),)))
    assert [leak for leak in ("山田", "012345678", "1234-5678") if leak in everything(made)] == []
    assert made.messages[0].name == "[name]"
    assert json.loads(made.messages[1].tool_calls[0]["function"]["arguments"]) == {"name": "[name]", "phone": "[phone]"}
    assert json.loads(made.messages[2].content) == {"phone": "[phone]", "ok": True, "rooms": [101, 102]}
    assert made.messages[2].name == "book_room"
    inner = made.messages[3].content.removeprefix("<tool_call>\n").removesuffix("\n</tool_call>")
    assert json.loads(inner) == {"name": "ring", "arguments": {"phone": "[phone]"}}
    assert '{"氏名": "[name]", "tel": "[phone]"}' in made.messages[4].content
    assert made.rejected[0].content == "電話は[phone]です"


def test_a_person_has_one_stand_in_in_text_and_tools() -> None:
    turns = (
        Message("user", "私は山田太郎と申します"),
        Message("assistant", "", (call('{"customer": {"name": "山田太郎"}}'),)),
    )
    made = redactor().record(record(*turns))
    name = json.loads(made.messages[1].tool_calls[0]["function"]["arguments"])["customer"]["name"]
    assert made.messages[0].content == f"私は{name}と申します"


def test_schemas_of_tools_stay_as_they_are() -> None:
    fields = {"email": {"type": "string", "description": "where to write"}, "name": {"type": "string"}}
    function = {"name": "mail", "parameters": {"type": "object", "properties": fields}}
    tool = {"type": "function", "function": function}
    schema = f"<tools>\n{json.dumps([tool])}\n</tools>"
    clean = record(Message("system", schema), Message("user", "はい"), tools=(tool,))
    assert redactor().record(clean) is clean


def test_numbers_and_nested_values_of_private_columns_go() -> None:
    meta = {
        "電話番号": 9012345678,
        "携帯": 9012345678.0,
        "customer": {"name": "Emma Clarke", "id": 123, "visits": 3},
        "name": {"first": "John", "last": "Smith"},
        "guests": [{"phone": 312345678}, {"phone": None}],
        "口座番号": 1234567,
        "緯度": 35.681236,
        "log": '{"caller": {"tel": 9012345678}}',
        "番号": 4545652755828235,
        "paid": True,
        "price": 12000,
        "memo": "",
    }
    made = redactor().record(record(meta=meta))
    text = everything(made)
    assert [
        leak for leak in ("9012345678", "Emma", "Smith", "312345678", "1234567,", "35.681", "4545") if leak in text
    ] == []
    assert isinstance(made.meta["電話番号"], int)
    assert isinstance(made.meta["緯度"], float)
    assert made.meta["customer"]["visits"] == 3
    assert isinstance(made.meta["customer"]["id"], int)
    assert made.meta["customer"]["id"] != 123
    assert {key: made.meta[key] for key in ("paid", "price", "memo")} == {"paid": True, "price": 12000, "memo": ""}
    assert made.meta["guests"][1] == {"phone": None}
    places = [edit.detail["place"] for edit in made.history]
    assert "column 電話番号" in places
    assert "column customer.id" in places


def test_records_of_one_group_stay_one_group_in_any_scope() -> None:
    rows = [record(Message("user", text), meta={"顧客名": name}) for text, name in
            (("一つ目", "山田太郎"), ("二つ目", "山田太郎"), ("三つ目", "鈴木花子"))]  # fmt: skip
    for mode in ("mask", "replace"):
        made = [redactor(mode).record(row).meta["顧客名"] for row in rows]
        assert made[0] == made[1] != made[2]


def test_flagging_changes_nothing_but_the_history() -> None:
    row = record(Message("assistant", "", (call(json.dumps(ARGUMENTS)),)), meta={"電話": 9012345678})
    made = redactor("flag").record(row)
    assert made.messages == row.messages
    assert made.meta == row.meta
    assert {edit.detail["action"] for edit in made.history} == {"found"}
    assert {edit.detail["kind"] for edit in made.history} >= {"name", "phone", "email", "card", "person_id"}


def test_a_key_written_twice_leaks_nothing() -> None:
    text = '{"phone": "090-1234-5678", "phone": "none"}'
    made = redactor("mask").record(record(Message("assistant", "", (call(text),))))
    # Nothing is found in what readers see, so the text must not be left as it was either.
    assert "090" not in everything(made)


def test_text_that_only_looks_like_json_is_text() -> None:
    for text in ('{"phone": 090-1234-5678}', "[電話は090-1234-5678です]", "{" * 3000 + "090-1234-5678"):
        out = redactor("mask").record(record(Message("user", text))).messages[0].content
        assert "1234" not in out


def test_deep_nesting_is_bounded() -> None:
    value: Any = "電話は090-1234-5678です"
    for _ in range(300):
        value = {"a": [value]}
    made = redactor("mask").record(record(meta={"x": value}))
    assert "1234-5678" not in json.dumps(made.meta, ensure_ascii=False)


def test_headings() -> None:
    private = {
        "phoneNumber": "phone", "customer.id": "person_id", "user_id": "person_id", "会員番号": "person_id",
        "お客様名": "name", "担当者": "name", "customerEmail": "email", "ip": "ip_address", "zip": "postal_code",
        "date_of_birth": "birth_date", "password": "secret", "access_token": "secret", "tel1": "phone",
        "shippingAddress": "address", "lat": "coordinates", "orders.0.name": "name",
    }  # fmt: skip
    assert {heading: private_column(heading) for heading in private} == private
    others = ("id", "filename", "microphone", "メール本文", "email_body", "address_book", "担当者コメント",
              "token_count", "description", "script", "ship", "order_id", "room", "latest", "zipped",
              "tokens")  # fmt: skip
    assert [heading for heading in others if private_column(heading)] == []


def test_a_redactor_travels_to_other_processes() -> None:
    there = pickle.loads(pickle.dumps(redactor()))
    row = record(Message("user", "電話は090-1234-5678です"))
    assert there.record(row) == redactor().record(row)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "name", "phone", "id", "x y"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), VALUES, min_size=1, max_size=3), st.sampled_from(["mask", "replace"]))
def test_any_json_stays_json_of_the_same_build(value: Any, mode: str) -> None:
    text = json.dumps(value, ensure_ascii=False)
    made = redactor(mode).record(record(Message("assistant", "", (call(text),))))
    again = json.loads(made.messages[0].tool_calls[0]["function"]["arguments"])

    def build(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: build(inner) for key, inner in item.items()}
        return [build(inner) for inner in item] if isinstance(item, list) else None

    assert build(again) == build(value)
