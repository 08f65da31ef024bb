"""Each rule finds what it is for, says why, leaves its honest neighbours alone, and does what the recipe says."""

import pickle

import pytest
from data.talks import pair, talk

from kitae.core.data_settings import DataSettings
from kitae.core.records import Message, Record
from kitae.data.rules import RULES, Norms, assess, chosen_rules, flags, judge, learn_norms
from kitae.data.rules.lexicon import PATTERNS, lexicon
from kitae.errors import RecipeError, UnknownName

NORMS = Norms("chat", ("ja", "en"), sentence_share={"a.jsonl": 1.0})
PLAIN = "It closes at ten in the evening."
PLAIN_JA = "夜は10時に閉まります。"


def reason(record: Record, rule: str, norms: Norms = NORMS) -> str:
    """What the one rule says, or nothing."""
    asked = chosen_rules({name: name == rule for name in RULES})
    found = judge(record, norms, asked) or next(((e.rule, e.reason) for e in flags(record, norms, asked)), None)
    return found[1] if found else ""


ANSWERS = {
    "refusal": [
        "As an AI language model, I cannot tell you that.",
        "I'm sorry, but I can't assist with that request.",
        "I'm just an AI and do not have feelings.",
        "My knowledge cutoff is September 2021, so I do not know.",
        "申し訳ありませんが、AIとしてお答えすることはできません。",
        "私は言語モデルですので、個人的な意見を持っていません。",
        "申し訳ございませんが、そのリクエストにはお応えできません。",
    ],
    "boilerplate": [
        "It closes at ten.\n\nTo unsubscribe from these emails, click the link below.",
        "We open at six. You are receiving this email because you signed up with us.",
        "Breakfast is at seven.\n\nSent from my iPhone",
        "This website uses cookies to improve your experience. We open at six.",
        "© 2023 Suzukake Inn. All rights reserved.",
        "10時に閉まります。\n配信停止はこちらのURLからお手続きください。",
        "このメールは送信専用アドレスから自動で送信しています。",
        "10時に閉まります。\n\niPhoneから送信",
        "記事・画像の無断転載を禁じます。",
        "当サイトではCookieを使用しています。10時に閉まります。",
    ],
    "leftover_template": [
        "Dear {{guest_name}}, it closes at ten.",
        "Dear {customer_name}, it closes at ten.",
        "Your booking %s is confirmed.",
        "Thank you, <NAME>. It closes at ten.",
        "Dear [Your Name], it closes at ten.",
        "It closes at [insert time here].",
        "Your booking number is XXXX.",
        "Lorem ipsum dolor sit amet.",
        "○○様、ご予約ありがとうございます。",
        "【お客様名】様、夜は10時に閉まります。",
        "ご予約番号は{予約番号}です。",
        "（ここに時間を入力）まで営業しております。",
        "担当：〇〇",
    ],
    "truncated_answer": [
        "It closes at ten, but on Sundays the",
        "```python\nprint(1)\n",
        "夜は10時に閉まりますが、日曜は",
    ],
    "symbols": ["-=#=- -=#=- -=#=- -=#=- ok?", "★☆★☆★☆★☆★☆★☆★☆★☆★☆ 夜10時"],
    "links": ["https://a.example/one https://a.example/two https://a.example/three"],
    "answer_equals_question": ["When does the bath close?", "when does the BATH close"],
    "mojibake": ["閉店は10時\ufffd\ufffdです。"],
    "repetition": ["It closes at ten. " * 12],
    "offensive": [
        "Shut up, you stupid clown.",
        "f**k off",
        "you are a b i t c h",
        "sh1t happens, you idiots",
        "死ね！",
        "お前は バ カ だ",
    ],
}
HONEST = {
    "refusal": [
        "I'm sorry, but we cannot accommodate dogs in the rooms.",
        "As an AI engineer, you will need mathematics.",
        "申し訳ございませんが、ご要望にはお応えできません。",
        "AIチャットは24時間ご利用いただけます。",
        "I can't help with the luggage before eight.",
    ],
    "boilerplate": [
        "You can unsubscribe in the settings of your account.",
        "Our cookies are baked by hand every morning.",
        "配信停止はマイページの設定から行えます。",
        "We reserved a table for you.",
        "個人情報は当館の規程に従って扱います。",
        "Reply to this message if you need a later time.",
    ],
    "leftover_template": [
        "Rooms are 5% off, and drinks 10 % s cheaper.",
        "```python\nprint('%s' % name)\nf'{name}'\n```\nThis prints the name.",
        "Use `{{ name }}` in the template file.",
        "二〇〇九年に改装しました。",
        "If a < b and c > d, take [1, 2, 3] and {4, 5}.",
        "Write to [email] or [name], as masked by privacy.",
        "○ 大浴場　× 露天風呂",
        "Your size is XXL.",
        "朝食は7時～9時（○月を除く）です。",
    ],
    "symbols": ["a + b = c, (a - b) * (a + b) = a² - b²", "「はい」、『いいえ』！？……"],
    "links": ["https://www.example.org/a-very-long-address/of-one-page"],
    "truncated_answer": ["https://example.org/a", "10:00", PLAIN, PLAIN_JA, "```\nprint(1)\n```"],
    "answer_equals_question": ["When does the bath close? At ten.", "Yes."],
    "repetition": ["Breakfast is from 7 to 9, lunch is from 11 to 2, and dinner is from 6 to 9 every day."],
}


