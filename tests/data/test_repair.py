"""Wrong encodings are undone, clean text is never touched, and doing it twice changes nothing."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kitae.data.repair import garbled, normalise_safely, repair

SENTENCES = [
    "チェックインは何時からですか？",
    "朝食は7時からです。料金は10〜20円です。",
    "大浴場は男女入替制です",
    "無料でキャンセルできるのは何日前までですか",
    "温泉まんじゅうの賞味期限を教えてください。",
    "Wi-Fiは全室無料で、接続キーは客室の案内カードに記載しております。",
]
MISREAD = [
    ("utf-8", "cp932"),
    ("utf-8", "euc_jp"),
    ("utf-8", "latin-1"),
    ("utf-8", "cp1252"),
    ("cp932", "latin-1"),
    ("euc_jp", "latin-1"),
    ("euc_jp", "cp932"),
    ("cp932", "euc_jp"),
]


@pytest.mark.parametrize(("was", "read"), MISREAD)
def test_misread_japanese_is_put_right(was: str, read: str) -> None:
    tried = 0
    for sentence in SENTENCES:
        try:
            wrong = sentence.encode(was).decode(read)
        except UnicodeError:
            continue
        tried += 1
        assert repair(wrong).replace("～", "〜") == sentence
    assert tried or (was, read) in {("utf-8", "euc_jp"), ("utf-8", "cp1252"), ("cp932", "euc_jp")}


@pytest.mark.parametrize("text", ["It’s £5", "The café is naïve", "what’s on"])
def test_punctuation_and_accents_read_as_cp932(text: str) -> None:
    assert repair(text.encode().decode("cp932")) == text


def test_a_garbled_line_among_clean_ones() -> None:
    clean, wrong = SENTENCES[0], SENTENCES[1].encode().decode("latin-1")
    assert repair(f"{clean}\n{wrong}\n{clean}") == f"{clean}\n{SENTENCES[1]}\n{clean}"


@pytest.mark.parametrize(
    "text",
    [
        *SENTENCES,
        "ﾃｽﾄ",
        "ｱｲｳｴｵ",
        "荳",
        "繧",
        "縺",
        "５００円",
        "10〜20円",
        "naïve café",
        "«Да»",
        "한국어",
        "😀👨‍👩‍👧",
        "¿Qué?",
    ],
)
def test_clean_text_stays(text: str) -> None:
    assert repair(text) == text


def test_real_clean_text_stays(shared_data: Path) -> None:
    lines = (shared_data / "asdc_ja" / "main_dialogs.jsonl").read_text("utf-8").splitlines()
    turns = [turn["text"] for line in lines for turn in json.loads(line)["utterances"]]
    assert len(turns) > 4000
    assert [turn for turn in turns if repair(turn) != turn] == []


def test_lost_bytes_are_called_garbled() -> None:
    assert garbled(SENTENCES[0].encode("cp932").decode("utf-8", errors="replace"))
    assert not any(garbled(sentence) for sentence in SENTENCES)


@settings(max_examples=300)
@given(text=st.text(max_size=60))
def test_repair_and_normalisation_are_idempotent(text: str) -> None:
    once = repair(text)
    assert repair(once) == once
    clean = normalise_safely(text)
    assert normalise_safely(clean) == clean


@settings(max_examples=200)
@given(
    text=st.text("かなカナ漢字温泉ﾃｽﾄabc 12。、é£’", max_size=30), wrong=st.sampled_from(["cp932", "latin-1", "euc_jp"])
)
def test_repairing_a_misreading_never_raises_and_settles(text: str, wrong: str) -> None:
    misread = text.encode().decode(wrong, errors="replace")
    once = repair(misread)
    assert repair(once) == once


def test_normalisation_keeps_meaning() -> None:
    assert normalise_safely("ﾊﾟｽﾎﾟｰﾄ\r\n10〜20円\u200b ５人　\x00") == "パスポート\n10〜20円 ５人"
    assert normalise_safely("か\u3099き\u3099") == "がぎ"
    assert normalise_safely("👨‍👩‍👧") == "👨‍👩‍👧"


def test_a_long_run_of_blanks_inside_a_line_is_kept_and_soon_done() -> None:
    """Looked at once for each of its places, a run of this length would take the better part of an hour."""
    text = "a" + " " * 400_000 + "b"
    assert normalise_safely(text + " \t　\nc　") == text + "\nc"
