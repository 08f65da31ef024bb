"""`kitae data trace`, `kitae data erase` and what the other commands say afterwards."""

import json
from pathlib import Path

import pytest
from e2e.walk import write_project
from registry.erasure.site import DOGS, DOGS_ANSWER, HOLDER, Site
from typer.testing import CliRunner, Result

from kitae.cli.main import answer, app
from kitae.cli.versions import open_engine
from kitae.core.artifacts import Verdict
from kitae.core.files import read_jsonl
from kitae.errors import InputError


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.delenv("KITAE_DATABASE_URL", raising=False)
    site = Site(tmp_path)
    site.teach()
    return site


def call(site: Site, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--home", str(site.out.home)])


def test_show_tells_parents_and_terms(site: Site) -> None:
    done = call(site, "models", "show", "faq")
    assert done.exit_code == 0
    values = json.loads(call(site, "models", "show", "faq", "--json").stdout)
    train = values["terms"]["taught"]["train"]
    for part in (
        "licence not stated",
        f"split    {values['lineage']['split'][:12]} from dataset {values['lineage']['dataset'][:12]}",
        f"taught by train: {train['records']} records",
        "CC0-1.0",
        "contract",
        HOLDER,
    ):
        assert part in done.stdout
    assert values["parents"]["split"] == {"dataset": values["lineage"]["dataset"]}
    assert sum(train["licence"].values()) == train["records"]


def test_trace_tells_a_life(site: Site) -> None:
    done = call(site, "data", "trace", site.record(DOGS).id)
    assert done.exit_code == 0
    for part in (
        "faq.jsonl:61",
        "licence CC0-1.0, consent contract",
        HOLDER,
        DOGS[:20],
        DOGS_ANSWER[:20],
        "dataset",
        "faq:1",
    ):
        assert part in done.stdout
    found = json.loads(call(site, "data", "trace", "--text", "大型犬", "--json").stdout)
    assert found["found"] == 1


def test_trace_tells_what_taught_a_version(site: Site) -> None:
    done = call(site, "data", "trace", "--version", "faq:1")
    assert done.exit_code == 0
    for part in ("taught by train", "measured by test", "CC0-1.0", "ACME", "contract"):
        assert part in done.stdout
    assert json.loads(call(site, "data", "trace", "--version", "faq", "--json").stdout)["version"] == "faq:1"


def test_erase_says_first_and_then_does(site: Site) -> None:
    looked = call(site, "data", "erase", "--rights-holder", HOLDER, "--dry-run")
    assert looked.exit_code == 0
    assert "Records erased: 2" in looked.stdout
    assert "Nothing was changed" in looked.stdout
    assert site.spread(DOGS)
    done = json.loads(call(site, "data", "erase", "--rights-holder", HOLDER, "--reason", "letter", "--json").stdout)
    assert (done["dry_run"], done["records"], done["reason"]) == (False, 2, "letter")
    assert (Path(done["receipt"]) / "receipt.txt").is_file()
    assert site.spread(DOGS) == []
    told = call(site, "data", "trace", "faq.jsonl:61")
    assert "erased on" in told.stdout
    assert "had taught" in told.stdout or done["versions"] == []


def test_the_registry_says_so_afterwards(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    question = next(row for row in read_jsonl(site.artifacts(Verdict)[0].file("predictions-test.jsonl")))["question"]
    call(site, "data", "erase", "--rights-holder", HOLDER)
    call(site, "data", "erase", "--record", site.prepare()[0].summary and site.record(question).id)
    listed, shown = call(site, "models", "list").stdout, call(site, "models", "show", "faq:1").stdout
    for said in (" ".join(listed.split()), shown):
        assert "saw erased" in said
    assert shown.count("erased (erasure") >= 3
    checked = call(site, "models", "verify")
    assert checked.exit_code == 0, checked.stdout
    assert checked.stdout.count("erased on") == 2
    values = json.loads(call(site, "models", "verify", "--json").stdout)
    assert len(values["erasures"]["receipts"]) == 2
    with pytest.raises(Exception):  # noqa: B017, PT011 - the adapter is no real one; what counts is said before
        open_engine("faq:1", site.out.home)
    assert "kitae: faq:1 saw erased records" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["data", "trace"],
        ["data", "trace", "abcd", "--text", "x"],
        ["data", "erase"],
        ["data", "erase", "--rights-holder", " "],
        ["data", "erase", "--rights-holder", "x", "--record", "y"],
        ["data", "erase", "--rights-holder", "nobody"],
        ["data", "trace", "abcdef"],
    ],
)
def test_wrong_input(site: Site, arguments: list[str]) -> None:
    assert isinstance(call(site, *arguments).exception, InputError)


@pytest.mark.parametrize("arguments", [["data", "trace", "abcd"], ["data", "erase", "--record", "abcd"]])
def test_a_workspace_that_is_not_there_is_not_made(tmp_path: Path, arguments: list[str]) -> None:
    assert answer([*arguments, "--home", str(tmp_path / "none")]) == 2
    assert not (tmp_path / "none").exists()


def test_a_policy_refuses_a_run_with_exit_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = write_project(tmp_path / "project", data={"policy": {"licences": ["CC-BY-4.0"]}})
    walk = ["run", str(recipe), "--home", str(tmp_path / "home"), "--json"]
    assert answer(walk) == 3
    said = capsys.readouterr()
    values = json.loads(said.out)
    assert values["error"] == "PolicyRefused"
    assert len(values["offenders"]) == 20
    assert "faq.jsonl:1" in said.err
    assert len(list(read_jsonl(Path(values["listing"])))) == 84
    assert not list(tmp_path.glob("home/artifacts/adapter/*")), "nothing was trained"
    assert (
        answer(
            ["data", "report", str(recipe), "--home", str(tmp_path / "home"), "--set", "data.policy.licences=[CC0-*]"]
        )
        == 0
    )
