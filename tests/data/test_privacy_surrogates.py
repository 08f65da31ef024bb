"""A stand-in has the shape of what it stands for, belongs to nobody, and keeps its check digits."""

import ipaddress
import pickle
import re

import pytest
from data.labelled import Labelled, read_cases
from hypothesis import given
from hypothesis import strategies as st

from kitae.data.privacy.check_digits import (
    corporate_number_check,
    iban_check,
    luhn,
    my_number_check,
    with_iban_check,
    with_luhn,
)
from kitae.data.privacy.findings import digits_of, narrow
from kitae.data.privacy.redaction import KINDS, Redactor, scan
from kitae.data.privacy.surrogates import SURROGATES, Keyed, like_number, surrogate

KEYED = Keyed(b"k")
FORMS = [
    ("phone", "090-1234-5678", r"090-0000-\d{4}"),
    ("phone", "０９０－１２３４－５６７８", r"０９０－００００－[０-９]{4}"),
    ("phone", "(415) 867-2671", r"\(415\) 555-01\d\d"),
    ("phone", "+81 3-5777-8600", r"\+81 0-0000-\d{4}"),
    ("email", "a@b.jp", r"[a-z]+\d{5}@example\.com"),
    ("email", "ａ＠ｂ．ｊｐ", r"[ａ-ｚ]+[０-９]{5}＠ｅｘａｍｐｌｅ．ｃｏｍ"),
    ("card", "4545 6527 5582 8235", r"4111 11\d\d \d{4} \d{4}"),
    ("card", "３５８０７５５９２００４８７１８", r"３５３０１１[０-９]{10}"),
    ("card", "3754-732030-93196", r"3782-82\d{4}-\d{5}"),
    ("my_number", "6214 9832 0257", r"0000 \d{4} \d{4}"),
    ("corporate_number", "5-8356-7825-6246", r"\d-0000-\d{4}-\d{4}"),
    ("iban", "GB29 NWBK 6016 1331 9268 19", r"GB\d\d XXXX 00\d\d \d{4} \d{4} \d\d"),
    ("iban", "es9121000418450200051332", r"es\d{22}"),
    ("bank_account", "7654321", r"000\d{4}"),
    ("us_ssn", "536-22-8741", r"9\d\d-(?!00)[0-4]\d-\d{4}"),
    ("passport", "TK1234567", r"XX00\d{5}"),
    ("driving_licence", "305012345670", r"000000\d{6}"),
    ("birth_date", "1985年4月1日", r"19[5-9]\d年[1-7]月[1-7]日"),
    ("birth_date", "04/12/1987", r"0[1-7]/0[1-7]/19[5-9]\d"),
    ("birth_date", "March 3rd, 1979", r"[A-Z][a-z]+ (?:1st|2nd|3rd|[4-7]th), 19[5-9]\d"),
    ("birth_date", "12 Jun 1965", r"0[1-7] [A-Z][a-z]{2} 19[5-9]\d"),
    ("birth_date", "平成三年五月二十日", r"平成[一二三四五六七]年[一二三四五六七]月[一二三四五六七]日"),
    ("birth_date", "S60.1.5", r"S0[1-7]\.[1-7]\.[1-7]"),
    ("postal_code", "150-0041", r"000-\d{4}"),
    ("postal_code", "SW1A 1AA", r"ZZ\dZ \dZZ"),
    ("ip_address", "10.0.0.1", r"192\.0\.2\.\d{1,3}"),
    ("ip_address", "2001:db8::ff00:42:8329", r"2001:db8::[0-9a-f]{1,4}:[0-9a-f]{1,4}"),
    ("mac_address", "3C:22:FB:9A:10:7E", r"02:00:00(?::[0-9A-F]{2}){3}"),
    ("mac_address", "0011.2233.4455", r"0200\.00[0-9a-f]{2}\.[0-9a-f]{4}"),
    ("coordinates", "35.681236, 139.767125", r"[1-5]\d\.\d{6}, 1[0-7]\d\.\d{6}"),
    ("coordinates", "51°30'26\"N 0°7'39\"W", r"\d\d°\d\d'\d\d\"N \d°\d'\d\d\"W"),
    ("name", "山田太郎", r"[一-鿿]{3,4}"),
    ("name", "ハセガワ ユウコ", r"[ァ-ヶー]+ [ァ-ヶー]+"),
    ("name", "Emma Clarke", r"[A-Z][a-z]+ [A-Z][a-z]+"),
    ("address", "東京都渋谷区神宮前6-35-3", r"見本県\w+\d+-\d+-\d+"),
    ("address", "221 Baker Street, London", r"\d+ [A-Z]\w+ Street, \w+"),
    ("person_id", "CUST-00123", r"XXXX-\d{5}"),
    ("secret", "hunter2!", r"\[secret\]"),
    ("url", "https://a.example.org/x?y=1", r"https://www\.example\.com/\d{5}"),
    ("date", "2024-05-01", r"19[5-9]\d-0[1-7]-0[1-7]"),
]


