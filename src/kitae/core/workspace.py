"""The workspace: where artifacts are made once, found again, and never seen half-written.

.kitae/artifacts/KIND/KEY/   finished artifacts (manifest.json written last, then one rename)
.kitae/partial/KIND-KEY/     work in progress; `scratch/` in it survives a kill and is how a stage resumes
.kitae/runs/NAME-TIME/       events.jsonl and TensorBoard files of one run
.kitae/store.db              registry and audit
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TextIO, TypeVar

from kitae.core.artifacts import KINDS, MANIFEST, Artifact
from kitae.core.events import Events, Stage
from kitae.core.files import disk_errors, folder_digests, fsync_folder, place_errors, read_json, write_json
from kitae.core.settings import digest_of
from kitae.errors import InputError, WorkspaceBusy

A = TypeVar("A", bound=Artifact)
SCRATCH = "scratch"
DISCARDED = "discarded"
STATED_PACKAGES = ("kitae", "torch", "transformers", "peft", "tokenizers", "numpy", "polars", "scikit-learn")


@dataclass(frozen=True)
class Draft:
    """An artifact in the making: write its files into `folder`, and what only a resume needs into `scratch`."""

    folder: Path
    scratch: Path
    stage: Stage

    def file(self, name: str) -> Path:
        """A path inside the artifact; its folder exists."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def summary(self, values: Mapping[str, Any]) -> None:
        """The few figures to be shown again whenever the stage is skipped. Deterministic values only: no times."""
        write_json(self.folder / "summary.json", dict(values))


class Workspace:
    """A folder of artifacts, runs and the store."""

    def __init__(self, home: Path) -> None:
        """Take the folder; nothing is written until something is made."""
        self.home = home
        self.events = Events()
        self.run_folder: Path | None = None

    @staticmethod
    def open(home: Path | None = None) -> "Workspace":
        """The workspace at `home`, else at `KITAE_HOME`, else at `./.kitae`."""
        return Workspace(Path(home or os.environ.get("KITAE_HOME") or ".kitae").absolute())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the only right to write here. Raises `WorkspaceBusy` at once when another process has it.

        Raises `InputError` when the workspace cannot be a folder that we may write.
        """
        with self._lock_file() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise WorkspaceBusy(
                    "another kitae is working in this workspace",
                    got=f"process {file.read().strip() or 'unknown'} holds {self.home}",
                    hint="Wait for it to end, or use another workspace with KITAE_HOME=/some/folder",
                ) from None
            file.seek(0)
            file.truncate()
            file.write(str(os.getpid()))
            file.flush()
            yield

    def _lock_file(self) -> TextIO:
        with place_errors(self.home):
            self.home.mkdir(parents=True, exist_ok=True)
            return (self.home / "lock").open("a+")

    @contextmanager
    def run(self, name: str) -> Iterator[Path]:
        """A new run: its folder, with `events.jsonl` open on `self.events` for as long as it lasts."""
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        folder = self.home / "runs" / f"{name}-{moment}-{os.getpid()}"
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self.events.record_to(folder / "events.jsonl")
        self.run_folder = folder
        try:
            yield folder
        finally:
            self.events.close()
            self.run_folder = None

    def make(
        self,
        kind: type[A],
        *,
        parents: Mapping[str, str],
        settings: Mapping[str, Any],
        build: Callable[[Draft], None],
    ) -> A:
        """The artifact of this kind for these parents (role to digest) and settings: found, or built now.

        `build` fills the draft's folder. Killed at any moment, the next call finds the draft's `scratch` as it was
        and everything else of the draft removed. Emits `started`, then `skipped` or `finished` with the summary.
        """
        key = digest_of([kind.kind, version("kitae"), dict(parents), dict(settings)])[:20]
        stage = Stage(self.events, kind.kind)
        final = self.home / "artifacts" / kind.kind / key
        self.events.say(kind.kind, "started")
        if (final / MANIFEST).exists():
            artifact = self._load(kind, final)
            self.events.say(kind.kind, "skipped", digest=artifact.digest, folder=str(final), summary=artifact.summary)
            return artifact
        draft = self._draft(kind, key, stage)
        with disk_errors(draft.folder):
            build(draft)
            if not (draft.folder / "summary.json").exists():
                draft.summary({})
            _finish(draft, final, kind.kind, parents=parents, settings=settings)
        artifact = self._load(kind, final)
        self.events.say(kind.kind, "finished", digest=artifact.digest, folder=str(final), summary=artifact.summary)
        return artifact

    def find(self, digest: str) -> Artifact:
        """The finished artifact whose digest begins with `digest`. Raises `InputError` when there is none."""
        for manifest in sorted(self.home.glob(f"artifacts/*/*/{MANIFEST}")):
            values = read_json(manifest)
            if values["digest"].startswith(digest):
                return self._load(KINDS[values["kind"]], manifest.parent)
        raise InputError(
            f"no artifact {digest[:12]} in {self.home}", hint="`kitae run RECIPE` makes it again from the raw files"
        )

    def _draft(self, kind: type[Artifact], key: str, stage: Stage) -> Draft:
        folder = self.home / "partial" / f"{kind.kind}-{key}"
        scratch = folder / SCRATCH
        with disk_errors(folder):
            scratch.mkdir(parents=True, exist_ok=True)
            for entry in folder.iterdir():
                if entry.is_dir() and entry.name != SCRATCH:
                    shutil.rmtree(entry)
                elif not entry.is_dir():
                    entry.unlink()
        return Draft(folder, scratch, stage)

    @staticmethod
    def _load(kind: type[A], folder: Path) -> A:
        manifest = read_json(folder / MANIFEST)
        return kind(folder=folder, digest=manifest["digest"], parents=tuple(sorted(manifest["parents"].items())))


def _finish(draft: Draft, final: Path, kind: str, *, parents: Mapping[str, str], settings: Mapping[str, Any]) -> None:
    """Flush the draft, write its manifest last, and give it its name."""
    files = folder_digests(draft.folder, leave_out=frozenset({MANIFEST, SCRATCH}))
    for name in files:
        with (draft.folder / name).open("rb") as file:
            os.fsync(file.fileno())
    write_json(
        draft.folder / MANIFEST,
        {
            "kind": kind,
            "digest": digest_of(files),
            "parents": dict(parents),
            "settings": dict(settings),
            "versions": stated_versions(),
            "files": files,
        },
    )
    # Renamed before it is removed: killed half-way, a resume must never meet half a scratch folder.
    discarded = draft.scratch.rename(draft.folder / DISCARDED)
    shutil.rmtree(discarded)
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.exists():
        shutil.rmtree(final)  # without a manifest it is what somebody left of a damaged artifact
    draft.folder.rename(final)
    fsync_folder(final.parent)


def stated_versions() -> dict[str, str]:
    """Versions of the packages that decide results, read without importing them."""
    found = {}
    for package in STATED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
