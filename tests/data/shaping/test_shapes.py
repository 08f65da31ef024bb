"""Rows as people have them become conversations, pairs, judgements and documents; anything else says why not."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kitae.core.records import Message
from kitae.data.shapes import SHAPES, UnreadableRow, read_shape

ASKED, GOOD, WRONG = Message("user", "Q?"), Message("assistant", "A."), Message("assistant", "B.")
TALK = [{"role": "user", "content": "Q?"}, {"role": "assistant", "content": "A."}]
OTHER = [{"role": "user", "content": "Q?"}, {"role": "assistant", "content": "B."}]
SHARED = [{"from": "human", "value": "Q?"}]
WEATHER = {"name": "weather", "description": "The weather", "parameters": {"type": "object", "properties": {}}}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Q?", "chosen": "A.", "rejected": "B."},
        {"question": "Q?", "chosen": "A.", "rejected": "B."},
        {"instruction": "Q?", "input": "", "chosen": "A.", "rejected": "B."},
        {"prompt": TALK[:1], "chosen": TALK[1:], "rejected": OTHER[1:]},
        {"prompt": TALK[:1], "chosen": TALK[1], "rejected": OTHER[1]},
        {"prompt": "Q?", "chosen": TALK, "rejected": OTHER},
        {"chosen": TALK, "rejected": OTHER},
        {"chosen": json.dumps(TALK), "rejected": json.dumps(OTHER)},
        {"conversations": SHARED, "chosen": {"from": "gpt", "value": "A."}, "rejected": {"from": "gpt", "value": "B."}},
        {"messages": TALK[:1], "chosen": "A.", "rejected": "B."},
        {"chosen": "\n\nHuman: Q?\n\nAssistant: A.", "rejected": "\n\nHuman: Q?\n\nAssistant: B."},
        {"prompt": "\n\nHuman: Q?\n\nAssistant:", "chosen": " A.", "rejected": " B."},
        {"input": {"messages": TALK[:1]}, "preferred_output": TALK[1:], "non_preferred_output": OTHER[1:]},
    ],
)
def test_pairs(row: dict[str, Any]) -> None:
    shaped = read_shape(row)
    assert shaped.shape == "dpo"
    assert [Message(m.role, m.content.strip()) for m in shaped.messages] == [ASKED, GOOD]
    assert [Message(m.role, m.content.strip()) for m in shaped.rejected] == [WRONG]
    assert shaped.meta == {}


def test_a_longer_transcript_parts_at_its_last_answer() -> None:
    start = "\n\nHuman: One?\n\nAssistant: First.\n\nNot a speaker: still first.\n\nHuman: Two?\n\nAssistant:"
    shaped = read_shape({"chosen": f"{start} Good.", "rejected": f"{start} Bad."})
    assert [m.role for m in shaped.messages] == ["user", "assistant", "user", "assistant"]
    assert shaped.messages[1].content == "First.\n\nNot a speaker: still first."
    assert shaped.rejected == (Message("assistant", "Bad."),)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"prompt": "Q?", "chosen": "A.", "rejected": "A."}, "the same"),
        ({"chosen": TALK, "rejected": TALK[:1]}, "beginning"),
        ({"chosen": TALK, "rejected": [{"role": "user", "content": "Other?"}, TALK[1]]}, "do not part"),
        (
            {"chosen": [*TALK, *TALK], "rejected": [TALK[0], {"role": "assistant", "content": "Other."}]},
            "part before the last answer",
        ),
        ({"prompt": "Q?", "chosen": "A.", "rejected": 4}, "int"),
        ({"prompt": "Q?", "chosen": [], "rejected": "A."}, "empty"),
        ({"prompt": "Q?", "chosen": ["A."], "rejected": "B."}, "no list of turns"),
    ],
)
def test_pairs_that_are_none(row: dict[str, Any], says: str) -> None:
    with pytest.raises(UnreadableRow, match=says):
        read_shape(row)


@pytest.mark.parametrize(
    ("row", "desirable"),
    [
        ({"prompt": "Q?", "completion": "A.", "label": True}, True),
        ({"prompt": "Q?", "completion": "A.", "label": "False"}, False),
        ({"prompt": TALK[:1], "completion": TALK[1:], "label": False}, False),
        ({"messages": TALK, "label": False}, False),
        ({"messages": TALK, "kto_tag": True}, True),
        ({"instruction": "Q?", "input": "", "output": "A.", "kto_tag": False}, False),
        ({"question": "Q?", "answer": "A.", "desirable": "yes"}, True),
    ],
)
def test_judgements(row: dict[str, Any], desirable: bool) -> None:
    shaped = read_shape(row)
    assert (shaped.shape, shaped.desirable, shaped.label) == ("kto", desirable, "")
    assert shaped.messages == (ASKED, GOOD)
    assert shaped.meta == {}


@pytest.mark.parametrize(
    ("row", "shape"),
    [
        ({"prompt": "Q?", "completion": "A.", "label": "billing"}, "prompt_completion"),
        ({"prompt": "Q?", "completion": "A.", "label": 1}, "prompt_completion"),
        ({"question": "Q?", "answer": "A.", "label": True}, "question_answer"),
        ({"text": "Q?", "label": True}, "text_label"),
        ({"messages": TALK, "category": "billing"}, "messages"),
        ({"messages": TALK, "chosen": None, "rejected": None}, "messages"),
        ({"messages": None, "question": "Q?", "answer": "A."}, "question_answer"),
        ({"messages": None, "conversations": SHARED}, "sharegpt"),
    ],
)
def test_what_only_looks_like_a_judgement_or_a_pair(row: dict[str, Any], shape: str) -> None:
    assert read_shape(row).shape == shape


def test_columns_name_a_judgement() -> None:
    row = {"question": "Q?", "answer": "A.", "thumb": "1"}
    assert read_shape(row, columns={"desirable": "thumb"}).desirable is True
    with pytest.raises(UnreadableRow, match="maybe"):
        read_shape(row | {"thumb": "maybe"}, columns={"desirable": "thumb"})


def test_openai_tools() -> None:
    call = {"id": "c7", "type": "function", "function": {"name": "weather", "arguments": '{"city": "松江"}'}}
    row = {
        "messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c7", "content": "rain"},
            {"role": "assistant", "content": "It rains."},
        ],
        "tools": [{"type": "function", "function": WEATHER}],
        "parallel_tool_calls": False,
    }
    shaped = read_shape(row)
    assert shaped.messages[1] == Message("assistant", "", (call,))
    assert shaped.messages[2] == Message("tool", "rain", tool_call_id="c7")
    assert shaped.tools == tuple(row["tools"])  # type: ignore[arg-type]
    assert shaped.meta == {"parallel_tool_calls": False}


def test_old_functions_and_calls_without_an_id() -> None:
    shaped = read_shape(
        {
            "messages": [
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": {"d": 1}}},
                {"role": "function", "name": "weather", "content": "rain"},
                {"role": "assistant", "content": "It rains."},
            ],
            "functions": [WEATHER],
        }
    )
    [call] = shaped.messages[1].tool_calls
    assert call == {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"d": 1}'}}
    assert shaped.messages[2] == Message("tool", "rain", tool_call_id="call_1", name="weather")
    assert shaped.tools == ({"type": "function", "function": WEATHER},)


def test_sharegpt_tools() -> None:
    calls = [{"name": "weather", "arguments": {"day": day}} for day in (1, 2)]
    shaped = read_shape(
        {
            "system": "Be brief.",
            "tools": json.dumps([WEATHER]),
            "conversations": [
                {"from": "human", "value": "Weather?"},
                {"from": "function_call", "value": json.dumps(calls)},
                {"from": "observation", "value": "rain"},
                {"from": "observation", "value": "sun"},
                {"from": "gpt", "value": "Rain, then sun."},
            ],
        }
    )
    assert [m.role for m in shaped.messages] == ["system", "user", "assistant", "tool", "tool", "assistant"]
    assert [call["function"]["arguments"] for call in shaped.messages[2].tool_calls] == ['{"day": 1}', '{"day": 2}']
    assert [m.tool_call_id for m in shaped.messages[3:5]] == ["call_1", "call_2"]
    assert shaped.tools[0]["function"] == WEATHER


def test_nulls_of_columnar_files_are_no_part_of_a_tool() -> None:
    tool = {
        "name": "f",
        "parameters": {"type": "object", "properties": {"a": {"type": "string", "default": None}, "b": None}},
    }
    [cleaned] = read_shape({"messages": TALK, "tools": [tool]}).tools
    assert cleaned["function"]["parameters"]["properties"] == {"a": {"type": "string", "default": None}}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"messages": TALK, "tools": "[{]"}, "'tools' is not valid JSON"),
        ({"messages": TALK, "tools": [{"description": "?"}]}, "without a name"),
        ({"conversations": [*SHARED, {"from": "function_call", "value": "weather()"}]}, "not valid JSON"),
        ({"conversations": [*SHARED, {"from": "function_call", "value": "[1]"}]}, "without a name"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "image_url"),
    ],
)
def test_tools_and_parts_that_are_none(row: dict[str, Any], says: str) -> None:
    with pytest.raises(UnreadableRow, match=says):
        read_shape(row)


def test_a_column_that_is_only_called_tools_stays() -> None:
    assert read_shape({"question": "Q?", "answer": "A.", "tools": "hammer"}).meta == {"tools": "hammer"}


def test_alpaca_with_history_and_system() -> None:
    row = {"instruction": "Q?", "input": "I", "output": "A.", "system": "S", "history": [["Q0", "A0"], ["Q1", "A1"]]}
    assert [m.content for m in read_shape(row).messages] == ["S", "Q0", "A0", "Q1", "A1", "Q?\nI", "A."]
    assert [m.content for m in read_shape(row | {"history": json.dumps(row["history"])}).messages][1:3] == ["Q0", "A0"]
    with pytest.raises(UnreadableRow, match="history"):
        read_shape(row | {"history": [["Q0"]]})


def test_self_instruct() -> None:
    row = {"instruction": "Q?", "instances": [{"input": "I", "output": "A."}], "name": "x"}
    shaped = read_shape(row)
    assert [m.content for m in shaped.messages] == ["Q?\nI", "A."]
    assert shaped.meta == {"name": "x"}
    with pytest.raises(UnreadableRow, match="2 instances"):
        read_shape(row | {"instances": row["instances"] * 2})  # type: ignore[operator]


@pytest.mark.parametrize("prompt", ["Q? ->", "Q?\n\n###\n\n", "Q?"])
def test_prompts_of_completion_models(prompt: str) -> None:
    assert read_shape({"prompt": prompt, "completion": " A.\n"}).messages[0] == ASKED


@pytest.mark.parametrize("labels", [["a", "b"], '["a", "b"]'])
def test_several_labels(labels: Any) -> None:
    shaped = read_shape({"text": "Q?", "labels": labels, "n": 1})
    assert (shaped.label, shaped.messages[1].content) == ("a, b", "a, b")
    assert shaped.meta == {"labels": ["a", "b"], "n": 1}


def test_documents() -> None:
    shaped = read_shape({"text": "Once.", "title": "T"})
    assert (shaped.shape, shaped.messages, shaped.meta) == ("document", (Message("document", "Once."),), {"title": "T"})
    assert read_shape({"text": "Once.", "label": "tale"}, task="pretrain").shape == "document"
    assert read_shape({"body": "Once."}, columns={"text": "body"}).messages[0].content == "Once."


@pytest.mark.parametrize("speaker", ["name", "speaker"])
def test_dialogues_with_names(speaker: str) -> None:
    turns = [{speaker: "customer", "text": "Q?", "id": 1}, {speaker: "operator_1", "text": "A.", "id": 2}]
    assert read_shape({"utterances": turns}).messages == (ASKED, GOOD)


def test_turns_as_json_text() -> None:
    assert read_shape({"messages": json.dumps(TALK)}).messages == (ASKED, GOOD)


INNER = ["role", "from", "content", "value", "name", "function", "type", "text"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text("aあ[{\"'}]: ", max_size=6),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(INNER), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
KEYS = [
    "messages", "conversations", "tools", "functions", "system", "prompt", "completion", "chosen", "rejected", "label",
    "labels", "kto_tag", "instruction", "input", "output", "history", "instances", "question", "answer", "text",
    "group", "licence", "use", "language",
]  # fmt: skip


@settings(max_examples=400)
@given(
    row=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6),
    shape=st.sampled_from(["auto", *SHAPES]),
    task=st.sampled_from(["chat", "classify", "preference", "pretrain"]),
)
def test_any_row_is_shaped_or_says_why_not(row: dict[str, Any], shape: str, task: str) -> None:
    before = json.dumps(row)
    try:
        shaped = read_shape(row, shape=shape, task=task)
    except UnreadableRow:
        pass
    else:
        assert shaped.messages
        assert all(isinstance(message.content, str) for message in (*shaped.messages, *shaped.rejected))
        json.dumps([message.as_dict() for message in shaped.messages] + [dict(shaped.meta)])
    assert json.dumps(row) == before


@pytest.mark.parametrize(
    ("row", "shape"),
    [
        ({"Frage": "Wo kann ich parken?", "Antwort": "Hinter dem Haus."}, "question_answer"),
        ({"Nachricht": "Wo kann ich parken?", "Kategorie": "Anreise"}, "text_label"),
        ({"Anweisung": "Kürze das.", "Eingabe": "Ein langer Satz.", "Ausgabe": "Ein Satz."}, "alpaca"),
    ],
)
def test_german_headings_name_themselves(row: dict[str, str], shape: str) -> None:
    assert read_shape(row).shape == shape
