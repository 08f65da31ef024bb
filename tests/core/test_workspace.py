"""The workspace makes each thing once, goes on after any kill, and lets one writer in."""

import hashlib
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kitae.core.artifacts import MANIFEST, Dataset, Split
from kitae.core.files import write_text
from kitae.core.workspace import Draft, Workspace
from kitae.errors import DamagedArtifact, DiskFull, InputError, WorkspaceBusy


def heard_by(workspace: Workspace) -> list[str]:
    heard: list[str] = []
    workspace.events.listen(lambda event: heard.append(f"{event['stage']} {event['event']}"))
    return heard


def hello(draft: Draft) -> None:
    write_text(draft.file("hello.txt"), "こんにちは")
    draft.summary({"lines": ["1 greeting"]})


def test_made_once_then_found(workspace: Workspace) -> None:
    heard = heard_by(workspace)
    first = workspace.make(Dataset, parents={}, settings={"a": 1}, build=hello)

    def never(draft: Draft) -> None:
        raise AssertionError("built again")

    assert workspace.make(Dataset, parents={}, settings={"a": 1}, build=never) == first
    assert heard == ["dataset started", "dataset finished", "dataset started", "dataset skipped"]


@pytest.mark.parametrize("change", [{"settings": {"a": 2}}, {"parents": {"source": "e" * 64}}])
def test_a_changed_setting_or_parent_makes_it_anew(workspace: Workspace, change: dict) -> None:
    usual = {"parents": {"source": "d" * 64}, "settings": {"a": 1}}
    workspace.make(Dataset, **usual, build=hello)
    built: list[int] = []
    workspace.make(Dataset, **(usual | change), build=lambda draft: (built.append(1), hello(draft))[0])
    assert built == [1]


def test_kinds_do_not_share_places(workspace: Workspace) -> None:
    one = workspace.make(Dataset, parents={}, settings={}, build=hello)
    other = workspace.make(Split, parents={}, settings={}, build=hello)
    assert one.folder != other.folder


def test_a_failed_build_leaves_nothing_finished_and_keeps_its_scratch(workspace: Workspace) -> None:
    def fails(draft: Draft) -> None:
        write_text(draft.scratch / "step", "7")
        write_text(draft.file("half.txt"), "half")
        write_text(draft.file("deep/half.txt"), "half")
        raise ValueError("on purpose")

    def goes_on(draft: Draft) -> None:
        assert (draft.scratch / "step").read_text() == "7"
        assert sorted(p.name for p in draft.folder.iterdir()) == ["scratch"]
        hello(draft)

    with pytest.raises(ValueError, match="on purpose"):
        workspace.make(Dataset, parents={}, settings={}, build=fails)
    assert not list(workspace.home.glob("artifacts/*/*"))
    artifact = workspace.make(Dataset, parents={}, settings={}, build=goes_on)
    assert sorted(p.name for p in artifact.folder.iterdir()) == ["hello.txt", MANIFEST, "summary.json"]
    assert not list((workspace.home / "partial").iterdir())


def test_half_a_discarded_scratch_is_never_taken_for_scratch(workspace: Workspace) -> None:
    """What a kill leaves while a finished stage's scratch is being removed."""

    def dies(draft: Draft) -> None:
        draft.scratch.rename(draft.folder / "discarded")
        raise ValueError("killed")

    def goes_on(draft: Draft) -> None:
        assert [p.name for p in draft.scratch.iterdir()] == ["made_from.json"]
        assert sorted(p.name for p in draft.folder.iterdir()) == ["scratch"]
        hello(draft)

    with pytest.raises(ValueError, match="killed"):
        workspace.make(Dataset, parents={}, settings={}, build=dies)
    workspace.make(Dataset, parents={}, settings={}, build=goes_on)


