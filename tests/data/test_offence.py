"""Offence is scored and explained; innocent words that look alike are not offensive; masks do not help."""

import pytest

from kitae.data.rules.lexicon import lexicon
from kitae.data.rules.offence import explained, offence, unmasked


@pytest.mark.parametrize(
    "text",
    [
        "バカンスで行きます", "アホウドリは見られますか", "馬鹿正直に言うと", "死ねないほど忙しい",
        "カスタードはありますか",
        "ゴミの分別を教えてください", "ハゲタカ", "The classic assassin's assistant", "Scunthorpe",
        "This stupid machine ate my card", "There are twice as many cows as dogs", "Half of the marbles get lost.",
        "Section A-B-C of form 5 s", "The garbage truck comes at six; the trash is in the yard.", "ジョン・スミス様",
        "Call 4s1t or room b1tc2", "殺すように言うな", "No. 1 in Japan!!!", "覚悟しています",
    ],
)  # fmt: skip
def test_innocent_text_is_not_offensive(text: str) -> None:
    assert offence(text)[0] < 1.0


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("f**k", "fuck"), ("sh1t", "shit"), ("a$$hole", "asshole"), ("b!tch", "bitch"), ("f u c k", "fuck"),
        ("s.h.i.t", "shit"), ("fuuuuck", "fuck"), ("死 ね", "死ね"), ("バ・カ", "バカ"),
    ],
)  # fmt: skip
def test_masks_are_seen_through(written: str, meant: str) -> None:
    assert unmasked(f"oh {written} now") == f"oh {meant} now"


@pytest.mark.parametrize("text", ["pa$$word", "A-1 B-2", "v1.2.3", "5*6*7", "U S A", "カ タ カ ナ"])
def test_other_text_stays_or_loses_only_spaces(text: str) -> None:
    assert offence(text) == (0.0, ())


def test_the_lexicon_is_explained() -> None:
    assert {entry.kind for entry in lexicon("offence").entries} == {"insult", "threat", "slur", "sexual"}
    score, found = offence("死ね、このクズ。")
    assert score >= 2.0
    assert explained(found) == "insult: 死ね, このクズ"


def test_the_same_words_count_once() -> None:
    assert offence("damn, damn, damn")[0] == 0.5
    assert offence("damn this crappy thing")[0] == 1.0