@pytest.mark.parametrize(("rule", "answer"), [(rule, answer) for rule, some in ANSWERS.items() for answer in some])
def test_a_fault_is_found_and_explained(rule: str, answer: str) -> None:
    assert reason(pair("When does the bath close?", answer), rule)


@pytest.mark.parametrize(("rule", "answer"), [(rule, answer) for rule, some in HONEST.items() for answer in some])
def test_an_honest_answer_stays(rule: str, answer: str) -> None:
    assert reason(pair("When does the bath close?", answer), rule) == ""


@pytest.mark.parametrize(
    ("answer", "cut"),
    [
        ("夜は10時に閉まりますが、日曜日の", True),
        ("タオルはフロントでお貸しするので", True),
        ("It closes at ten, but on Sundays the", True),
        ("もう少し早く出かけたいのですが", False),
        ("実は本を全部持っておりますの", False),
        ("今日は祝日でございますから", False),
        ("var now = new Date();\nconsole.log(now);", False),
    ],
)
def test_where_only_most_answers_end_as_sentences_the_last_words_decide(answer: str, cut: bool) -> None:
    some = Norms("chat", ("ja", "en"), sentence_share={"a.jsonl": 0.7})
    assert bool(reason(pair("When does the bath close?", answer), "truncated_answer", some)) is cut


def test_a_form_letter_that_was_asked_for_is_no_fault() -> None:
    assert reason(pair("Write a letter of complaint.", "Dear [Company Name], …"), "leftover_template") == ""
    assert (
        reason(pair("お礼状のテンプレートをください。", "○○様、先日はありがとうございました。"), "leftover_template")
        == ""
    )