@pytest.mark.parametrize(("kind", "value", "form"), FORMS)
def test_shape(kind: str, value: str, form: str) -> None:
    made = surrogate(kind, value, KEYED)
    assert re.fullmatch(form, made), made
    assert made != value
    assert made == surrogate(kind, value, Keyed(b"k"))


def test_every_kind_has_a_stand_in() -> None:
    assert {kind for kind, _, _ in FORMS} == set(SURROGATES) >= set(KINDS)


@given(number=st.from_regex(r"4[0-9]{15}|5[1-5][0-9]{14}|3[47][0-9]{13}|6[0-9]{15}|30[0-9]{12}", fullmatch=True))
def test_cards_keep_length_first_digit_and_luhn(number: str) -> None:
    number = with_luhn(number)
    made = surrogate("card", number, KEYED)
    assert luhn(made)
    assert made != number
    assert (len(made), made[0]) == (len(number), number[0])


@given(body=st.from_regex("[0-9]{12}", fullmatch=True))
def test_official_numbers_keep_their_check_digits(body: str) -> None:
    assert my_number_check(surrogate("my_number", body, KEYED))
    assert corporate_number_check(surrogate("corporate_number", body + "0", KEYED))
    assert iban_check(surrogate("iban", with_iban_check("GB00ABCD" + body + "00"), KEYED))


def test_check_digits() -> None:
    assert my_number_check("621498320257")
    assert not my_number_check("621498320258")
    assert corporate_number_check("5835678256246")
    assert not corporate_number_check("6835678256246")
    assert luhn("4111111111111111")
    assert not luhn("4111111111111112")
    assert iban_check("GB82WEST12345698765432")
    assert not iban_check("GB83WEST12345698765432")
    assert not iban_check("GB82WEST123456987654320")


@given(st.text(max_size=30), st.sampled_from(sorted(SURROGATES)))
def test_any_value_gets_a_stand_in(value: str, kind: str) -> None:
    made = surrogate(kind, value, KEYED)
    assert made == surrogate(kind, value, KEYED)
    assert isinstance(like_number(kind, value, KEYED), int | float)


@given(st.ip_addresses())
def test_addresses_lie_in_ranges_for_documents(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    made = ipaddress.ip_address(surrogate("ip_address", str(address), KEYED))
    ranges = {4: "192.0.2.0/24", 6: "2001:db8::/32"}
    assert made.version == address.version
    assert made in ipaddress.ip_network(ranges[made.version])


def test_keys_scopes_and_salts_differ_and_equal_values_agree() -> None:
    draws = [keyed.number("phone", "0901") for keyed in (KEYED, Keyed(b"other"), KEYED.within("talk"), KEYED.salted(1))]
    assert len(set(draws)) == 4
    assert KEYED.within("talk").number("a", "b") == Keyed(b"k").within("talk").number("a", "b")
    assert KEYED.short("phone", "090-1234") == KEYED.short("phone", "０９０ １２３４")
    assert pickle.loads(pickle.dumps(KEYED)).number("a", "b") == KEYED.number("a", "b")


CASES = [case for name in ("ja", "en") for case in read_cases(name)]


def kinds_of(text: str) -> list[str]:
    return [finding.kind for finding in scan(text, KINDS)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.text[:24])
def test_masking_twice_is_masking_once(case: Labelled) -> None:
    redactor = Redactor("mask", KINDS, KEYED)
    once, found = redactor.text(case.text)
    assert redactor.text(once) == (once, [])
    assert [value for _, value in found if len(value) > 3 and value in once] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.text[:24])
def test_stand_ins_are_seen_as_what_they_stand_for(case: Labelled) -> None:
    once, _ = Redactor("replace", KINDS, KEYED).text(case.text)
    seen_again = kinds_of(once)
    vanished = {"secret", "us_ssn", "passport"}
    assert [kind for kind in kinds_of(case.text) if kind not in vanished] == [
        k for k in seen_again if k not in vanished
    ]


@given(st.text(st.sampled_from("山田様太郎さん1-90@.aA 電話0円月〒sk_:/東京都区名年生[]phonecard4"), max_size=60))
def test_masking_any_text_twice_is_masking_once(text: str) -> None:
    redactor = Redactor("mask", KINDS, KEYED)
    once, _ = redactor.text(text)
    assert redactor.text(once) == (once, [])


@given(st.text(st.characters(categories=["Nd", "Lo", "Po", "Zs"]), max_size=40))
def test_narrowing_keeps_every_place(text: str) -> None:
    assert len(narrow(text)) == len(text)
    assert digits_of(narrow("０１２ー３")) == "0123"
