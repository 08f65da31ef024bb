"""Erasure: not a byte of the text stays in the workspace, everything that is left stays whole, and nothing returns."""

import json
import re
import shutil
from pathlib import Path

import pytest
from data.desk import dropped, kept, talk
from registry.erasure.site import CATS, DOGS, DOGS_ANSWER, HOLDER, SECRETS, Site
from registry.test_audit import alter
from registry.test_versions import database  # noqa: F401 - every test here runs on both databases

from kitae import registry
from kitae.core.artifacts import Adapter, Comparison, Dataset, Split, Verdict
from kitae.core.files import read_json, write_json, write_jsonl
from kitae.core.papers import all_papers, papers_of
from kitae.core.records import content_digest, read_records
from kitae.core.workspace import Draft
from kitae.data.custody.erased import ERASED
from kitae.errors import DamagedArtifact, InputError, UnknownName
from kitae.registry.erasure.keys import KEY_FILE, KEY_VARIABLE


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.teach()
    return site


def sound(site: Site) -> None:
    """Everything that is there is as it was made."""
    assert registry.verify_audit(site.out).problems == ()
    assert registry.verify_erasures(site.out).problems == ()
    assert site.out.verify()[1] == []


def test_before_anything_is_erased_it_is_everywhere(site: Site) -> None:
    """Else the other tests would show nothing."""
    places = {name.split("/")[0] for name in site.spread(*SECRETS)}
    assert places == {"artifacts", "runs", "cache"}
    sound(site)


def test_everything_of_a_rights_holder_goes(site: Site) -> None:
    site.unfinished()
    receipt = registry.erase(site.out, rights_holder=HOLDER, reason="withdrawn by letter")
    assert receipt.values["records"] == 2
    assert site.spread(*SECRETS, "担当が折り返し電話をすること") == []
    assert "本館の駐車場について" in next(site.out.home.glob("runs/*/events.jsonl")).read_text("utf-8")
    assert (site.out.home / "cache/answers.jsonl").read_text("utf-8").count("朝食") == 1
    sound(site)


def test_it_does_not_return_and_the_counts_add_up(site: Site) -> None:
    registry.erase(site.out, rights_holder=HOLDER)
    dataset, split = site.prepare()
    report = dataset.json("report.json")
    assert report["read"] == 62 == report["kept"] + report["dropped"] + report["quarantined"]
    assert report["rules_count"][ERASED] == 2
    assert [record.origin.row for record in dropped(dataset)[ERASED]] == [61, 62]
    assert site.spread(*SECRETS) == []
    assert site.prepare() == (dataset, split), "made once, found again"
    sound(site)


def test_it_does_not_return_from_another_file_without_its_papers(site: Site) -> None:
    registry.erase(site.out, rights_holder=HOLDER)
    for row in site.rows:
        row.pop("rights_holder")
    site.rows.insert(0, site.rows.pop())
    site.write("export-2.jsonl")
    dataset, _ = site.prepare()
    assert {record.origin.row for record in dropped(dataset)[ERASED]} == {1, 62}
    assert site.spread(*SECRETS) == []


def test_one_record_goes_and_the_others_of_its_holder_stay(site: Site) -> None:
    registry.erase(site.out, record=site.record(DOGS).id[:10])
    assert site.spread(DOGS, DOGS_ANSWER) == []
    dataset, _ = site.prepare()
    assert CATS in {record.question for record in kept(dataset)}
    assert DOGS not in {record.question for record in kept(dataset)}
    assert len(dropped(dataset)[ERASED]) == 1
    sound(site)


def test_a_record_is_named_by_its_place_as_well(site: Site) -> None:
    receipt = registry.erase(site.out, record="faq.jsonl:61")
    assert [(row["file"], row["row"]) for row in receipt.values["raw_rows"]] == [("faq.jsonl", 61)]
    assert len(receipt.values["raw_rows"][0]["sha256"]) == 64
    assert site.spread(DOGS) == []


