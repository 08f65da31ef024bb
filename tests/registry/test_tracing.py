"""Tracing: a record's whole life, and from a version to the terms of all that taught it. Who looked is written down."""

import json
import shutil
from pathlib import Path

import pytest
from data.desk import talk
from registry.conftest import LINEAGE, adapter_in, figures, recipe_with, verdict_in
from registry.erasure.site import CATS, DOGS, HOLDER, Site
from registry.test_versions import database  # noqa: F401 - every test here runs on both databases
from sqlalchemy import select

from kitae import registry
from kitae.core.artifacts import Plan, Split
from kitae.core.records import read_records
from kitae.core.store import open_store
from kitae.core.workspace import Draft, Workspace
from kitae.errors import InputError, UnknownName
from kitae.registry.tables import AuditRow


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.rows.append(
        {**talk("090-1234-5678に折り返してもらえますか", "田中様、承知いたしました。"), "rights_holder": "ＡＣＭＥ"}
    )
    site.rows.append({**talk("", "質問がありません。"), "rights_holder": "ACME"})
    site.write()
    site.teach()
    return site


def side_of(site: Site, question: str) -> str:
    split = site.artifacts(Split)[0]
    return next(name for name in ("train", "validation", "test")
                if question in {record.question for record in read_records(split.file(f"{name}.jsonl"))})  # fmt: skip


@pytest.mark.parametrize("by", ["id", "prefix", "place", "text"])
def test_a_life_by_every_way_of_naming_it(site: Site, by: str) -> None:
    record = site.record(DOGS)
    ways = {
        "id": (record.id, ""),
        "prefix": (record.id[:8], ""),
        "place": ("faq.jsonl:61", ""),
        "text": ("", "大型犬を二匹"),
    }
    wanted, text = ways[by]
    found = registry.trace_record(site.out, wanted, text=text)
    (life,) = found["records"]
    assert life["id"] == record.id
    assert life["origin"] == {"file": "faq.jsonl", "row": 61, "sheet": ""}
    assert life["terms"]["rights_holder"] == HOLDER
    assert life["terms"]["allows"]["commercial"] is True
    assert {(one["kind"], one["side"]) for one in life["stands_in"]} == {
        ("dataset", "kept"),
        ("split", side_of(site, DOGS)),
    }


@pytest.mark.parametrize("question", [DOGS, CATS])
def test_it_leads_to_the_versions_it_taught_or_measured(site: Site, question: str) -> None:
    (life,) = registry.trace_record(site.out, site.record(question).id)["records"]
    taught = side_of(site, question) != "test"
    assert life["versions"] == [{"version": "faq:1", "status": "candidate", "how": "taught" if taught else "measured"}]
    assert len(life["adapters"]) == taught


def test_private_data_is_masked_and_every_edit_is_told(site: Site) -> None:
    found = registry.trace_record(site.out, "faq.jsonl:63")
    (life,) = found["records"]
    said = json.dumps(found, ensure_ascii=False)
    assert "090-1234-5678" not in said
    assert "田中" not in said
    private = [edit for edit in life["history"] if edit["rule"] == "privacy"]
    assert {edit["before"] for edit in private} >= {"[phone]", "[name]"}
    assert all(edit["after"] == "replaced" and edit["place"].startswith("turn") for edit in private)


def test_a_dropped_record_says_why(site: Site) -> None:
    (life,) = registry.trace_record(site.out, "faq.jsonl:64")["records"]
    (stand,) = life["stands_in"]
    assert (stand["side"], stand["rule"]) == ("dropped", "empty_question")
    assert stand["reason"]
    assert (life["adapters"], life["versions"]) == ([], [])


def test_an_erased_record_leads_to_its_receipt(site: Site) -> None:
    record = site.record(DOGS)
    receipt = registry.erase(site.out, record=record.id)
    for wanted in (record.id, "faq.jsonl:61"):
        found = registry.trace_record(site.out, wanted)
        assert found["records"] == []
        assert [entry["erasure"] for entry in found["erased"]] == [receipt.erasure]
    with pytest.raises(InputError, match="no record was found"):
        registry.trace_record(site.out, "", text="大型犬を二匹")


def test_lives_are_traced_through_papers(site: Site) -> None:
    record = site.record(CATS)
    before = registry.trace_record(site.out, record.id)["records"][0]
    receipt = registry.erase(site.out, record=site.record(DOGS).id)
    (life,) = registry.trace_record(site.out, record.id)["records"]
    assert (life["versions"], life["adapters"], life["terms"]) == (
        before["versions"],
        before["adapters"],
        before["terms"],
    )
    assert all(one["erased"] == [receipt.erasure] for one in life["stands_in"])


