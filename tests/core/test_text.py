"""Text functions, in Japanese and English."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitae.core.text import compact, ends_sentence, is_japanese, ngrams, normalise


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ＡＢＣ　１２３", "abc 123"),
        ("  Hello\n\tWorld ", "hello world"),
        ("ｶﾞｿﾘﾝ", "ガソリン"),
        ("STRASSE Straße", "strasse strasse"),
        ("", ""),
    ],
)
def test_normalise(text: str, wanted: str) -> None:
    assert normalise(text) == wanted


@given(text=st.text(max_size=60))
def test_normalise_leaves_no_doubled_or_outer_space(text: str) -> None:
    form = normalise(text)
    assert form == form.strip()
    assert "  " not in form


@pytest.mark.parametrize(
    ("one", "other"),
    [("チェックイン は、15時です。", "チェックインは15時です"), ("Yes, please!", "yes please"), ("１０％", "10%")],
)
def test_compact_ignores_spaces_and_punctuation(one: str, other: str) -> None:
    assert compact(one) == compact(other)


def test_compact_keeps_what_tells_answers_apart() -> None:
    assert compact("はい") != compact("いいえ")
    assert compact("room 12") != compact("room 21")
    assert compact("かき") != compact("がき")


@given(text=st.text(max_size=40), size=st.integers(1, 6))
def test_ngrams_are_pieces_of_the_text_and_cover_it(text: str, size: int) -> None:
    found = ngrams(text, size)
    assert all(gram in text and len(gram) <= size for gram in found)
    assert bool(found) == bool(text)
    assert set("".join(found)) == set(text)


@pytest.mark.parametrize(
    ("text", "japanese"),
    [
        ("チェックインは何時ですか", True),
        ("Wi-Fiのpasswordを教えて", True),
        ("東京", True),
        ("What time is check-in?", False),
        ("The word for inn is written 旅 in a Japanese text", False),
        ("123 !?", False),
        ("", False),
    ],
)
def test_is_japanese(text: str, japanese: bool) -> None:
    assert is_japanese(text) is japanese


@pytest.mark.parametrize(
    "text", ["はい。", "Yes.", "本当ですか？ ", "(see below)", "「どうぞ」", "Wait…", 'He said "no."']
)
def test_ends_sentence(text: str) -> None:
    assert ends_sentence(text)


@pytest.mark.parametrize("text", ["", "お部屋は", "and then we", "、", "Dear,"])
def test_does_not_end_sentence(text: str) -> None:
    assert not ends_sentence(text)