def test_what_was_made_from_a_record_goes_with_it(site: Site) -> None:
    """As augmentation leaves it: another text that names its parent."""
    parent = site.record(DOGS)
    child = {**parent.as_dict(), "id": "c" * 16, "parent": parent.id, "content_id": ""}
    child["messages"] = [
        {"role": "user", "content": "大きな犬ですが二頭で泊まりたいと考えています"},
        *child["messages"][1:],
    ]
    grandchild = {**child, "id": "d" * 16, "parent": "c" * 16}
    grandchild["messages"] = [
        {"role": "user", "content": "ワンちゃん二頭と泊まれるかを知りたいです"},
        *child["messages"][1:],
    ]
    folder = site.artifacts(Split)[0].folder
    with (folder / "train.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in (grandchild, child))
    reseal(folder)
    receipt = registry.erase(site.out, record=parent.id)
    assert receipt.values["records"] == 3
    assert receipt.values["known_by"] == {"parent": 2, "record": 1}
    assert site.spread(DOGS, "大きな犬ですが二頭で", "ワンちゃん二頭と") == []


def reseal(folder: Path) -> None:
    """Make a changed folder a whole artifact again."""
    from kitae.core.files import folder_digests
    from kitae.core.settings import digest_of

    manifest = read_json(folder / "manifest.json")
    manifest["files"] = folder_digests(folder, leave_out=frozenset({"manifest.json"}))
    manifest["digest"] = digest_of(manifest["files"])
    write_json(folder / "manifest.json", manifest)


def test_what_saw_it_is_marked(site: Site) -> None:
    sides = {name: {r.question for r in read_records(site.artifacts(Split)[0].file(f"{name}.jsonl"))}
             for name in ("train", "validation", "test")}  # fmt: skip
    saw = sum(question in sides["train"] | sides["validation"] for question in (DOGS, CATS))
    receipt = registry.erase(site.out, rights_holder=HOLDER)
    card = registry.show_version(site.out, "faq:1")
    assert (card.saw_erased, card.measured_on_erased) == (saw, 2 - saw)
    assert saw, "the split of this test puts one into training"
    assert f"saw erased records ({saw}), retrain" in card.warnings
    assert receipt.values["versions"] == ["faq:1"]
    assert card.as_dict()["saw_erased"] == saw
    assert set(card.erased) >= {"dataset", "split"}
    assert card.adapter_folder.is_dir(), "weights cannot be unlearnt by removing a file: they are marked"


def test_a_version_that_was_measured_on_it_loses_its_report(site: Site) -> None:
    test = [record.question for record in read_records(site.artifacts(Split)[0].file("test.jsonl"))]
    registry.erase(site.out, record=site.record(test[0]).id)
    card = registry.show_version(site.out, "faq:1")
    assert (card.saw_erased, card.measured_on_erased) == (0, 1)
    assert site.artifacts(Verdict) == []
    with pytest.raises(InputError, match="was erased"):
        _ = card.report
    with pytest.raises(InputError, match="was erased"):
        site.out.find(card.lineage["split"])
    assert card.figures["test"]["n"] == 200, "figures are nobody's data"


def test_a_comparison_that_was_measured_on_it_goes_and_others_stay(site: Site) -> None:
    split = site.artifacts(Split)[0]
    used = {name: content_digest(split.file(f"{name}.jsonl")) for name in ("train", "test")}

    def compared(test: str) -> Comparison:
        def build(draft: Draft) -> None:
            write_jsonl(draft.file("items.jsonl"), [{"id": test, "answers": {"base": "Hm."}}])

        return site.out.make(Comparison, parents={**used, "test": test}, settings={}, build=build)

    gone, other = compared(used["test"]), compared("f" * 64)
    asked = [record.question for record in read_records(split.file("test.jsonl"))]
    registry.erase(site.out, record=site.record(asked[0]).id)
    assert not gone.folder.exists()
    assert other.folder.exists()


def test_a_verdict_that_quotes_nothing_stays(site: Site) -> None:
    train = [record.question for record in read_records(site.artifacts(Split)[0].file("train.jsonl"))]
    registry.erase(site.out, record=site.record(train[0]).id)
    assert len(site.artifacts(Verdict)) == 1
    assert len(site.artifacts(Adapter)) == 1


def test_papers_keep_the_others_in_the_lineage(site: Site) -> None:
    digest = site.artifacts(Split)[0].digest
    before = {r.id for name in ("train", "validation", "test")
              for r in read_records(site.artifacts(Split)[0].file(f"{name}.jsonl"))}  # fmt: skip
    gone = {site.record(DOGS).id, site.record(CATS).id}
    registry.erase(site.out, rights_holder=HOLDER)
    papers = papers_of(site.out.home, digest[:12])
    assert papers is not None
    records = [record for path in papers.files() for record in read_records(path)]
    assert {record.id for record in records} == before - gone
    assert all((record.messages, record.meta, record.label, record.history) == ((), {}, "", ()) for record in records)
    assert {record.terms.rights_holder for record in records} == {"ACME"}


def test_a_later_erasure_reaches_into_the_papers_of_an_earlier_one(site: Site) -> None:
    other = site.record("本館の駐車場について教えてください")
    registry.erase(site.out, rights_holder=HOLDER)
    before = registry.show_version(site.out, "faq:1").saw_erased
    receipt = registry.erase(site.out, record=other.id)
    assert receipt.values["records"] == 1
    assert all(other.id not in path.read_text("utf-8") for one in all_papers(site.out.home) for path in one.files())
    card = registry.show_version(site.out, "faq:1")
    assert card.saw_erased + card.measured_on_erased == 3
    assert card.saw_erased >= before
    sound(site)


def test_the_receipt_tells_everything_but_the_text(site: Site) -> None:
    digests = {artifact.digest for kind in (Dataset, Split) for artifact in site.artifacts(kind)}
    ids = [site.record(DOGS).id, site.record(CATS).id]
    receipt = registry.erase(site.out, rights_holder=HOLDER, reason="letter of 3 May")
    values = receipt.values
    assert values["asked"] == {"rights_holder": HOLDER}
    assert values["reason"] == "letter of 3 May"
    assert values["requested_by"]
    assert values["carried_out_at"] >= values["requested_at"]
    assert digests <= {entry["digest"] for entry in values["artifacts"]}
    assert all(entry["papers"] for entry in values["artifacts"])
    assert [(row["file"], row["row"]) for row in values["raw_rows"]] == [("faq.jsonl", 61), ("faq.jsonl", 62)]
    assert sum(values["log_lines"].values()) >= 2
    assert receipt.folder is not None
    for path in receipt.folder.iterdir():
        text = path.read_text("utf-8")
        assert not any(one in text for one in [*SECRETS, *ids])
    people = (receipt.folder / "receipt.txt").read_text("utf-8")
    for word in ("faq.jsonl:61", "Versions to be retrained: faq:1", "再学習が要るバージョン：faq:1", HOLDER):
        assert word in people


def test_asking_again_gives_the_same_receipt(site: Site) -> None:
    record = site.record(DOGS)
    first = registry.erase(site.out, record=record.id)
    rows = registry.verify_audit(site.out).rows
    assert registry.erase(site.out, record=record.id).values == first.values
    assert registry.verify_audit(site.out).rows == rows


def test_looking_first_changes_nothing_but_the_trail(site: Site) -> None:
    before = {
        path: path.read_bytes() for path in site.out.home.rglob("*") if path.is_file() and "store" not in path.name
    }
    receipt = registry.erase(site.out, rights_holder=HOLDER, dry_run=True)
    assert receipt.folder is None
    assert receipt.values["records"] == 2
    assert receipt.values["versions"] == ["faq:1"]
    after = {
        path: path.read_bytes() for path in site.out.home.rglob("*") if path.is_file() and "store" not in path.name
    }
    assert after == before
    dataset, _ = site.prepare()
    assert ERASED not in dropped(dataset)
    assert registry.verify_audit(site.out).rows == 2


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"rights_holder": "山田商点"}, ["unknown rights holder", HOLDER, "Did you mean"]),
        ({"record": "0123456789abcdef"}, ["unknown record"]),
        ({"record": "faq.jsonl:6100"}, ["unknown record"]),
        ({"record": "../../etc/passwd"}, ["unknown record"]),
        ({"record": ""}, ["unknown record"]),
    ],
)
def test_what_is_not_there_cannot_be_erased(site: Site, asked: dict[str, str], words: list[str]) -> None:
    with pytest.raises(UnknownName) as raised:
        registry.erase(site.out, **asked)
    assert all(word in str(raised.value) for word in words)
    assert registry.verify_audit(site.out).rows == 1, "nothing was written"
    assert not (site.out.home / "erasures").exists()