USER, ASSISTANT, TOOL = ("user", "When?"), ("assistant", PLAIN), ("tool", "22:00")
CALL = Message("assistant", "", ({"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},))


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        ([USER, USER, ASSISTANT], "two turns of the user in a row (turn 2)"),
        ([USER, ASSISTANT, ASSISTANT], "two turns of the assistant in a row (turn 3)"),
        ([ASSISTANT, USER, ASSISTANT], "the first turn is the assistant's"),
        ([USER, ASSISTANT, USER], "the last turn is the user's"),
        ([USER, TOOL, ASSISTANT], "a tool answers that was not called (turn 2)"),
        ([("system", "Be brief."), USER, ASSISTANT, USER, ASSISTANT], ""),
    ],
)
def test_the_order_of_turns(turns: list[tuple[str, str]], said: str) -> None:
    assert reason(talk(*turns), "role_order") == said  # type: ignore[arg-type]


def called(*after: Message) -> Record:
    record = talk(USER, ASSISTANT)  # type: ignore[arg-type]
    from dataclasses import replace

    return replace(record, messages=(record.messages[0], CALL, *after))


def test_turns_with_tools() -> None:
    answer = Message("assistant", PLAIN)
    assert reason(called(Message("tool", "22:00", tool_call_id="c1"), answer), "role_order") == ""
    assert reason(called(Message("tool", "22:00"), answer), "role_order") == ""
    assert "not called" in reason(called(Message("tool", "22:00", tool_call_id="c9"), answer), "role_order")
    assert "before the assistant" in reason(called(Message("user", "So?"), answer), "role_order")
    assert reason(called(), "empty_answer") == ""
    assert judge(called(), NORMS, chosen_rules({})) is None


def test_what_is_a_label_is_no_answer() -> None:
    norms = Norms("classify", ("en",))
    record = pair("I hate waiting for my card", "none", label="none")
    assert judge(record, norms, chosen_rules({})) is None
    assert judge(pair("none", "none", label="none"), norms, chosen_rules({})) == (
        "empty_question",
        "nothing was asked",
    )


def test_raw_text_has_no_question() -> None:
    norms = Norms("pretrain", ("ja", "en"))
    assert judge(talk(("document", "It was a dark night. The inn was far away.")), norms, chosen_rules({})) is None
    assert judge(talk(("document", " \n -- ")), norms, chosen_rules({}))[0] == "empty_document"  # type: ignore[index]
    german = talk(("document", "Das ist nicht die Sprache, die wir hier haben wollen."), language="de")
    assert judge(german, norms, chosen_rules({}))[0] == "wrong_language"  # type: ignore[index]


def test_a_pair_without_a_difference_teaches_nothing() -> None:
    same = pair("When?", PLAIN, rejected=(Message("assistant", PLAIN.upper()),))
    assert "rejected" in reason(same, "no_preference")
    assert reason(pair("When?", PLAIN, rejected=(Message("assistant", "No idea."),)), "no_preference") == ""


def test_the_recipe_sets_threshold_and_action() -> None:
    record = pair("When does it close?", "Read more » Follow us on Twitter")
    assert judge(record, NORMS, chosen_rules({"truncated_answer": False}))[0] == "boilerplate"  # type: ignore[index]
    softer = chosen_rules({"truncated_answer": False, "boilerplate": 2})
    assert judge(record, NORMS, softer) is None
    data = DataSettings.model_validate(
        {"sources": [{"path": "a"}], "clean": {"truncated_answer": False, "boilerplate": {"action": "flag"}}}
    )
    only_flagged = chosen_rules(data.clean)
    assert judge(record, NORMS, only_flagged) is None
    [edit] = flags(record, NORMS, only_flagged)
    assert (edit.rule, edit.detail) == ("boilerplate", {"action": "flag"})
    assessed = assess(record, NORMS, only_flagged)
    assert (assessed.against, list(assessed.flags)) == (None, [edit])
    typo = pair("When dose it close?", "I recieve guests until ten.")
    strict = chosen_rules(
        {"suspected_typo": {"action": "drop"}}
        and DataSettings.model_validate(
            {"sources": [{"path": "a"}], "clean": {"suspected_typo": {"action": "drop", "threshold": 1}}}
        ).clean
    )
    assert judge(typo, NORMS, strict)[0] == "suspected_typo"  # type: ignore[index]
    assert assess(typo, NORMS, strict).flags == ()


def test_rules_that_nobody_knows_and_thresholds_of_no_use() -> None:
    with pytest.raises(UnknownName, match="boilerplait"):
        chosen_rules({"boilerplait": True})
    with pytest.raises(RecipeError, match="too_short"):
        chosen_rules({"too_short": -1})
    assert "emotion_skew" not in chosen_rules({})
    assert chosen_rules({"too_short": 0})["too_short"].threshold == 0.0


def test_rules_travel_to_workers() -> None:
    rules = chosen_rules({"emotion_skew": 0.3})
    assert pickle.loads(pickle.dumps(rules)) == rules


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "\ud800", "a" * 100_000, "{" * 5000, "<" * 5000, "。" * 3000, "あ" * 20_000]
)
def test_hostile_text_is_judged_quickly_and_without_an_error(text: str) -> None:
    record = pair(text, text)
    norms = learn_norms([record], task="chat", languages=("ja", "en"))
    assess(record, norms, chosen_rules({}))


@pytest.mark.parametrize("name", PATTERNS)
def test_every_entry_of_a_list_finds_its_example_by_what_it_needs(name: str) -> None:
    from kitae.data.rules.seen import found_in

    for entry in lexicon(name).entries:
        found = found_in(entry.example)
        assert entry.needs
        assert any(match.kind == entry.kind for match in lexicon(name).matches(entry.example, found)), entry.example


def test_what_an_entry_needs_is_in_all_that_it_finds() -> None:
    from kitae.data.rules.seen import found_in

    examples = [entry.example for name in PATTERNS for entry in lexicon(name).entries]
    texts = [*examples, *(answer for some in (*ANSWERS.values(), *HONEST.values()) for answer in some)]
    texts += [text.upper() for text in texts] + [
        f"「{one}{other}」" for one, other in zip(texts, texts[3:], strict=False)
    ]
    for name in PATTERNS:
        every = lexicon(name).needles
        for text in texts:
            assert list(lexicon(name).matches(text, found_in(text))) == list(lexicon(name).matches(text, every)), text


def test_every_field_of_a_template_finds_its_example() -> None:
    for entry in lexicon("template").entries:
        assert reason(pair("When?", entry.example), "leftover_template"), entry.example
