"""Slips of the keyboard are found and explained; forms of a word, names and other spellings are no slips."""

from collections import Counter

import pytest
from data.talks import pair

from kitae.data.rules import Norms, chosen_rules, flags, learn_norms
from kitae.data.rules.seen import Seen
from kitae.data.rules.typos import FREQUENT, learnt_slips, slips, words_of


def found(text: str) -> list[str]:
    seen = Seen(pair(text, "Yes."), "chat")
    return list(slips(seen.text, seen.words, seen.found, {}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Did you recieve my mail?", "'recieve' for 'receive'"),
        ("Is it in the the garden?", "'the the'"),
        ("駐車場をを使えますか", "a particle twice: をを"),
        ("子供がが二人います", "a particle twice: がが"),
        ("行けますか。お願いしす。", "'お願いしす' for 'お願いします'"),
        ("お車でですです", "an ending twice: ですです"),
        ("そこに座っいます", "kana that do not follow one another: っい"),
        ("いくらですかですか", "an ending twice: ですかですか"),
        ("アフロへアの人", "a letter of another script: へ"),
        ("そうですね、。はい", "stops that do not follow one another: 、。"),
        ("１2時に着きます", "both widths: １2"),
        ("こんにちわ", "'こんにちわ' for 'こんにちは'"),
    ],
)
def test_a_slip_is_found_and_explained(text: str, said: str) -> None:
    assert said in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "ますます増えます", "いろいろありがとうございます", "ものの見方", "ののしる声", "母はははと笑う",
        "部屋でできますか",
        "とともに行きます", "がが", "「はは」と笑った", "宿のへやへ行く", "He said that that was it.",
        "It is what it is.",
        "言って、立って、行っています", "おんなのこ", "パーティー", "ヘアサロン", "そう、、、ですね。。。",
        "colour and color",
        "We went bye-bye", "Room 12", "１２時に着きます", "わっしょい",
    ],
)  # fmt: skip
def test_good_text_has_no_slips(text: str) -> None:
    assert found(text) == []


def counts(**rare: int) -> Counter[str]:
    frequent = ("receive", "transfer", "exchange", "identity", "currency", "recipient", "centre", "travelling", "form")
    return Counter(dict.fromkeys(frequent, FREQUENT)) + Counter(rare)


def test_rare_words_beside_frequent_ones_are_learnt_as_slips() -> None:
    learnt = learnt_slips(counts(recieve=1, trasfer=2, exhcange=1, indentity=1, currancy=1, recepient=1))
    assert learnt == {
        "currancy": "currency", "exhcange": "exchange", "indentity": "identity", "recepient": "recipient",
        "recieve": "receive", "trasfer": "transfer",
    }  # fmt: skip


def test_forms_spellings_rhymes_and_what_is_not_rare_are_no_slips() -> None:
    assert learnt_slips(counts(received=1, transfers=1, center=1, traveling=1, from_=1, deform=1, farm=1)) == {}
    assert learnt_slips(counts(trasfer=3)) == {}
    assert learnt_slips(Counter(trasfer=1)) == {}


def test_words_are_what_begins_small_between_spaces() -> None:
    tokens = Counter({"transfer,": 2, "(transfer)": 1, "Transfer": 5, "it's": 1, "a.transfer": 1, "x1": 2, "card": 1})
    assert words_of(tokens) == {"transfer": 3, "card": 1}


def test_what_was_learnt_is_flagged_in_the_record() -> None:
    usual = [pair("May I transfer money?", "You may transfer it.", row=row) for row in range(1, 30)]
    slip = pair("Did my trasfer arrive?", "It did.", row=99)
    norms = learn_norms([*usual, slip], task="chat", languages=("en",))
    assert norms.slips == {"trasfer": "transfer"}
    [edit] = flags(slip, norms, chosen_rules({}))
    assert edit.reason == "suspected typos: 'trasfer' for 'transfer'"
    assert flags(usual[0], norms, chosen_rules({})) == []
    assert flags(slip, Norms("chat", ("en",)), chosen_rules({})) == []
