"""The policy: what the terms of a record lack, said of each, and a run that is refused before anything is trained."""

import json
from pathlib import Path
from typing import Any

import pytest
from data.desk import Desk, dropped, kept, talk
from hypothesis import given
from hypothesis import strategies as st

from kitae import data
from kitae.core.data_settings import PolicySettings
from kitae.core.records import Origin, Record, Terms
from kitae.data.custody.licences import KNOWN
from kitae.data.custody.policy import SHOWN, breach
from kitae.errors import PolicyRefused


def lacks(terms: Terms, **policy: Any) -> str | None:
    return breach(Record("1", (), Origin("a.csv", 1), terms), PolicySettings.model_validate(policy))


@pytest.mark.parametrize(
    ("licence", "policy", "wanted"),
    [
        ("CC-BY-4.0", {"licences": ["CC-BY-4.0"]}, None),
        ("CC-BY-4.0", {"licences": ["CC BY 4.0"]}, None),
        ("CC-BY-4.0", {"licences": ["cc-by-*"]}, None),
        ("CC-BY-NC-4.0", {"licences": ["CC-BY-4.0", "MIT"]}, "CC-BY-NC-4.0 is not among the allowed"),
        ("", {"licences": ["*"]}, "states no licence"),
        ("", {"commercial": True}, "states no licence"),
        ("", {}, None),
        ("house rules", {}, None),
        ("house rules", {"licences": ["house rules"]}, None),
        ("CC-BY-NC-4.0", {"commercial": True}, "does not plainly allow commercial use"),
        ("CC-BY-NC-4.0", {"licences": ["CC-BY-NC-4.0"], "commercial": True}, "does not plainly allow commercial use"),
        ("CC-BY-ND-4.0", {"derivatives": True, "training": True}, "adapted material and training"),
        ("CC-BY-4.0", {"commercial": True, "derivatives": True, "training": True}, None),
        ("MIT OR CC-BY-NC-4.0", {"commercial": True}, None),
        ("MIT AND CC-BY-NC-4.0", {"commercial": True}, "CC-BY-NC-4.0"),
        ("house rules", {"commercial": True}, "is not known to allow commercial use"),
        ("LicenseRef-ACME", {"commercial": True}, "is not known to allow commercial use"),
        ("LicenseRef-ACME", {"commercial": True, "licences": ["LicenseRef-ACME"]}, None),
        ("LicenseRef-ACME", {"commercial": True, "licences": ["LicenseRef-*"]}, "is not known to allow"),
    ],
)
def test_licences(licence: str, policy: dict[str, Any], wanted: str | None) -> None:
    reason = lacks(Terms(licence), **policy)
    assert reason is None if wanted is None else wanted in str(reason)


@pytest.mark.parametrize(
    ("terms", "policy", "wanted"),
    [
        (Terms(consent="contract"), {"consent": ["contract", "consent"]}, None),
        (Terms(consent="本人同意"), {"consent": ["consent"]}, None),
        (Terms(consent="撤回"), {"consent": ["consent"]}, "consent basis 撤回; wanted consent"),
        (Terms(), {"consent": ["public", "contract"]}, "states no consent basis; wanted contract or public"),
        (Terms(rights_holder="ＡＣＭＥ Inc."), {"rights_holders": ["acme*"]}, None),
        (Terms(rights_holder="Other"), {"rights_holders": ["acme*"]}, "rights holder Other is not among the allowed"),
        (Terms(rights_holder=" "), {"rights_holders": ["*"]}, "names no rights holder"),
    ],
)
def test_consents_and_rights_holders(terms: Terms, policy: dict[str, Any], wanted: str | None) -> None:
    reason = lacks(terms, **policy)
    assert reason is None if wanted is None else wanted in str(reason)


def test_all_that_is_lacking_is_said_at_once() -> None:
    reason = lacks(Terms(), licences=["MIT"], consent=["consent"], rights_holders=["*"])
    assert reason == "states no licence; states no consent basis; wanted consent; names no rights holder"


TERMS = st.builds(
    Terms,
    licence=st.one_of(st.sampled_from(["", "house rules", *sorted(KNOWN)[:8]]), st.text(max_size=8)),
    consent=st.sampled_from(["", "consent", "contract"]),
    rights_holder=st.sampled_from(["", "ACME", "B"]),
)
NAMES = st.lists(st.sampled_from(sorted(KNOWN)[:8]), max_size=3)


