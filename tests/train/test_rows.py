"""Records become rows that serving would feed; the long are cut at whole turns; the audit finds what is wrong."""

import pytest
from tiny import TEMPLATE, build_tokenizer
from train.site import record, records

from kitae.core.chat import prompt_ids
from kitae.errors import BaseError, NothingToLearn
from kitae.train.audit import audit
from kitae.train.rows import Row, tokenise


def test_every_record_is_a_row_or_left_out_with_a_reason() -> None:
    given = [*records(5), record(7, "no answer here"), record(8, "q" * 400, "a")]
    rows, left_out = tokenise(build_tokenizer(), given, max_row_tokens=60)
    assert [row.record.id for row in rows] == [r.id for r in given[:5]]
    assert [(out.record.id, "no answer" in out.reason) for out in left_out] == [
        (given[5].id, True),
        (given[6].id, False),
    ]
    assert "beyond 60 tokens" in str(left_out[1])
    assert "rows.jsonl:9" in str(left_out[1])


def test_a_long_conversation_keeps_the_whole_turns_that_fit() -> None:
    long = record(1, "first?", "one", "second?", "two", "third?", "three" * 40)
    tokenizer = build_tokenizer()
    [whole], _ = tokenise(tokenizer, [record(1, "first?", "one", "second?", "two")], max_row_tokens=1000)
    [row], left_out = tokenise(tokenizer, [long], max_row_tokens=len(whole) + 10)
    assert not left_out
    assert row.tokens == whole.tokens
    assert row.cut == 2


def test_where_a_template_rewrites_history_each_answer_is_a_row_that_equals_serving() -> None:
    forgets = "{% if m['role'] == 'assistant' and not loop.last %}-{% else %}{{ m['content'] }}{% endif %}"
    tokenizer = build_tokenizer(template=TEMPLATE.replace("{{ m['content'] }}", forgets))
    talk = record(1, "first?", "one", "second?", "two", "third?", "three")
    rows, left_out = tokenise(tokenizer, [talk], max_row_tokens=100)
    assert not left_out
    assert [tokenizer.decode([i for i, t in zip(*vars_of(row), strict=True) if t]) for row in rows] == [
        "one<|end|>",
        "two<|end|>",
        "three<|end|>",
    ]
    found = audit(tokenizer, rows, left_out)
    assert (found.records, found.rows, found.prompts_compared, found.later_prompts_differ) == (1, 3, 3, 0)
    shorter, left_out = tokenise(tokenizer, [talk], max_row_tokens=len(rows[1]))
    assert ([row.tokens for row in shorter], shorter[-1].cut) == ([row.tokens for row in rows[:2]], 2)
    assert not left_out


def vars_of(row: Row) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Ids and flags of a row."""
    return row.tokens.ids, row.tokens.trained


def test_only_answers_with_their_end_are_trained() -> None:
    tokenizer = build_tokenizer()
    [row], _ = tokenise(tokenizer, [record(1, "hello?", "yes", "sure?", "no")], max_row_tokens=100)
    trained = [i for i, t in zip(row.tokens.ids, row.tokens.trained, strict=True) if t]
    assert tokenizer.decode(trained) == "yes<|end|>no<|end|>"
    assert row.labels == len(trained)
    assert list(row.tokens.ids[: row.tokens.trained.index(True)]) == prompt_ids(tokenizer, row.record.messages[:1])


def test_the_audit_counts() -> None:
    tokenizer = build_tokenizer()
    rows, left_out = tokenise(tokenizer, [*records(6), record(9, "no answer")], max_row_tokens=60)
    found = audit(tokenizer, rows, left_out)
    assert (found.rows, found.rows_left_out, found.prompts_compared) == (6, 1, 6)
    assert found.trained_tokens == sum(sum(row.tokens.trained) for row in rows)
    assert "6 rows" in found.sentence


def test_no_row_at_all_is_an_error_that_names_the_records() -> None:
    _, left_out = tokenise(build_tokenizer(), [record(3, "a"), record(4, "b")], max_row_tokens=60)
    with pytest.raises(NothingToLearn, match=r"rows\.jsonl:4.*rows\.jsonl:5"):
        audit(build_tokenizer(), [], left_out)


@pytest.mark.parametrize(
    ("template", "what"),
    [
        (TEMPLATE.replace("<|end|>", "<|end|><|end|>"), "stands twice"),
        (
            "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}\n\n.{% endfor %}"
            "{% if add_generation_prompt %}<|assistant|>{% endif %}",
            "never stop",
        ),
    ],
    ids=["doubled", "endless"],
)
def test_a_template_that_teaches_something_wrong_is_refused(template: str, what: str) -> None:
    tokenizer = build_tokenizer(template=template)
    rows, left_out = tokenise(tokenizer, records(3), max_row_tokens=100)
    with pytest.raises(BaseError, match=what):
        audit(tokenizer, rows, left_out)


def test_prompts_that_serving_would_tokenise_otherwise_are_refused() -> None:
    tokenizer = build_tokenizer()
    rows, _ = tokenise(tokenizer, records(3), max_row_tokens=100)
    other = build_tokenizer(template=TEMPLATE.replace("<|{{ m['role'] }}|>", "<|{{ m['role'] }}|> "))
    with pytest.raises(BaseError, match="differ between training and serving"):
        audit(other, rows, [])


def test_no_records_give_no_rows() -> None:
    assert tokenise(build_tokenizer(), [], max_row_tokens=10) == ([], [])
