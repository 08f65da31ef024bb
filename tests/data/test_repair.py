"""Wrong encodings are undone, clean text is never touched, and doing it twice changes nothing."""

import json
import re
from pathlib import Path

import pytest
from ftfy import fix_encoding
from ftfy.badness import MOJIBAKE_CATEGORIES, is_bad
from hypothesis import given, settings
from hypothesis import strategies as st

from kitae.data.repair import _DOUBTFUL, LONGEST, garbled, normalise_safely, put_right, repair

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


CATEGORIES = ("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "No", "Po", "Zs", "Cf", "Cc", "Co", "Cn")
ANY = st.text(max_size=60) | st.text(st.characters(categories=CATEGORIES), max_size=30)
TRICKY = st.text(
    "aé Ã\xa0Â€â™“”\x80\x85\x9d\x1b$B4A(\n\r\t　ｶﾞﾊﾟｰﾟか゛\u3099\u0301\u00ad\u200b\u200d\ufeffﬁﷺﻼ�縺繧ぁ漢", max_size=14
)


@settings(max_examples=500)
@given(text=ANY | TRICKY)
def test_repair_and_normalisation_are_idempotent_and_bounded(text: str) -> None:
    once = repair(text)
    assert repair(once) == once
    assert len(once) <= len(text)
    clean = normalise_safely(text)
    assert normalise_safely(clean) == clean
    assert len(clean) <= LONGEST * len(text)
    right, misread = put_right(text)
    assert put_right(right) == (right, False)
    assert len(right) <= LONGEST * len(text)
    assert right == normalise_safely(once) or misread


def test_every_character_alone_and_between_letters() -> None:
    for code in (*range(0x20000), *range(0xE0000, 0xE0200)):
        character = chr(code)
        for text in (character, f"a{character}b", f"か{character}\u3099な"):
            right, _ = put_right(text)
            if right != text:
                assert len(right) <= LONGEST * len(text), hex(code)
                assert put_right(right)[0] == right, hex(code)


@settings(max_examples=200)
@given(text=st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf")), max_size=8), times=st.integers(1, 5))
def test_however_often_it_was_misread(text: str, times: int) -> None:
    wrong = text
    for _ in range(times):
        wrong = wrong.encode().decode("latin-1")
    once = repair(wrong)
    assert repair(once) == once
    assert len(once) <= len(wrong)


def test_one_look_misses_nothing_that_ftfy_would_look_at() -> None:
    quotes = "".join(MOJIBAKE_CATEGORIES[name] for name in ("common", "start_punctuation", "end_punctuation"))
    for name, characters in MOJIBAKE_CATEGORIES.items():
        for character in map(chr, range(0x80, 0x10000)):
            if re.fullmatch(f"[{characters}]", character) and character not in quotes:
                assert _DOUBTFUL.search(character), (name, character)
    assert not is_bad(quotes.replace("\xad", "").replace("\xb7", "").replace("\xb4", "") + " a 1 あ 漢 " + quotes[::-1])


@pytest.mark.parametrize("name", ["in-the-wild", "language-names", "synthetic", "negative"])
def test_every_case_of_ftfy_is_put_right_and_nothing_clean_is_touched(shared_data: Path, name: str) -> None:
    cases = json.loads((shared_data / "ftfy_mojibake" / f"{name}.json").read_text("utf-8"))
    assert len(cases) >= 20
    wanted = {case["original"]: case.get("fixed-encoding", case["fixed"]) for case in cases}
    assert {original: repair(original) for original in wanted} == wanted
    assert [fixed for fixed in wanted.values() if repair(fixed) != fixed] == []


def test_known_failures_of_ftfy_are_not_made_worse(shared_data: Path) -> None:
    """Nobody can tell these by their characters; one clean title among them looks exactly like a misread one."""
    cases = json.loads((shared_data / "ftfy_mojibake" / "known-failures.json").read_text("utf-8"))
    assert {repair(case["original"]) == fix_encoding(case["original"]) for case in cases} == {True}
    assert [case["original"] for case in cases if case["original"] == case["fixed"] != repair(case["original"])] == [
        "MISUTÂ\xa0AJIKKO"
    ]


@settings(max_examples=200)
@given(
    text=st.text("かなカナ漢字温泉ﾃｽﾄabc 12。、é£’", max_size=30), wrong=st.sampled_from(["cp932", "latin-1", "euc_jp"])
)
def test_repairing_a_misreading_never_raises_and_settles(text: str, wrong: str) -> None:
    misread = text.encode().decode(wrong, errors="replace")
    once = repair(misread)
    assert repair(once) == once


def test_undecoded_jis_is_decoded() -> None:
    assert repair("Re: \x1b$B4A;z\x1b(B 1") == "Re: 漢字 1"
    assert repair("\x1b$B~~\x1b(B") == "\x1b$B~~\x1b(B"


@pytest.mark.parametrize("mark", ["〜", "～", "~", "–", "-", "ー"])
def test_a_range_stays_a_range(mark: str) -> None:
    for text in (f"10{mark}20円", f"１０{mark}２０円", f"月{mark}金", f"9:00{mark}17:00"):
        assert put_right(text) == (text, False)


@pytest.mark.parametrize(
    "text", ["10²", "m²", "①②", "½", "㎏", "㈱", "Ａ４", "神", "ｅメール", "…", "：", "　", "𠮷", "葛\U000e0100"]
)
def test_what_nfkc_would_change_for_the_worse_stays(text: str) -> None:
    assert normalise_safely(f"「{text}」") == f"「{text}」"


@pytest.mark.parametrize(
    ("text", "clean"),
    [("ﬁnal oﬃce", "final office"), ("a\xa0b\u2009c", "a b c"), ("soft\u00adhyphen", "softhyphen"), ("ｶﾞｷﾞ｡", "ガギ。"),
     ("ﻼ", "لا"), ("ﾡﾢ", "ᄀᄁ"), ("a\u2028b\x85c\rd", "a\nb\nc\nd"), ("e\u0301", "é"), ("a \t\n b", "a\n b")],
)  # fmt: skip
def test_what_nfkc_changes_safely(text: str, clean: str) -> None:
    assert normalise_safely(text) == clean


def test_normalisation_keeps_meaning() -> None:
    assert normalise_safely("ﾊﾟｽﾎﾟｰﾄ\r\n10〜20円\u200b ５人　\x00") == "パスポート\n10〜20円 ５人"
    assert normalise_safely("か\u3099き\u3099") == "がぎ"
    assert normalise_safely("👨‍👩‍👧") == "👨‍👩‍👧"


def test_a_long_run_of_blanks_inside_a_line_is_kept_and_soon_done() -> None:
    """Looked at once for each of its places, a run of this length would take the better part of an hour."""
    text = "a" + " " * 400_000 + "b"
    assert normalise_safely(text + " \t　\nc　") == text + "\nc"
