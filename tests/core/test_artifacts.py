"""An artifact is what its files say, and nothing else."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kitae.core.artifacts import KINDS, MANIFEST, Dataset
from kitae.core.files import read_json, write_json, write_text
from kitae.core.workspace import Draft, Workspace
from kitae.errors import DamagedArtifact


def made(home: Path, text: str = "x") -> Dataset:
    def build(draft: Draft) -> None:
        write_text(draft.file("records.jsonl"), text)
        write_text(draft.file("deep/er/b.txt"), "b")
        draft.summary({"rows": 1})

    return Workspace(home).make(Dataset, parents={"source": "d" * 64}, settings={"seed": 1}, build=build)


def test_the_digest_depends_on_the_files_and_not_on_place_or_time(tmp_path: Path) -> None:
    one = made(tmp_path / "a")
    for file in one.folder.rglob("*"):
        os.utime(file, (0, 0))
    assert made(tmp_path / "somewhere" / "else").digest == one.digest
    assert made(tmp_path / "c", text="y").digest != one.digest


def test_two_machines_write_the_same_bytes(tmp_path: Path) -> None:
    one, other = made(tmp_path / "a"), made(tmp_path / "b")
    names = sorted(p.relative_to(one.folder) for p in one.folder.rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(other.folder) for p in other.folder.rglob("*") if p.is_file())
    assert all((one.folder / n).read_bytes() == (other.folder / n).read_bytes() for n in names)


def test_the_manifest_names_every_file_parents_settings_and_versions(tmp_path: Path) -> None:
    artifact = made(tmp_path)
    manifest = artifact.manifest
    assert sorted(manifest["files"]) == ["deep/er/b.txt", "records.jsonl", "summary.json"]
    assert manifest["parents"] == {"source": "d" * 64}
    assert manifest["settings"] == {"seed": 1}
    assert manifest["kind"] == "dataset"
    assert "kitae" in manifest["versions"]
    assert artifact.summary == {"rows": 1}
    assert artifact.digest.startswith(artifact.short)


def test_a_sound_artifact_verifies(tmp_path: Path) -> None:
    made(tmp_path).verify()


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: write_text(folder / "records.jsonl", "tampered"),
        lambda folder: (folder / "deep/er/b.txt").unlink(),
        lambda folder: write_text(folder / "extra.txt", "new"),
        lambda folder: (folder / "records.jsonl").rename(folder / "other.jsonl"),
        lambda folder: write_text(
            folder / MANIFEST, (folder / MANIFEST).read_text().replace('"records.jsonl": "', '"records.jsonl": "0')
        ),
    ],
    ids=["changed", "removed", "added", "renamed", "manifest"],
)
def test_verify_finds_damage(tmp_path: Path, damage) -> None:
    artifact = made(tmp_path)
    damage(artifact.folder)
    with pytest.raises(DamagedArtifact, match="Delete this folder"):
        artifact.verify()


def rewrite(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = read_json(folder / MANIFEST)
    change(manifest)
    write_json(folder / MANIFEST, manifest)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / MANIFEST).unlink(),
        lambda folder: (folder / MANIFEST).write_text((folder / MANIFEST).read_text()[:100]),
        lambda folder: (folder / MANIFEST).write_bytes(b"\xff\xfe"),
        lambda folder: (folder / MANIFEST).write_text("[]"),
        lambda folder: rewrite(folder, lambda manifest: manifest.pop("files")),
        lambda folder: rewrite(folder, lambda manifest: manifest.pop("versions")),
        lambda folder: rewrite(folder, lambda manifest: manifest.update(digest="f" * 64)),
        lambda folder: rewrite(folder, lambda manifest: manifest["parents"].update(source="e" * 64)),
        lambda folder: rewrite(folder, lambda manifest: manifest["settings"].update(seed=2)),
    ],
    ids=["removed", "cut off", "binary", "list", "no files", "no versions", "digest", "parents", "settings"],
)
def test_a_manifest_that_is_not_the_one_made_for_its_folder_is_damage(tmp_path: Path, damage) -> None:
    folder = made(tmp_path).folder
    assert Dataset.load(folder) == made(tmp_path)
    damage(folder)
    with pytest.raises(DamagedArtifact, match="Delete this folder"):
        Dataset.load(folder)


def test_what_is_found_again_is_verified_first(tmp_path: Path) -> None:
    write_text(made(tmp_path).file("records.jsonl"), "tampered")
    with pytest.raises(DamagedArtifact, match="dataset") as raised:
        made(tmp_path)
    assert raised.value.exit_code == 1


def test_doing_what_the_error_says_heals_it(tmp_path: Path) -> None:
    artifact = made(tmp_path)
    shutil.rmtree(artifact.folder)
    again = made(tmp_path)
    again.verify()
    assert again == artifact


def test_a_half_deleted_artifact_is_made_again(tmp_path: Path) -> None:
    artifact = made(tmp_path)
    (artifact.folder / MANIFEST).unlink()
    again = made(tmp_path)
    again.verify()
    assert again == artifact


def test_kinds_have_names_of_their_own() -> None:
    assert len(KINDS) == 8
    assert all(KINDS[name].kind == name for name in KINDS)