@given(TERMS, NAMES, NAMES, st.booleans())
def test_a_wider_list_never_refuses_more(terms: Terms, few: list[str], more: list[str], commercial: bool) -> None:
    narrow = lacks(terms, licences=few or ["MIT"], commercial=commercial)
    wide = lacks(terms, licences=[*(few or ["MIT"]), *more], commercial=commercial)
    assert narrow is not None or wide is None


@given(TERMS)
def test_a_policy_that_asks_for_nothing_refuses_nobody(terms: Terms) -> None:
    assert lacks(terms) is None


def rows(count: int, **more: str) -> list[dict[str, Any]]:
    topics = ["駐車場", "朝食", "大浴場", "送迎", "Wi-Fi", "支払い", "予約", "部屋", "荷物", "子ども"]
    return [
        {
            **talk(
                f"{topics[i % 10]}について{'あいうえおかきくけこ'[i // 10]}教えてください",
                f"{topics[i % 10]}は{i}階でご案内します。",
            ),
            **more,
        }
        for i in range(count)
    ]


def test_dropped_records_say_what_they_lack_and_counts_add_up(desk: Desk) -> None:
    desk.rows("open.jsonl", rows(10), licence="CC-BY-4.0", consent="consent")
    desk.rows("closed.jsonl", rows(30)[20:], licence="CC-BY-NC-4.0", consent="consent")
    dataset = desk.prepare(policy={"commercial": True, "on_breach": "drop"})
    assert {record.origin.file for record in kept(dataset)} == {"open.jsonl"}
    gone = dropped(dataset)["policy"]
    assert len(gone) == 10
    assert all("does not plainly allow commercial use" in record.history[-1].reason for record in gone)
    report = dataset.json("report.json")
    assert report["read"] == report["kept"] + report["dropped"] + report["quarantined"] == 20
    assert report["rules_count"]["policy"] == 10
    data.enforce(dataset, policy=PolicySettings(on_breach="drop"), out=desk.workspace)


@pytest.mark.parametrize("held_out", [False, True])
def test_a_refusal_lists_the_offenders_and_not_what_they_say(desk: Desk, tmp_path: Path, held_out: bool) -> None:
    desk.rows("open.jsonl", rows(10), licence="CC-BY-4.0")
    desk.rows("closed.jsonl", rows(60)[20:], licence="CC-BY-NC-4.0")
    policy = PolicySettings(commercial=True)
    dataset = desk.prepare(policy=policy.plain(), held_out=held_out)
    with desk.workspace.run("x") as folder, pytest.raises(PolicyRefused) as raised:
        data.enforce(dataset, policy=policy, out=desk.workspace)
    said = str(raised.value)
    assert raised.value.exit_code == 3
    assert "40 records" in said
    assert said.count("closed.jsonl:") == SHOWN
    assert "… and 20 more" in said
    lines = [json.loads(line) for line in (folder / "policy-offenders.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == 40
    assert [line["row"] for line in lines] == list(range(1, 41))
    assert all(line["id"] and "commercial use" in line["lacks"] for line in lines)
    assert "階でご案内" not in json.dumps(raised.value.as_json(), ensure_ascii=False)
    assert raised.value.as_json()["offenders"] == lines[:SHOWN]


def test_a_policy_that_leaves_nothing_is_a_refusal_too(desk: Desk) -> None:
    desk.rows("closed.jsonl", rows(10), licence="CC-BY-NC-4.0")
    with pytest.raises(PolicyRefused, match="10 records"):
        desk.prepare(policy={"commercial": True})


def test_a_row_of_a_test_split_needs_its_terms_as_well(desk: Desk) -> None:
    desk.rows("train.jsonl", rows(10), licence="CC-BY-4.0", use="train")
    desk.rows("test.jsonl", rows(30)[20:], licence="CC-BY-NC-4.0", use="test")
    dataset = desk.prepare(policy={"licences": ["CC-BY-4.0"], "on_breach": "drop"})
    assert {record.origin.file for record in dropped(dataset)["policy"]} == {"test.jsonl"}


def test_how_a_breach_is_treated_makes_no_other_dataset(desk: Desk) -> None:
    desk.rows("open.jsonl", rows(10), licence="CC-BY-4.0")
    policy = {"licences": ["CC-*"]}
    refusing = desk.prepare(policy=policy)
    assert desk.prepare(policy={**policy, "on_breach": "drop"}) == refusing
    assert desk.prepare(policy={"licences": ["CC-BY-4.0"]}) != refusing
