"""Versions: numbered once, found by every name, refused in the open, with everything they were made from."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kitae import registry
from kitae.core.artifacts import Version
from kitae.core.files import read_json
from kitae.core.workspace import Workspace
from kitae.errors import GateRefused, InputError, UnknownName
from kitae.registry.cards import VersionCard

from .conftest import LINEAGE, adapter_in, figures, recipe_with, verdict_in

Submit = Callable[..., Version]
BAD = figures(tuned=0.1, base=0.5, p=0.9)


@pytest.fixture(params=["sqlite", "postgresql"], autouse=True)
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test here runs on both databases."""
    monkeypatch.delenv("KITAE_DATABASE_URL", raising=False)
    if request.param == "postgresql":
        import psycopg

        url = request.getfixturevalue("postgres")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        monkeypatch.setenv("KITAE_DATABASE_URL", url)
    return request.param


def references(workspace: Workspace) -> list[str]:
    return [card.reference for card in registry.list_versions(workspace)]


def test_numbers_count_per_name_and_the_newest_is_first(workspace: Workspace, submit: Submit) -> None:
    submit("w1")
    submit("w2")
    submit("w1", recipe=recipe_with("other"))
    submit("w3")
    assert references(workspace) == ["faq:3", "other:1", "faq:2", "faq:1"]


def test_the_same_again_is_the_same_version(workspace: Workspace, submit: Submit) -> None:
    first = submit()
    assert submit() == first
    assert submit(recipe=recipe_with(min_gain=0.0)) == first, "a gate written out with its default value is the same"
    assert references(workspace) == ["faq:1"]
    assert registry.verify_audit(workspace).rows == 1


@pytest.mark.parametrize("change", ["weights", "figures", "gates"])
def test_another_adapter_verdict_or_gate_is_another_version(workspace: Workspace, submit: Submit, change: str) -> None:
    submit()
    others = {
        "weights": lambda: submit("other"),
        "figures": lambda: submit(summary=figures(tuned=0.8)),
        "gates": lambda: submit(recipe=recipe_with(min_gain=0.2)),
    }
    others[change]()
    assert references(workspace) == ["faq:2", "faq:1"]


def test_the_artifact_is_the_same_wherever_and_however_often_it_is_made(tmp_path: Path, submit: Submit) -> None:
    other = Workspace(tmp_path / "elsewhere")
    registry.submit(
        adapter_in(other), verdict_in(other, figures(tuned=0.7)), recipe=recipe_with(), lineage=LINEAGE, out=other
    )
    again = registry.submit(
        adapter_in(other), verdict_in(other, figures()), recipe=recipe_with(), lineage=LINEAGE, out=other
    )
    here = submit()
    assert again.digest == here.digest, "the number is 2 there and 1 here, and no part of the artifact"
    assert (again.folder / "card.json").read_bytes() == (here.folder / "card.json").read_bytes()


def test_a_card_tells_verdict_gates_and_where_everything_is(workspace: Workspace, submit: Submit) -> None:
    version = submit()
    card = registry.show_version(workspace, "faq:1")
    assert (card.status, card.base, card.digest) == ("candidate", "kitae-nano", version.digest)
    assert card.sentence == "em 0.1 to 0.9"
    assert [gate["name"] for gate in card.gates] == ["min_gain", "max_p_value", "beat_baseline"]
    assert (card.adapter_folder / "adapter_model.safetensors").read_text() == "w"
    assert card.report.read_text() == "<html>"
    assert card.figures["test"]["n"] == 200
    assert card.created_at.endswith("+00:00")


def test_the_lineage_walks_from_raw_files_to_verdict(workspace: Workspace, submit: Submit) -> None:
    submit()
    card = registry.show_version(workspace, "faq")
    assert list(card.lineage) == ["source", "dataset", "split", "plan", "recipe", "base", "adapter", "verdict"]
    assert {kind: card.lineage[kind] for kind in LINEAGE} == LINEAGE
    assert {step.kind for step in card.steps if step.folder} == {"adapter", "verdict"}


def test_what_the_artifact_holds_is_what_the_registry_says(workspace: Workspace, submit: Submit) -> None:
    card = read_json(submit().folder / "card.json")
    shown = registry.show_version(workspace, "faq:1").as_dict()
    assert all(card[key] == shown[key] for key in ("name", "base", "status", "sentence", "gates", "lineage", "figures"))
    assert "number" not in card


@pytest.mark.parametrize("wanted", ["faq:1", "faq", "digest"])
def test_every_way_of_naming_one(workspace: Workspace, submit: Submit, wanted: str) -> None:
    version = submit()
    card = registry.show_version(workspace, version.digest[:8] if wanted == "digest" else wanted)
    assert card.reference == "faq:1"


