"""Private data is found next to kana, in full width and in both languages; dates, prices and order numbers are not."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from data.desk import Desk, dropped, kept
from hypothesis import given, settings
from hypothesis import strategies as st

from kitae.core.files import read_jsonl
from kitae.core.records import Message, Origin, Record
from kitae.data.privacy.redaction import KINDS, Redactor, scan
from kitae.data.privacy.surrogates import SURROGATES, Keyed

PRIVATE = [
    ("email", "メールはtaro.yamada@example.co.jpです", "taro.yamada@example.co.jp"),
    ("email", "ｔａｒｏ＠ｅｘａｍｐｌｅ．ｊｐまで", "ｔａｒｏ＠ｅｘａｍｐｌｅ．ｊｐ"),
    ("phone", "電話は090-1234-5678です", "090-1234-5678"),
    ("phone", "０９０－１２３４－５６７８まで", "０９０－１２３４－５６７８"),
    ("phone", "携帯09012345678に", "09012345678"),
    ("phone", "03(1234)5678へ", "03(1234)5678"),
    ("phone", "TEL:0312345678", "0312345678"),
    ("phone", "フリーダイヤル0120-123-456", "0120-123-456"),
    ("phone", "0570-012-345か050-1234-5678", "0570-012-345"),
    ("phone", "Call +81 90 1234 5678 please", "+81 90 1234 5678"),
    ("phone", "reach me on (415) 555-2671", "(415) 555-2671"),
    ("phone", "my number is 07700 900123", "07700 900123"),
    ("postal_code", "〒380-0824に届けて", "380-0824"),
    ("postal_code", "My postal code is 380-0824.", "380-0824"),
    ("address", "長野県長野市南石堂町1-2-3に送ってください", "長野県長野市南石堂町1-2-3"),
    ("address", "住所は北海道札幌市中央区北1条西2丁目です", "北海道札幌市中央区北1条西2丁目"),
    ("address", "I live at 221 Baker Street, London", "221 Baker Street, London"),
    ("name", "佐藤様のお部屋", "佐藤"),
    ("name", "私は山田太郎と申します", "山田太郎"),
    ("name", "お名前：高橋 健一", "高橋 健一"),
    ("name", "先日予約した鈴木です", "鈴木"),
    ("name", "My name is Emma Clarke and", "Emma Clarke"),
    ("name", "Is Mr. Brown in?", "Brown"),
    ("name", "Thanks,\nOlivia Martin", "Olivia Martin"),
    ("card", "カード4111 1111 1111 1111で", "4111 1111 1111 1111"),
    ("card", "it is 378282246310005.", "378282246310005"),
    ("my_number", "マイナンバーは6214 9832 0257です", "6214 9832 0257"),
    ("birth_date", "生年月日は1985年4月1日", "1985年4月1日"),
    ("birth_date", "昭和60年4月1日生まれ", "昭和60年4月1日"),
    ("birth_date", "born on March 3, 1990", "March 3, 1990"),
    ("bank_account", "普通 1234567に", "1234567"),
    ("iban", "IBAN GB82 WEST 1234 5698 7654 32 ok", "GB82 WEST 1234 5698 7654 32"),
    ("ip_address", "192.168.1.10から接続", "192.168.1.10"),
    ("ip_address", "from 2001:0db8:85a3::8a2e:0370:7334 now", "2001:0db8:85a3::8a2e:0370:7334"),
    ("secret", "キーはsk-abcdEFGH1234567890です", "sk-abcdEFGH1234567890"),
    ("secret", "AKIAIOSFODNN7EXAMPLEを", "AKIAIOSFODNN7EXAMPLE"),
    ("secret", "ghp_abcdefghijklmnop1234567890 is mine", "ghp_abcdefghijklmnop1234567890"),
    ("secret", "Authorization: Bearer abc.DEF-123456789", "abc.DEF-123456789"),
    ("secret", "パスワードはhunter2!です", "hunter2!"),
    ("secret", "password: Tr0ub4dor&3", "Tr0ub4dor&3"),
    ("secret", "postgres://app:s3cret@db/x", "s3cret"),
]
HARMLESS = [
    "チェックインは15:00、料金は12,000円、2024年5月1日から3泊です",
    "注文番号は0312345678です",
    "予約番号 20240501-1234",
    "order 555-123-4567 has not arrived",
    "10〜20円、15-18時、3-4人、2024-05-01",
    "お客様、皆様、お子様、奥様、ご主人様、仲居さん、お母さん",
    "東京都新宿区から行きます。福島です。",
    "森林浴と山田温泉と林道",
    "I am looking for Wi-Fi. I'm Here for breakfast. I am Japanese.",
    "Dear Guest, thank you. Hello Everyone,",
    "パスワードを忘れました。password is required",
    "バージョン1.2.3.4、version 10.0.0.1",
    "誕生日は5月3日です",
    "12345678901234567890",
    "口コミ1234567件",
    "マイナンバーカードは使えますか",
    "room 101, 2 adults, 3 nights, 4 p.m.",
]


@pytest.mark.parametrize(("kind", "text", "value"), PRIVATE)
def test_private_data_is_found(kind: str, text: str, value: str) -> None:
    assert (kind, value) in [(f.kind, text[f.start : f.end]) for f in scan(text, KINDS)]


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_is_left_alone(text: str) -> None:
    assert [(f.kind, text[f.start : f.end]) for f in scan(text, KINDS)] == []


def redactor(mode: str = "replace", key: bytes = b"k") -> Redactor:
    return Redactor(mode, KINDS, Keyed(key))


@pytest.mark.parametrize(("kind", "text", "value"), PRIVATE)
def test_replacing_removes_the_value_and_keeps_the_rest(kind: str, text: str, value: str) -> None:
    out, found = redactor().text(text)
    assert value not in out
    assert (kind, value) in found
    before, _, after = text.partition(value)
    assert out.startswith(before)
    assert out.endswith(after) or len(found) > 1


def test_a_person_keeps_one_stand_in() -> None:
    text, _ = redactor().text("私は山田太郎と申します。山田様のご予約ですね。")
    family = re.search(r"ですね|^私は(.+?)と申", text)
    assert family
    name = re.findall(r"私は(.+)と申します。(.+)様の", text)[0]
    assert name[0].startswith(name[1])
    english, _ = redactor().text("My name is Emma Clarke. Is Ms. Clarke booked?")
    full, last = re.findall(r"name is (\w+ \w+)\. Is Ms\. (\w+) ", english)[0]
    assert full.split()[1] == last


def test_another_key_gives_another_stand_in_and_digest() -> None:
    one, other = Keyed(b"one"), Keyed(b"other")
    assert SURROGATES["email"]("a@b.jp", one) == SURROGATES["email"]("A@B.jp", one)
    assert SURROGATES["email"]("a@b.jp", one) != SURROGATES["email"]("a@b.jp", other)
    assert one.short("email", "a@b.jp") != other.short("email", "a@b.jp")


@settings(max_examples=200)
@given(text=st.text(st.sampled_from("山田様1-90@.aA 電話0円月〒sk_:/"), max_size=60))
def test_findings_never_overlap_and_stand_ins_fit(text: str) -> None:
    findings = scan(text, KINDS)
    assert all(a.end <= b.start for a, b in pairwise(findings))
    for finding in findings:
        assert SURROGATES[finding.kind](text[finding.start : finding.end], Keyed(b"k"))


@pytest.mark.parametrize(
    "hostile", ["山田" * 3000, "1-" * 5000, "a@" * 5000, "東京都新宿区" * 1500, "password: " * 1500]
)
def test_hostile_text_takes_no_long_time(hostile: str) -> None:
    record = Record("x", (Message("user", hostile),), Origin("f", 1))
    assert redactor("mask").record(record).messages


def test_modes(desk: Desk) -> None:
    rows = [
        {"question": "My name is Emma Clarke, is it open?", "answer": "Yes, it is open.", "email": "emma@clarke.org"},
        {"question": "When does the shop close today?", "answer": "It closes at six."},
    ]
    desk.rows("logs.jsonl", rows)
    texts = {}
    for mode in ("off", "flag", "mask", "replace", "drop"):
        dataset = desk.prepare(privacy={"mode": mode})
        texts[mode] = kept(dataset)[0].question
        everything = "".join(file.read_text("utf-8") for file in dataset.folder.iterdir())
        assert ("emma@clarke.org" in everything) == (mode in {"off", "flag"})
        if mode == "drop":
            assert list(dropped(dataset)) == ["privacy"]
            assert "Clarke" not in everything
    assert texts["off"] == texts["flag"] == rows[0]["question"]
    assert texts["mask"] == "My name is [name], is it open?"
    assert "Clarke" not in texts["replace"]
    assert texts["drop"] == rows[1]["question"]


def test_the_history_tells_kind_and_place_but_no_value(desk: Desk) -> None:
    desk.rows(
        "logs.jsonl", [{"question": "Call 090-1234-5678?", "answer": "We will call you back.", "氏名": "山田太郎"}]
    )
    [record] = kept(desk.prepare())
    edits = [edit.detail for edit in record.history if edit.rule == "privacy"]
    assert [(e["kind"], e["place"]) for e in edits] == [("phone", "turn 1"), ("name", "column 氏名")]
    assert all(re.fullmatch(r"[0-9a-f]{8}", e["digest"]) for e in edits)
    assert "1234" not in json.dumps(record.as_dict())
    assert "山田" not in json.dumps(record.as_dict(), ensure_ascii=False)


FIRST = '{"question": "駐車場は？", "answer": "ございます。"}\n'
NAMED = "氏名,質問,回答\n山本花子,駐車場はありますか。,はい、ございます。\n"
BAD_ROWS = {
    "too_many.csv": NAMED + "山田太郎,風呂は、何時,ですか,24時です。\n",
    "too_few.csv": "質問,回答,氏名\n駐車場はありますか。,はい、ございます。,花子\n風呂は何時ですか。,山田太郎\n",
    "open_quote.csv": NAMED + '山田太郎,"風呂は何時ですか。,24時です。\n',
    "bad_byte.csv": NAMED.encode() + "山田太郎,風呂は".encode() + b"\xff\xfe" + "何時,24時です。\n".encode(),
    "no_shape.jsonl": FIRST + '{"Name": "John Smith", "氏名": "山田太郎"}\n',
    "cut.jsonl": FIRST + '{"氏名" : "山田\\"太郎", "guest_name": "John \n',
    "quotes.jsonl": FIRST + '{"name": "John "Jo" Smith", "first_name": ""John" Jo", "x": 1}\n',
    "listed.jsonl": FIRST + '[{"氏名": ["山田太郎", "J. Smith"], "n": 1}]\n',
    "escaped.jsonl": FIRST + '{"\\u6c0f\\u540d": "\\u5c71\\u7530\\u592a\\u90ce", "question": "x\n',
    "broken.json": f'[{FIRST}, {{"氏名": "山田太郎", "電話": 9012345678, "x" }}]',
}


@pytest.mark.parametrize("name", BAD_ROWS)
@pytest.mark.parametrize("mode", ["off", "replace"])
def test_private_columns_are_masked_in_what_quarantine_quotes(desk: Desk, name: str, mode: str) -> None:
    desk.write(name, BAD_ROWS[name])
    dataset = desk.prepare(privacy={"mode": mode}, clean={"wrong_language": False})
    [row] = read_jsonl(dataset.file("quarantine.jsonl"))
    page, report = dataset.file("report.html").read_text("utf-8"), dataset.json("report.json")
    shown = [page, json.dumps(report, ensure_ascii=False), *([row["excerpt"]] if mode == "replace" else [])]
    for text in shown:
        assert "[name]" in text
        assert [part for part in ("山田", "太郎", "John", "Smith", "9012", "5c71") if part in text] == []
    if mode == "off":
        assert any(part in row["excerpt"] for part in ("山田", "John", "5c71"))


def test_a_quote_is_masked_before_it_is_cut(desk: Desk) -> None:
    bad = '{"note": "' + "a " * 90 + 'taro.yamada@example.co.jp", \n'
    desk.write("logs.jsonl", '{"question": "Is it open?", "answer": "It is."}\n' + bad)
    dataset = desk.prepare()
    [row] = read_jsonl(dataset.file("quarantine.jsonl"))
    assert row["excerpt"].endswith('a [email]",')
    question = "b " * 95 + "taro.yamada@example.co.jp"
    desk.rows("test.jsonl", [{"question": question, "answer": ""}], use="test")
    *_, row = read_jsonl(desk.prepare(privacy={"mode": "off"}).file("quarantine.jsonl"))
    assert row["excerpt"].endswith("b [email]")


def test_dropping_looks_at_the_text_and_not_at_other_columns(desk: Desk) -> None:
    desk.write(
        "desk.csv",
        "お客様名,質問,回答\n山田太郎,駐車場はありますか。,はい、ございます。\n"
        "鈴木花子,私は鈴木花子と申します。風呂は何時までですか。,24時までです。\n",
    )
    dataset = desk.prepare(privacy={"mode": "drop"})
    assert [record.question for record in kept(dataset)] == ["駐車場はありますか。"]
    [record] = dropped(dataset)["privacy"]
    assert record.history[-1].reason == "holds private data: name"
    assert "山田" not in dataset.file("records.jsonl").read_text("utf-8")


def test_quarantine_and_labels(desk: Desk) -> None:
    desk.write("rows.jsonl", '{"text": "Where is my card please?", "label": "Mr. Brown"}\n{"text": "a@b.com", \n')
    dataset = desk.prepare(task="classify")
    assert kept(dataset)[0].label == "Mr. Brown"
    assert "a@b.com" not in dataset.file("quarantine.jsonl").read_text("utf-8")


@pytest.mark.parametrize("scope", ["conversation", "dataset"])
def test_stand_ins_are_the_same_every_time_and_as_far_as_the_scope_goes(tmp_path: Path, scope: str) -> None:
    rows = [{"question": f"Is {i} the number for 090-1234-5678?", "answer": f"Answer {i} it is."} for i in range(3)]
    digests = []
    for folder in ("one", "two"):
        desk = Desk(tmp_path / folder)
        desk.folder.mkdir()
        desk.rows("logs.jsonl", rows)
        dataset = desk.prepare(privacy={"scope": scope})
        digests.append(dataset.digest)
        numbers = {re.findall(r"090-0000-\d{4}", record.question)[0] for record in kept(dataset)}
        assert len(numbers) == (1 if scope == "dataset" else 3)
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    "text",
    [
        "password" + " =" * 4_000 + " x",
        "token:" + " " * 20_000 + "x",
        "password: aA" + "_" * 20_000,
        "password: " + "a" * 4_000 + "B" * 4_000,
    ],
    ids=["signs", "blanks", "mixed", "cases"],
)
def test_a_long_row_of_one_kind_is_read_once(text: str) -> None:
    """These took time that doubled with each sign, or grew with the cube: the test ends, and that is the test."""
    assert all(0 <= one.start < one.end <= len(text) for one in scan(text, ("secret",)))
