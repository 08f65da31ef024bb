"""Noise changes letters and words, never numbers, links or stand-ins; swaps keep to whole words."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitae.core.records import Message, Origin, Record
from kitae.data.small.apart import HeldOut, dice, grams_of, jaccard
from kitae.data.small.characters import ENGLISH, JAPANESE, typed
from kitae.data.small.swaps import built_in_terms, swapped
from kitae.data.small.words import reworded

SEEDS = range(60)
TEXT = st.text(st.sampled_from("abc ABC.かがシッー、。漢字1９[]@!？"), max_size=40)


def variants(text: str, kind: str, *, japanese: bool) -> set[str]:
    make = {"characters": typed, "words": reworded}[kind]
    return {make(text, japanese=japanese, strength=0.05, draw=random.Random(seed)) for seed in SEEDS}


@given(TEXT, st.booleans(), st.integers(0, 9))
def test_noise_never_fails_and_follows_from_the_draw(text: str, japanese: bool, seed: int) -> None:
    for make in (typed, reworded):
        one = make(text, japanese=japanese, strength=0.3, draw=random.Random(seed))
        assert one == make(text, japanese=japanese, strength=0.3, draw=random.Random(seed))
        assert one == "" or one != text or "ー" in text


@pytest.mark.parametrize("kind", ["characters", "words"])
def test_what_is_exact_stays(kind: str) -> None:
    text = "お電話03-1234-5678か[email]へ、またはhttps://example.org/a?b=c をご覧になって教えてください。"
    english = "Please call the number 03-1234-5678 or [email] about the very old page https://example.org/a?b=c now."
    for sentence, japanese in ((text, True), (english, False)):
        made = variants(sentence, kind, japanese=japanese)
        assert len(made) > 2
        for fixed in ("03-1234-5678", "[email]", "https://example.org/a?b=c"):
            assert all(fixed in variant for variant in made)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("サーバー", "サーバ"), ("サーバ", "サーバー"),
        ("データー", "データ"), ("かった", "かつた"), ("シャツ", "シヤツ"),
        ("じかん", "ぢかん"), ("ソフト", "ンフト"), ("Wi-Fi", "Ｗi-Fi"), ("ください", "くだいさ"), ("かぎ", "がぎ"),
    ],
)  # fmt: skip
def test_japanese_typing_errors(before: str, after: str) -> None:
    changed = {before[:a] + instead + before[b:] for make in JAPANESE.values() for a, b, instead in make(before)}
    assert after in changed


@pytest.mark.parametrize("after", ["breakfsat", "breakfat", "breakkfast", "breakfsst", "vreakfast"])
def test_english_typing_errors(after: str) -> None:
    text = "breakfast"
    changed = {text[:a] + instead + text[b:] for make in ENGLISH.values() for a, b, instead in make(text)}
    assert after in changed
    assert not any(word[0] != "b" and len(word) != len(text) for word in changed)


def test_particles_and_endings() -> None:
    made = variants("駐車場はホテルの前にありますか。", "words", japanese=True)
    assert "駐車場はホテルの前にございますか。" in made
    assert "駐車場ホテルの前にありますか。" in made
    assert all("はホテルの前" in variant or "ホテルの前に" in variant for variant in made)


def test_a_particle_is_a_word_of_its_own() -> None:
    """The は of はい and the に of にわ are none."""
    made = variants("はい、にわとりです", "words", japanese=True)
    assert all("はい" in variant and "にわとり" in variant for variant in made if variant)


def test_english_words_keep_their_negation() -> None:
    made = variants("Why can the very old card not be used at an ATM", "words", japanese=False)
    for words in (variant.split() for variant in made):
        assert len(words) - words.index("not") in {5, 6}
    assert "Why can very old card not be used at an ATM" in made


def swaps(text: str, *, japanese: bool) -> set[str]:
    terms = built_in_terms()["ja" if japanese else "en"]
    return {swapped(text, japanese=japanese, terms=terms, draw=random.Random(seed))[0] for seed in SEEDS}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("母の誕生日に父と泊まります。", "父の誕生日に母と泊まります。"),
        ("母国に帰る前の父に会えますか。", "母国に帰る前の母に会えますか。"),
        ("彼女は彼の姉です。", "彼は彼女の妹です。"),
        ("My father and his sister lost her card.", "My mother and her brother lost his card."),
        ("He gave it to her.", "She gave it to him."),
        ("HE IS THE MAN", "SHE IS THE WOMAN"),
    ],
)
def test_swaps_exchange_all_terms_of_a_subject(before: str, after: str) -> None:
    made = swaps(before, japanese=not before.isascii())
    if before.startswith("彼女"):
        assert made == {"彼は彼女の妹です。", "彼は彼女の兄です。"} & made
        assert made
    else:
        assert made == {after}


@pytest.mark.parametrize("text", ["母国はどこですか。", "父島へ行く船", "The theme of the manual", "日本語"])
def test_a_part_of_a_word_is_no_term(text: str) -> None:
    assert swaps(text, japanese=not text.isascii()) == {""}


def test_names_and_places_have_many_others() -> None:
    assert len(swaps("東京から行きます。", japanese=True)) > 4
    assert len(swaps("I come from Tokyo.", japanese=False)) > 4
    assert all(re.fullmatch(r"I come from [A-Z][a-z]+\.", text) for text in swaps("I come from Tokyo.", japanese=False))


def asking(text: str, *before: str) -> Record:
    turns = [Message("user" if n % 2 == 0 else "assistant", said) for n, said in enumerate(before)]
    return Record("0", (*turns, Message("user", text), Message("assistant", "yes")), Origin("a", 1))


LETTERS = st.text(st.sampled_from("abcde かきくけ駐車"), min_size=1, max_size=25)


@given(st.lists(LETTERS, min_size=1, max_size=8), LETTERS, st.sampled_from([0.5, 0.8, 1.0]))
def test_the_index_finds_exactly_what_is_near(held: list[str], text: str, near: float) -> None:
    wanted = any(jaccard(grams_of(text), grams_of(other)) >= near for other in held if grams_of(text))
    assert HeldOut(map(asking, held), near=near).asks(asking(text)) == wanted


def test_a_question_is_known_alone_and_with_what_was_said_before() -> None:
    held = HeldOut([asking("And on Sunday afternoons?", "When is the museum open?", "At nine.")], near=0.8)
    assert held.asks(asking("And on Sunday afternoons"))
    assert held.asks(asking("and on sunday afternoons!", "Something else", "Fine."))
    assert not held.asks(asking("And on Monday mornings?"))


@given(TEXT, TEXT)
def test_likeness_is_symmetric_and_bounded(one: str, other: str) -> None:
    assert 0.0 <= dice(one, other) == dice(other, one) <= 1.0
    assert dice(one, one) in {0.0, 1.0}