def test_datasets_of_other_sources_are_left_alone(site: Site, tmp_path: Path) -> None:
    site.rows = [row for row in site.rows if row["rights_holder"] == "ACME"]
    site.write("others.jsonl")
    others = site.prepare()
    registry.erase(site.out, rights_holder=HOLDER)
    assert site.prepare() == others
    assert [one.digest for one in site.artifacts(Dataset)] == [others[0].digest]


def test_a_text_that_others_have_as_well_is_nobodys_own(site: Site) -> None:
    """Its own record goes; a log that quotes only what others say as well is left."""
    site.rows.append({**site.rows[0], "rights_holder": "B", "messages": [
        {"role": "user", "content": "全く別の質問ですがよろしいでしょうか"}, site.rows[0]["messages"][1]]})  # fmt: skip
    site.write()
    site.prepare()
    with site.out.run("x") as folder:
        site.out.events.say("x", "note", text=site.rows[0]["messages"][1]["content"])
    registry.erase(site.out, rights_holder="B")
    assert site.rows[0]["messages"][1]["content"] in (folder / "events.jsonl").read_text("utf-8")
    assert site.spread("全く別の質問ですがよろしいでしょうか") == []


def test_restored_from_a_backup_it_goes_again(site: Site, tmp_path: Path) -> None:
    shutil.copytree(site.out.home / "artifacts", tmp_path / "backup")
    registry.erase(site.out, rights_holder=HOLDER)
    shutil.rmtree(site.out.home / "artifacts")
    shutil.copytree(tmp_path / "backup", site.out.home / "artifacts")
    problems = registry.verify_erasures(site.out).problems
    assert any("is back although it was erased" in problem for problem in problems)
    dataset, _ = site.prepare()
    assert len(dropped(dataset)[ERASED]) == 2
    assert site.spread(*SECRETS) == []
    sound(site)


