"""One rendering: what is trained before an answer is what serving feeds, token for token."""

import logging
from typing import Any

import pytest
from chat_templates import BARE, CHATML, CROOKED, FORGETFUL, GEMMA, LLAMA3, THINKING
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kitae.core.chat import HOUSE_TEMPLATE, Segment, encode, end_token_ids, prompt_ids, prompt_text, renderings
from kitae.core.records import Message
from kitae.errors import BaseError

TEMPLATES = {"chatml": CHATML, "llama3": LLAMA3, "gemma": GEMMA, "house": HOUSE_TEMPLATE}
ENDS = {"chatml": "<|im_end|>", "llama3": "<|eot_id|>", "gemma": "<end_of_turn>", "house": "</s>"}
ONE = (Message("user", "チェックインは？"), Message("assistant", "15時です。"))
TWO = (Message("system", "Be brief."), *ONE, Message("user", "And check-out?"), Message("assistant", "11 am."))


@pytest.fixture(params=sorted(TEMPLATES))
def template(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def tokenizer(template: str, tokenizer_with: Any) -> Any:
    return tokenizer_with(TEMPLATES[template])


def pieces_of(tokenizer: Any, messages: tuple[Message, ...]) -> tuple[Segment, ...]:
    """The pieces of the one text of a conversation."""
    (text,) = renderings(tokenizer, messages)
    return text.pieces


def text_of(tokenizer: Any, ids: Any) -> str:
    return tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)


@pytest.mark.parametrize("messages", [ONE, TWO], ids=["one", "two"])
def test_pieces_join_to_the_whole_rendering(tokenizer: Any, messages: tuple[Message, ...]) -> None:
    whole = tokenizer.apply_chat_template([m.as_dict() for m in messages], tokenize=False)
    joined = "".join(piece.text for piece in pieces_of(tokenizer, messages))
    assert whole.startswith(joined)
    assert whole[len(joined) :].strip() == "", "only white space after the last turn's end is left out"


@pytest.mark.parametrize("messages", [ONE, TWO], ids=["one", "two"])
def test_what_is_trained_is_the_answers_with_their_ends(
    tokenizer: Any, template: str, messages: tuple[Message, ...]
) -> None:
    trained = [piece.text for piece in pieces_of(tokenizer, messages) if piece.trained]
    assert trained == [m.content + ENDS[template] for m in messages if m.role == "assistant"]


@pytest.mark.parametrize("messages", [ONE, TWO], ids=["one", "two"])
def test_the_tokens_before_an_answer_are_the_serving_tokens(tokenizer: Any, messages: tuple[Message, ...]) -> None:
    ((row,),) = encode(tokenizer, [messages])
    first = row.trained.index(True)
    answers = [i for i, m in enumerate(messages) if m.role == "assistant"]
    assert list(row.ids[:first]) == prompt_ids(tokenizer, messages[: answers[0]])
    rendered = text_of(tokenizer, row.ids)
    for index in answers:
        assert rendered.startswith(prompt_text(tokenizer, messages[:index]))


def test_every_trained_run_ends_with_a_token_that_stops_generation(tokenizer: Any) -> None:
    ((row,),) = encode(tokenizer, [TWO])
    last = [i for i in range(len(row)) if row.trained[i] and (i + 1 == len(row) or not row.trained[i + 1])]
    assert len(last) == 2
    assert all(row.ids[i] in end_token_ids(tokenizer) for i in last)


def test_flags_and_ids_have_the_same_length(tokenizer: Any) -> None:
    for (row,) in encode(tokenizer, [ONE, TWO]):
        assert len(row) == len(row.ids) == len(row.trained)


def test_many_conversations_are_encoded_as_each_alone(tokenizer: Any) -> None:
    assert encode(tokenizer, [ONE, TWO, ONE]) == [encode(tokenizer, [m])[0] for m in (ONE, TWO, ONE)]
    assert encode(tokenizer, []) == []


