"""`kitae models`: what is shown when files are gone, and what is noticed when they were changed."""

import json
import shutil
from pathlib import Path

import pytest
from e2e.walk import write_project
from registry.conftest import LINEAGE, adapter_in, figures, recipe_with, verdict_in
from sqlalchemy import text
from typer.testing import CliRunner, Result

from kitae import registry
from kitae.cli.main import answer, app
from kitae.cli.versions import open_engine
from kitae.core.artifacts import Adapter
from kitae.core.files import write_text
from kitae.core.store import open_store
from kitae.core.workspace import Workspace
from kitae.errors import DamagedArtifact, InputError


@pytest.fixture
def adapter(workspace: Workspace) -> Adapter:
    """The adapter of `faq:1` in the workspace."""
    adapter, verdict = adapter_in(workspace), verdict_in(workspace, figures())
    registry.submit(adapter, verdict, recipe=recipe_with(), lineage=LINEAGE, out=workspace)
    return adapter


def call(workspace: Workspace, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["models", *arguments, "--home", str(workspace.home)])


def test_a_version_is_shown_to_its_end_when_its_files_are_gone(workspace: Workspace, adapter: Adapter) -> None:
    assert str(adapter.folder) in call(workspace, "show", "faq").stdout
    shutil.rmtree(workspace.home / "artifacts")
    shown = call(workspace, "show", "faq:1")
    assert shown.exit_code == 0
    lines = {line.split()[0]: line for line in shown.stdout.splitlines()[-2:]}
    assert set(lines) == {"adapter", "report"}
    assert all("not in this workspace any more" in line and "kitae run RECIPE" in line for line in lines.values())


def test_what_was_not_touched_is_sound(workspace: Workspace, adapter: Adapter) -> None:
    done = call(workspace, "verify")
    assert done.exit_code == 0
    assert "3 checked, 0 damaged" in done.stdout
    assert "Sound" in done.stdout
    answer = json.loads(call(workspace, "verify", "--json").stdout)
    assert answer["sound"] is True
    assert answer["artifacts"] == {"checked": 3, "damaged": []}
    assert answer["audit"] == {"rows": 1, "head": registry.verify_audit(workspace).head, "problems": []}


def test_changed_files_and_a_changed_trail_are_all_found(workspace: Workspace, adapter: Adapter) -> None:
    write_text(adapter.file("adapter/adapter_model.safetensors"), "poisoned")
    with open_store(workspace) as store:
        store.change(lambda session: session.execute(text("UPDATE versions SET status = 'promoted'")))
    done = call(workspace, "verify")
    assert done.exit_code == 1
    for part in (str(adapter.folder), "Delete this folder", "faq:1 is not what the trail says", "Not sound"):
        assert part in done.stdout
    answer = json.loads(call(workspace, "verify", "--json").stdout)
    assert answer["sound"] is False
    assert [error["got"] for error in answer["artifacts"]["damaged"]] == [str(adapter.folder)]
    assert len(answer["audit"]["problems"]) == 1


def test_a_workspace_that_is_not_there_is_not_sound(tmp_path: Path) -> None:
    assert isinstance(call(Workspace(tmp_path / "none"), "verify").exception, InputError)
    assert not (tmp_path / "none").exists()


def test_an_adapter_that_was_changed_does_not_answer(workspace: Workspace, adapter: Adapter) -> None:
    write_text(adapter.file("adapter/adapter_model.safetensors"), "poisoned")
    with pytest.raises(DamagedArtifact, match=str(adapter.folder)):
        open_engine("faq:1", workspace.home)


def test_one_damaged_folder_does_not_close_the_registry(
    workspace: Workspace, adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = adapter_in(workspace, "other")
    manifest = other.file("manifest.json")
    manifest.write_text(manifest.read_text("utf-8")[:40], "utf-8")
    for arguments in (("list",), ("show", "faq:1")):
        done = call(workspace, *arguments)
        assert done.exit_code == 0, done.output
        assert "faq:1" in done.stdout
        assert str(other.folder) in done.stderr
    monkeypatch.setattr("kitae.serve.open_engine", lambda served: served)
    served, names = open_engine("faq:1", workspace.home)
    assert names == ["faq:1", "faq"]
    assert served.adapter_folder == adapter.file("adapter")
    adapter.file("manifest.json").unlink()
    with pytest.raises(DamagedArtifact):
        open_engine("faq:1", workspace.home)


def test_rows_edited_after_the_split_teach_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    walk = ["plan", str(write_project(tmp_path / "project")), "--home", str(tmp_path / "home")]
    assert answer(walk) == 0
    (rows,) = tmp_path.glob("home/artifacts/split/*/train.jsonl")
    rows.write_text(rows.read_text("utf-8").replace("二十台", "三十台"), "utf-8")
    assert answer([*walk, "--set", "train.learning_rate=0.001"]) == 1
    assert f"Got: {rows.parent}" in capsys.readouterr().err
    shutil.rmtree(rows.parent)
    assert answer([*walk, "--set", "train.learning_rate=0.001"]) == 0