def test_without_the_key_nothing_is_read(site: Site) -> None:
    registry.erase(site.out, rights_holder=HOLDER)
    (site.out.home / KEY_FILE).rename(site.out.home / "moved")
    with pytest.raises(InputError, match=KEY_VARIABLE):
        site.prepare()
    (site.out.home / KEY_FILE).write_text("00" * 32)
    with pytest.raises(InputError, match="not at hand"):
        site.prepare()


def test_the_key_is_for_its_owner_alone(site: Site) -> None:
    registry.erase(site.out, rights_holder=HOLDER)
    assert (site.out.home / KEY_FILE).stat().st_mode & 0o077 == 0


def test_a_store_that_forgot_is_noticed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.erase(site.out, rights_holder=HOLDER)
    monkeypatch.setenv("KITAE_DATABASE_URL", f"sqlite:///{site.out.home / 'other.db'}")
    with pytest.raises(DamagedArtifact, match="would come back"):
        site.prepare()
    assert registry.verify_erasures(site.out).problems


def test_a_changed_receipt_is_noticed(site: Site) -> None:
    receipt = registry.erase(site.out, rights_holder=HOLDER)
    assert receipt.folder is not None
    write_json(receipt.folder / "receipt.json", {**receipt.values, "records": 1})
    assert any("receipt of erasure" in problem for problem in registry.verify_erasures(site.out).problems)


def test_changed_papers_are_noticed(site: Site) -> None:
    registry.erase(site.out, rights_holder=HOLDER)
    papers = next(all_papers(site.out.home))
    write_json(papers.folder / "papers.json", {**papers.values, "parents": {}})
    assert any("papers of the erased" in problem for problem in registry.verify_erasures(site.out).problems)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM tombstones WHERE mark = (SELECT min(mark) FROM tombstones)", "tombstones of erasure"),
        ("UPDATE erasures SET reason = 'other'", "is not what the trail says"),
        ("DELETE FROM audit WHERE action = 'erasure.requested'", "is missing|has no row in the trail"),
    ],
)
def test_a_trail_that_does_not_match_is_noticed(site: Site, statement: str, words: str) -> None:
    registry.erase(site.out, rights_holder=HOLDER)
    alter(site.out, statement)
    assert re.search(words, "\n".join(registry.verify_audit(site.out).problems))