def test_a_version_tells_the_terms_of_all_that_taught_it(site: Site) -> None:
    found = registry.trace_version(site.out, "faq")
    split = site.artifacts(Split)[0]
    records = list(read_records(split.file("train.jsonl")))
    train = found["taught"]["train"]
    assert train["records"] == len(records) == sum(train["rights_holder"].values()) == sum(train["licence"].values())
    assert train["consent"] == {"contract": len(records)}
    assert set(found["taught"]) == {"train", "validation"}
    assert set(found["measured"]) == {"test"}
    registry.erase(site.out, rights_holder=HOLDER)
    after = registry.trace_version(site.out, "faq")
    assert HOLDER not in json.dumps(after, ensure_ascii=False)
    assert after["erased"].keys() >= {"dataset", "split"}
    total = sum(side["records"] for how in ("taught", "measured") for side in after[how].values())
    assert total == sum(side["records"] for how in ("taught", "measured") for side in found[how].values()) - 2


def test_terms_are_shown_without_a_word_in_the_trail(site: Site) -> None:
    card, before = registry.show_version(site.out, "faq"), registry.verify_audit(site.out)
    terms = registry.version_terms(site.out, card)
    assert registry.verify_audit(site.out) == before
    traced = registry.trace_version(site.out, "faq")
    assert {how: traced[how] for how in terms} == terms
    assert terms["taught"]["train"]["rights_holder"][HOLDER] >= 1
    assert registry.verify_audit(site.out).rows == before.rows + 1
    shutil.rmtree(site.artifacts(Split)[0].folder)
    gone = registry.version_terms(site.out, registry.show_version(site.out, "faq"))
    assert (gone["taught"], gone["measured"]) == (None, None)
    with pytest.raises(InputError, match="split"):
        registry.trace_version(site.out, "faq")


def test_the_base_s_licence_is_the_one_it_was_planned_with(workspace: Workspace) -> None:
    def build(draft: Draft) -> None:
        draft.summary({"base": {"name": "kitae-nano", "licence": "Apache-2.0"}})

    plan = workspace.make(Plan, parents={"base": "e" * 64}, settings={}, build=build)
    adapter, verdict = adapter_in(workspace), verdict_in(workspace, figures())
    lineage = {**LINEAGE, "plan": plan.digest}
    registry.submit(adapter, verdict, recipe=recipe_with(), lineage=lineage, out=workspace)
    card = registry.show_version(workspace, "faq")
    assert registry.version_terms(workspace, card)["base"] == {"name": "kitae-nano", "licence": "Apache-2.0"}
    assert card.as_dict()["parents"] == {"plan": {"base": "e" * 64}}
    shutil.rmtree(plan.folder)
    card = registry.show_version(workspace, "faq")
    assert registry.version_terms(workspace, card)["base"] == {"name": "kitae-nano", "licence": ""}


@pytest.mark.parametrize("wanted", ["abcd", "faq.jsonl:999", "", "x" * 5000, "faq.jsonl:61; DROP TABLE audit"])
def test_what_is_not_there_is_said(site: Site, wanted: str) -> None:
    with pytest.raises(InputError):
        registry.trace_record(site.out, wanted)
    with pytest.raises(UnknownName):
        registry.trace_version(site.out, "faq:7")


def test_who_looked_is_written_down_and_not_what_was_seen(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KITAE_ACTOR", "鈴木")
    record = site.record(DOGS)
    registry.trace_record(site.out, record.id)
    registry.trace_record(site.out, "", text="大型犬を二匹")
    registry.trace_version(site.out, "faq")
    registry.erase(site.out, record=record.id, dry_run=True)
    with open_store(site.out) as store, store.read() as session:
        rows = list(
            session.scalars(select(AuditRow).where(AuditRow.action != "version.registered").order_by(AuditRow.seq))
        )
        said = json.dumps([[row.subject, row.values] for row in rows], ensure_ascii=False)
        assert [row.action for row in rows] == ["data.traced"] * 3 + ["erasure.looked"]
        assert {row.actor for row in rows} == {"鈴木"}
    assert record.id not in said
    assert "大型犬" not in said
    assert "faq:1" in said
    assert registry.verify_audit(site.out).problems == ()