@pytest.mark.parametrize("moment", ["scratch named", "scratch removed", "draft named"])
def test_killed_between_manifest_and_name_only_the_name_is_given(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Each of the three calls that follow the manifest dies once. Nothing is built again: it may have taken hours."""

    def dies(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    rename = Path.rename
    dying = {
        "scratch named": ("pathlib.Path.rename", dies),
        "scratch removed": ("kitae.core.workspace.shutil.rmtree", dies),
        "draft named": (
            "pathlib.Path.rename",
            lambda old, new: dies() if "artifacts" in str(new) else rename(old, new),
        ),
    }

    def trains(draft: Draft) -> None:
        write_text(draft.scratch / "step", "7")
        hello(draft)

    with monkeypatch.context() as patch:
        patch.setattr(*dying[moment])
        with pytest.raises(RuntimeError, match="killed"):
            workspace.make(Dataset, parents={}, settings={}, build=trains)
    assert not list(workspace.home.glob("artifacts/*/*"))

    heard = heard_by(workspace)
    found = workspace.make(Dataset, parents={}, settings={}, build=dies)
    assert heard == ["dataset started", "dataset skipped"]
    assert sorted(p.name for p in found.folder.iterdir()) == ["hello.txt", MANIFEST, "summary.json"]
    found.verify()
    assert not list((workspace.home / "partial").iterdir())


def test_a_complete_draft_that_was_changed_is_built_again_from_its_scratch(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trains(draft: Draft) -> None:
        write_text(draft.scratch / "step", "7")
        hello(draft)

    def goes_on(draft: Draft) -> None:
        assert (draft.scratch / "step").read_text() == "7"
        hello(draft)

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.rename", None)
        with pytest.raises(TypeError):
            workspace.make(Dataset, parents={}, settings={}, build=trains)
    (changed,) = workspace.home.glob("partial/*/hello.txt")
    changed.write_text("さようなら")
    assert workspace.make(Dataset, parents={}, settings={}, build=goes_on).file("hello.txt").read_text() == "こんにちは"


def test_find_by_digest_prefix(workspace: Workspace) -> None:
    made = workspace.make(Dataset, parents={}, settings={}, build=hello)
    assert workspace.find(made.digest[:10]) == made
    with pytest.raises(InputError, match="kitae run RECIPE"):
        workspace.find("0" * 64)
    write_text(made.file("hello.txt"), "さようなら")
    with pytest.raises(DamagedArtifact):
        workspace.find(made.digest)


def test_what_is_damaged_closes_nothing_but_itself(workspace: Workspace) -> None:
    warned: list[str] = []
    workspace.events.listen(lambda event: warned.append(event["text"]) if event["event"] == "warning" else None)
    sound = workspace.make(Split, parents={}, settings={}, build=hello)
    others = [
        workspace.make(Dataset, parents={}, settings={"a": a}, build=lambda draft, a=a: draft.summary({"a": a}))
        for a in range(3)
    ]
    (others[0].folder / MANIFEST).write_text("{ cut o", "utf-8")
    (others[1].folder / MANIFEST).write_text("[]", "utf-8")
    (others[2].folder / MANIFEST).unlink()
    warned.clear()
    assert list(workspace.artifacts()) == [sound]
    assert len(warned) == 3
    assert all(str(other.folder) in text for other, text in zip(sorted(others, key=str), sorted(warned), strict=True))
    assert workspace.find(sound.digest) == sound
    with pytest.raises(DamagedArtifact):
        workspace.find(others[0].digest)


def test_what_was_begun_is_listed_with_its_size(workspace: Workspace) -> None:
    def fails(draft: Draft) -> None:
        (draft.scratch / "state").write_bytes(b"x" * 1000)
        raise RuntimeError

    assert workspace.drafts() == []
    with pytest.raises(RuntimeError):
        workspace.make(Dataset, parents={}, settings={}, build=fails)
    [(folder, size)] = workspace.drafts()
    assert folder.name.startswith("dataset-")
    assert size == sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) >= 1000
    workspace.make(Dataset, parents={}, settings={}, build=hello)
    assert workspace.drafts() == []


def test_verify_counts_every_artifact_and_names_the_damaged(workspace: Workspace) -> None:
    assert workspace.verify() == (0, [])
    sound = workspace.make(Dataset, parents={}, settings={}, build=hello)
    changed = workspace.make(Split, parents={}, settings={}, build=hello)
    no_name = workspace.make(Split, parents={}, settings={"a": 1}, build=hello)
    assert workspace.verify() == (3, [])
    write_text(changed.file("hello.txt"), "さようなら")
    (no_name.folder / MANIFEST).unlink()
    checked, wrong = workspace.verify()
    assert checked == 3
    assert {error.got for error in wrong} == {str(changed.folder), str(no_name.folder)}
    assert sound.folder.is_dir()


def test_open_takes_the_given_home_then_the_environment_then_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KITAE_HOME", raising=False)
    assert Workspace.open().home == tmp_path / ".kitae"
    monkeypatch.setenv("KITAE_HOME", str(tmp_path / "env"))
    assert Workspace.open().home == tmp_path / "env"
    assert Workspace.open(tmp_path / "given").home == tmp_path / "given"
    assert list(tmp_path.iterdir()) == [], "opening writes nothing"


def test_a_run_has_a_folder_with_its_events(workspace: Workspace) -> None:
    with workspace.run("faq") as folder:
        workspace.make(Dataset, parents={}, settings={}, build=hello)
        assert workspace.run_folder == folder
    assert workspace.run_folder is None
    assert folder.name.startswith("faq-")
    assert (folder / "events.jsonl").read_text().count("\n") == 2


HOLD = """
import sys, time
from pathlib import Path
from kitae.core.workspace import Workspace
with Workspace(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_and_a_killed_one_lets_go(workspace: Workspace) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(workspace.home)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(WorkspaceBusy, match=f"process {holder.pid}") as refused, workspace.locked():
            pass
        assert refused.value.exit_code == 2
        holder.kill()
    with workspace.locked():
        pass


def test_a_home_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="KITAE_HOME"), Workspace(home).locked():
            pass


def limit_files(size: int):
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


STAGE = """
import json, sys, time
from pathlib import Path
from kitae.core.artifacts import Adapter
from kitae.core.files import read_json, write_json, write_text
from kitae.core.workspace import Workspace

def build(draft):
    state = draft.scratch / "state.json"
    step, total = read_json(state) if state.exists() else (0, 0)
    while step < 40:
        step, total = step + 1, total + step * step
        write_json(state, [step, total])
        time.sleep(float(sys.argv[2]))
    for part in range(8):
        write_text(draft.file(f"part-{part}.txt"), f"{total} {part}\\n" * 200)
    draft.summary({"total": total})

out = Workspace(Path(sys.argv[1]))
with out.locked(), out.run("x"):
    print(out.make(Adapter, parents={}, settings={}, build=build).digest)
"""


def test_killed_at_any_moment_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    def command(home: Path, pause: float) -> list[str]:
        return [sys.executable, "-c", STAGE, str(home), str(pause)]

    whole = subprocess.run(command(tmp_path / "whole", 0), capture_output=True, text=True, check=True).stdout
    began = time.monotonic()
    subprocess.run(command(tmp_path / "timing", 0.01), capture_output=True, check=True)
    seconds = time.monotonic() - began
    generator = random.Random(11)
    for _ in range(8):
        with subprocess.Popen(command(tmp_path / "killed", 0.01), stdout=subprocess.DEVNULL) as process:
            time.sleep(generator.uniform(0.3, 0.9) * seconds)
            process.kill()
    done = subprocess.run(command(tmp_path / "killed", 0), capture_output=True, text=True, check=True).stdout
    assert done == whole

    def bytes_of(home: Path) -> dict[str, str]:
        files = sorted(p for p in (home / "artifacts").rglob("*") if p.is_file())
        return {str(p.relative_to(home)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "whole")


FILL = """
import sys
from pathlib import Path
from kitae.core.artifacts import Dataset
from kitae.core.workspace import Workspace
from kitae.errors import KitaeError

def build(draft):
    with draft.file("big.bin").open("wb") as file:
        for _ in range(100):
            file.write(b"x" * 10_000)

out = Workspace(Path(sys.argv[1]))
try:
    with out.locked(), out.run("x"):
        print(out.make(Dataset, parents={}, settings={}, build=build).digest)
except KitaeError as error:
    print(type(error).__name__, error.exit_code)
"""


def test_a_full_disk_is_a_clear_error_and_nothing_half_made_is_found(tmp_path: Path) -> None:
    """The kernel's limit on a file's size stands in for a full disk; without it the same command then succeeds."""
    command = [sys.executable, "-c", FILL, str(tmp_path / "home")]
    full = subprocess.run(command, preexec_fn=limit_files(500_000), capture_output=True, text=True, check=True)
    assert full.stdout.split() == ["DiskFull", str(DiskFull.exit_code)]
    assert not list((tmp_path / "home").glob("artifacts/*/*"))
    later = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(later.stdout.strip()) == 64


def test_a_disk_too_full_for_the_events_is_the_same_clear_error(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILL, str(tmp_path / "home")]
    full = subprocess.run(command, preexec_fn=limit_files(60), capture_output=True, text=True, check=True)
    assert full.stdout.split() == ["DiskFull", str(DiskFull.exit_code)]


def test_a_file_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="this is a file"):
        Workspace.open(tmp_path / "file")