def test_a_damaged_artifact_is_no_hiding_place(site: Site) -> None:
    dataset = site.artifacts(Dataset)[0]
    (dataset.folder / "manifest.json").write_text("{}", "utf-8")
    receipt = registry.erase(site.out, rights_holder=HOLDER)
    assert site.spread(*SECRETS) == []
    assert f"artifacts/dataset/{dataset.folder.name}" in receipt.values["files_removed"]


def test_answers_of_an_endpoint_about_it_go(site: Site) -> None:
    """They say the same in other words, or in numbers, and only their file says of which records."""
    about, other = site.record(DOGS), site.record("本館の駐車場について教えてください")
    for number, record in enumerate((about, other)):
        path = site.out.home / "answers" / f"{number}.json"
        write_json(path, {"record": record.id, "answer": {"text": "別の言い方"}})
        several = ["f" * 16, record.id]
        write_json(path.with_name(f"vectors-{number}.json"), {"record": several, "answer": {"vectors": "AAAA"}})
    registry.erase(site.out, record=about.id)
    assert sorted(path.name for path in (site.out.home / "answers").iterdir()) == ["1.json", "vectors-1.json"]


def test_a_child_goes_without_its_parent(site: Site) -> None:
    parent = site.record(DOGS)
    child = {**parent.as_dict(), "id": "c" * 16, "parent": parent.id}
    child["messages"] = [{"role": "user", "content": "大きな犬ですが二頭で泊まりたいのです"}, *child["messages"][1:]]
    folder = site.artifacts(Split)[0].folder
    with (folder / "train.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(child, ensure_ascii=False) + "\n")
    reseal(folder)
    assert registry.erase(site.out, record="c" * 16).values["records"] == 1


@pytest.mark.parametrize(
    "changed",
    [
        DOGS.replace("大型犬を", "大型犬を、 "),
        DOGS.replace("体重三十キロ", "　体重 三十キロ"),
        f"{DOGS}？",
        DOGS.replace("キロ", "ｷﾛ"),
    ],
)
def test_a_trivial_change_does_not_bring_it_back(site: Site, changed: str) -> None:
    """Spaces, punctuation, full and half width, another row, another file, another id."""
    registry.erase(site.out, record=site.record(DOGS).id)
    site.rows = [row for row in site.rows if DOGS not in str(row)]
    site.rows.append({**talk(changed, DOGS_ANSWER), "rights_holder": "somebody else"})
    site.write("export-of-march.jsonl")
    dataset, _ = site.prepare()
    assert list(dropped(dataset)) == [ERASED]
    assert len(dropped(dataset)[ERASED]) == 1
    assert not any("大型犬" in r.question for r in kept(dataset))


NEARLY = DOGS.replace("可能ですか", "大丈夫でしょうか")


def test_what_says_nearly_the_same_is_named_and_stays(site: Site) -> None:
    registry.erase(site.out, record=site.record(DOGS).id)
    site.rows.append({**talk(NEARLY, DOGS_ANSWER), "rights_holder": "somebody else"})
    site.write("export-of-march.jsonl")
    dataset, _ = site.prepare()
    flagged = [r for r in kept(dataset) if any(edit.rule == "like_erased" for edit in r.history)]
    assert [r.question for r in flagged] == [NEARLY]
    report = dataset.json("report.json")
    assert report["flags"]["like_erased"] == 1
    assert "nearly what an erased record said" in report["flagged"]["like_erased"][0]["reason"]
    registry.erase(site.out, record=flagged[0].id)
    again, _ = site.prepare()
    assert not any("大型犬" in r.question for r in kept(again))


def test_the_receipt_names_what_says_nearly_the_same(site: Site) -> None:
    site.rows.append({**talk(NEARLY, DOGS_ANSWER), "rights_holder": "somebody else"})
    site.write()
    site.teach()
    record = site.record(DOGS)
    looked = registry.erase(site.out, record=record.id, dry_run=True)
    receipt = registry.erase(site.out, record=record.id)
    place = f"faq.jsonl:{len(site.rows)}"
    assert looked.values["nearly_the_same"] == receipt.values["nearly_the_same"] == [place]
    assert receipt.text.count(place) == 2
    assert receipt.values["records"] == 1
    dataset, _ = site.prepare()
    assert NEARLY in {r.question for r in kept(dataset)}