# White space at the ends is left out: several of the templates trim it, as their originals do.
content = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(
    lambda t: t == t.strip()
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(question=content, answer=content)
def test_any_text_is_trained_as_it_is_served(tokenizer: Any, template: str, question: str, answer: str) -> None:
    messages = (Message("user", question), Message("assistant", answer))
    ((row,),) = encode(tokenizer, [messages])
    first = row.trained.index(True)
    assert list(row.ids[:first]) == prompt_ids(tokenizer, messages[:1])
    assert all(row.trained[first:])
    assert text_of(tokenizer, row.ids[first:]) == answer + ENDS[template]


def test_a_template_that_writes_no_end_still_teaches_to_stop(tokenizer_with: Any) -> None:
    tokenizer = tokenizer_with(BARE)
    ((row,),) = encode(tokenizer, [ONE])
    assert row.ids[-1] == tokenizer.eos_token_id
    assert row.trained[-1]
    assert end_token_ids(tokenizer) == [tokenizer.eos_token_id]


@pytest.mark.parametrize("template", [FORGETFUL, THINKING], ids=["forgetful", "thinking"])
def test_a_template_that_rewrites_history_gives_each_answer_a_text_of_its_own(
    tokenizer_with: Any, template: str
) -> None:
    tokenizer = tokenizer_with(template)
    assert len(renderings(tokenizer, ONE)) == 1
    (rows,) = encode(tokenizer, [TWO])
    assert [row.turns for row in rows] == [3, 5]
    for row in rows:
        first = row.trained.index(True)
        assert list(row.ids[:first]) == prompt_ids(tokenizer, TWO[: row.turns - 1])
        assert all(row.trained[first:]), "the answers before it are read, not trained"
        assert text_of(tokenizer, row.ids[first:]) == TWO[row.turns - 1].content + "<|im_end|>"


def test_a_template_that_asks_otherwise_than_it_writes_is_refused_with_the_next_step(tokenizer_with: Any) -> None:
    with pytest.raises(BaseError, match="writes an answer otherwise") as raised:
        renderings(tokenizer_with(CROOKED), ONE)
    assert raised.value.exit_code == 2


def test_a_conversation_without_an_answer_trains_nothing(tokenizer: Any) -> None:
    ((row,),) = encode(tokenizer, [ONE[:1]])
    assert len(row) > 0
    assert not any(row.trained)


def test_end_tokens_are_the_template_s_own_and_eos(tokenizer: Any, template: str) -> None:
    named = tokenizer.convert_ids_to_tokens(end_token_ids(tokenizer))
    assert named == ([ENDS[template]] if ENDS[template] == "</s>" else [ENDS[template], "</s>"])


REFUSING = CHATML.replace(
    "{% for m in messages %}",
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}",
)


def test_what_a_template_refuses_is_an_error_that_says_so_or_is_reported_by_place(tokenizer_with: Any) -> None:
    tokenizer = tokenizer_with(REFUSING)
    with pytest.raises(BaseError, match=r"no system .roles: system"):
        encode(tokenizer, [TWO])
    with pytest.raises(BaseError, match="no system"):
        prompt_text(tokenizer, TWO[:2])
    refused: dict[int, BaseError] = {}
    rows = encode(tokenizer, [ONE, TWO, ONE], on_refused=refused.__setitem__)
    assert [len(several) for several in rows] == [1, 0, 1]
    assert list(refused) == [1]


def test_a_greeting_that_answers_nothing_is_read_and_not_trained(tokenizer: Any, template: str) -> None:
    messages = (Message("assistant", "Welcome."), *ONE)
    ((row,),) = encode(tokenizer, [messages])
    assert list(row.ids[: row.trained.index(True)]) == prompt_ids(tokenizer, messages[:2])
    assert (
        text_of(tokenizer, [i for i, t in zip(row.ids, row.trained, strict=True) if t]) == "15時です。" + ENDS[template]
    )
    ((alone,),) = encode(tokenizer, [messages[:1]])
    assert not any(alone.trained)
    assert prompt_ids(tokenizer, ()) == []


def test_a_long_prompt_is_counted_without_a_word_from_transformers(
    tokenizer_with: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who feeds it to a model says what is too long; transformers would say so for text that is only counted."""
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    tokenizer = tokenizer_with(HOUSE_TEMPLATE)
    tokenizer.model_max_length = 4
    assert len(prompt_ids(tokenizer, ONE[:1])) > 4
    encode(tokenizer, [ONE])
    assert caplog.records == []
    tokenizer("a text that is long enough to be warned of")
    assert {record.name.partition(".")[0] for record in caplog.records} == {"transformers"}