def test_a_bare_name_is_the_newest_that_was_not_refused(workspace: Workspace, submit: Submit) -> None:
    submit("w1")
    submit("w2")
    submit("w3", summary=BAD)
    assert registry.show_version(workspace, "faq").reference == "faq:2"
    assert registry.show_version(workspace, "faq:3").status == "refused"


def test_a_name_that_looks_like_a_digest_is_a_name(workspace: Workspace, submit: Submit) -> None:
    submit(recipe=recipe_with("deadbeef"))
    assert registry.show_version(workspace, "deadbeef").reference == "deadbeef:1"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("fap", ["Did you mean 'faq'?", "faq:1"]),
        ("faq:7", ["Known: faq:1"]),
        ("faq:", ["Known: faq:1"]),
        ("", ["unknown version"]),
        ("0123456789", ["unknown version"]),
        ("abc", ["unknown version"]),
        ("%", ["unknown version"]),
        ("faq' OR 1=1 --", ["unknown version"]),
    ],
)
def test_an_unknown_name_offers_the_known(workspace: Workspace, submit: Submit, wanted: str, words: list[str]) -> None:
    submit()
    with pytest.raises(UnknownName) as raised:
        registry.show_version(workspace, wanted)
    assert all(word in str(raised.value) for word in words)


def test_an_empty_registry_says_how_to_begin(workspace: Workspace) -> None:
    assert registry.list_versions(workspace) == []
    with pytest.raises(UnknownName, match="kitae demo"):
        registry.show_version(workspace, "faq")
    assert not workspace.home.exists(), "looking writes nothing"


def test_a_refused_version_is_registered_and_raises_with_its_reasons(workspace: Workspace, submit: Submit) -> None:
    submit(summary=BAD)
    card = registry.show_version(workspace, "faq:1")
    assert card.status == "refused"
    assert len(card.refusals) == 2
    with pytest.raises(GateRefused) as raised:
        registry.enforce(card)
    assert raised.value.exit_code == 3
    assert all(reason in str(raised.value) for reason in card.refusals)
    with pytest.raises(InputError, match=r"every version of faq was refused.*faq:1"):
        registry.show_version(workspace, "faq")


def test_a_candidate_does_not_raise(workspace: Workspace, submit: Submit) -> None:
    submit()
    card = registry.show_version(workspace, "faq")
    registry.enforce(card)
    assert card.status == "candidate"


def test_a_version_whose_files_are_gone_is_still_listed(workspace: Workspace, submit: Submit) -> None:
    submit()
    shutil.rmtree(workspace.home / "artifacts" / "adapter")
    card = registry.show_version(workspace, "faq")
    assert card.as_dict()["adapter"] is None
    assert card.report.is_file()
    with pytest.raises(InputError, match="kitae run RECIPE"):
        _ = card.adapter_folder
    submit()
    assert registry.show_version(workspace, "faq:1").adapter_folder.is_dir()


def test_what_happens_is_said(workspace: Workspace, submit: Submit) -> None:
    notes: list[str] = []
    workspace.events.listen(lambda e: notes.append(e.get("text", "")) if e["stage"] == "version" else None)
    submit(summary=BAD)
    assert "faq:1 is registered as refused" in notes
    assert sum(note.startswith("REFUSED: ") for note in notes) == 2


DIES = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from registry.conftest import LINEAGE, adapter_in, figures, recipe_with, verdict_in
from kitae import registry
from kitae.core.workspace import Workspace

out = Workspace(Path(sys.argv[1]))
adapter, verdict = adapter_in(out), verdict_in(out, figures())
def die(event):
    if event["stage"] == "version" and event["event"] == "finished":
        os.kill(os.getpid(), signal.SIGKILL)
out.events.listen(die)
registry.submit(adapter, verdict, recipe=recipe_with(), lineage=LINEAGE, out=out)
"""


def test_killed_between_artifact_and_row_it_is_registered_next_time(workspace: Workspace, submit: Submit) -> None:
    command = [sys.executable, "-c", DIES, str(workspace.home), str(Path(__file__).parents[1])]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert len(list(workspace.home.glob("artifacts/version/*/card.json"))) == 1
    assert references(workspace) == []
    submit()
    assert references(workspace) == ["faq:1"]
    assert registry.verify_audit(workspace).problems == ()


def test_a_card_has_its_reference_and_json() -> None:
    card = VersionCard("faq", 3, "candidate", "kitae-nano", "f" * 64, "better", (), {}, (), "2026-01-01T00:00:00+00:00")
    assert card.as_dict()["version"] == card.reference == "faq:3"
