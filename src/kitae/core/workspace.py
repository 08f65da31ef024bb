"""The workspace: where artifacts are made once, found again, and never seen half-written.

.kitae/artifacts/KIND/KEY/   finished artifacts (manifest.json written last, then one rename)
.kitae/partial/KIND-KEY/     work in progress; `scratch/` in it survives a kill and is how a stage resumes
.kitae/runs/NAME-TIME/       events.jsonl and TensorBoard files of one run
.kitae/erased/KIND/DIGEST/   papers of artifacts out of which something was erased (see `kitae.core.papers`)
.kitae/store.db              registry and audit
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TextIO, TypeVar

from kitae.core.artifacts import KINDS, MANIFEST, Artifact, key_of
from kitae.core.events import Events, Stage
from kitae.core.files import disk_errors, folder_digests, fsync_folder, place_errors, write_json
from kitae.core.papers import erased_sentence, papers_of
from kitae.core.settings import digest_of
from kitae.errors import DamagedArtifact, InputError, WorkspaceBusy

A = TypeVar("A", bound=Artifact)
ARTIFACTS, PARTIAL, LOCK = "artifacts", "partial", "lock"
SCRATCH = "scratch"
DISCARDED = "discarded"
MADE_FROM = "made_from.json"
"""In the scratch of a draft: kind, parents and settings of what is being made."""
STATED_PACKAGES = ("kitae", "torch", "transformers", "peft", "tokenizers", "numpy", "scikit-learn")


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
        """The workspace at `home`, else at `KITAE_HOME`, else at `./.kitae`. Raises `InputError` where a file lies."""
        place = Path(home or os.environ.get("KITAE_HOME") or ".kitae").absolute()
        if place.exists() and not place.is_dir():
            raise InputError(
                "the workspace must be a folder, and this is a file",
                got=str(place),
                hint="Name a folder with --home DIR or KITAE_HOME; it is made when it is not there",
            )
        return Workspace(place)

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
            return (self.home / LOCK).open("a+")

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
        and everything else of the draft removed; a draft that only lacked its name is given it. Emits `started`, then
        `skipped` or `finished` with the summary. Raises `DamagedArtifact` when what is found is not as it was made.
        """
        made_from = {"kind": kind.kind, "parents": dict(parents), "settings": dict(settings)}
        key = key_of(made_from | {"versions": {"kitae": version("kitae")}})
        partial = self.home / PARTIAL / f"{kind.kind}-{key}"
        final = self.home / ARTIFACTS / kind.kind / key
        self.events.say(kind.kind, "started")
        if not (final / MANIFEST).exists() and _lacks_only_its_name(kind, partial):
            _name(partial, final)
        if (final / MANIFEST).exists():
            artifact = kind.load(final)
            artifact.verify()
            self.events.say(kind.kind, "skipped", digest=artifact.digest, folder=str(final), summary=artifact.summary)
            return artifact
        draft = _draft(partial, Stage(self.events, kind.kind))
        with disk_errors(draft.folder):
            write_json(draft.scratch / MADE_FROM, made_from)
            build(draft)
            if not (draft.folder / "summary.json").exists():
                draft.summary({})
            _seal(draft.folder, made_from)
        _name(draft.folder, final)
        artifact = kind.load(final)
        self.events.say(kind.kind, "finished", digest=artifact.digest, folder=str(final), summary=artifact.summary)
        return artifact

    def artifacts(self, on_damaged: Callable[[DamagedArtifact], object] | None = None) -> Iterator[Artifact]:
        """Every finished artifact that has a manifest of its own.

        Of others `on_damaged` is told, or else who listens to the events is warned.
        """
        tell = on_damaged or (lambda error: Stage(self.events, "workspace").warning(str(error)))
        for folder in self._finished():
            try:
                yield _load(folder)
            except DamagedArtifact as error:
                tell(error)

    def find(self, digest: str) -> Artifact:
        """The finished artifact whose digest begins with `digest`, verified.

        Raises `InputError` when there is none, `DamagedArtifact` when it is not as it was made, or when there is none
        and a damaged manifest may have been its own.
        """
        damaged: list[DamagedArtifact] = []
        for artifact in self.artifacts(damaged.append):
            if artifact.digest.startswith(digest):
                artifact.verify()
                return artifact
        papers = papers_of(self.home, digest)
        if papers is not None:
            raise InputError(f"the {papers.kind} {digest[:12]} was {erased_sentence(papers.erasures)}")
        if damaged:
            raise damaged[0]
        raise InputError(
            f"no artifact {digest[:12]} in {self.home}", hint="`kitae run RECIPE` makes it again from the raw files"
        )

    def verify(self) -> tuple[int, list[DamagedArtifact]]:
        """Compare every finished artifact with its manifest: how many there are, and what is wrong with which."""
        wrong = []
        folders = self._finished()
        for folder in folders:
            try:
                _load(folder).verify()
            except DamagedArtifact as error:
                wrong.append(error)
        return len(folders), wrong

    def drafts(self) -> list[tuple[Path, int]]:
        """What was begun and not finished: each folder with its size in bytes."""
        folders = [path for path in sorted(self.home.glob("partial/*")) if path.is_dir()]
        return [(folder, _size(folder)) for folder in folders]

    def _finished(self) -> list[Path]:
        return [path for path in sorted(self.home.glob("artifacts/*/*")) if path.is_dir()]


def _size(folder: Path) -> int:
    """Bytes of the files below a folder; those that vanish meanwhile, because a run is at work, do not count."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                size += (Path(place) / name).lstat().st_size
    return size


def _load(folder: Path) -> Artifact:
    """The artifact in a folder; its kind is the folder above."""
    return KINDS.get(folder.parent.name, Artifact).load(folder)


def _draft(folder: Path, stage: Stage) -> Draft:
    """A draft in a folder from which everything but the scratch is removed."""
    scratch = folder / SCRATCH
    with disk_errors(folder):
        scratch.mkdir(parents=True, exist_ok=True)
        for entry in folder.iterdir():
            if entry.is_dir() and entry.name != SCRATCH:
                shutil.rmtree(entry)
            elif not entry.is_dir():
                entry.unlink()
    return Draft(folder, scratch, stage)


def _seal(folder: Path, made_from: Mapping[str, Any]) -> None:
    """Flush a draft's files and write its manifest last."""
    files = folder_digests(folder, leave_out=frozenset({MANIFEST, SCRATCH}))
    for name in files:
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())
    manifest = {**made_from, "digest": digest_of(files), "versions": stated_versions(), "files": files}
    write_json(folder / MANIFEST, manifest)


def _lacks_only_its_name(kind: type[Artifact], folder: Path) -> bool:
    """Whether a draft was killed between its manifest and its name. What is left of its scratch does not count."""
    if not (folder / MANIFEST).exists():
        return False
    try:
        kind.load(folder).verify(besides=frozenset({SCRATCH, DISCARDED}))
    except DamagedArtifact:
        return False
    return True


def _name(folder: Path, final: Path) -> None:
    """Take the scratch from a draft that has its manifest, and give it its name."""
    with disk_errors(final):
        # Renamed before it is removed: killed half-way, a resume must never meet half a scratch folder.
        if (folder / SCRATCH).exists():
            (folder / SCRATCH).rename(folder / DISCARDED)
        if (folder / DISCARDED).exists():
            shutil.rmtree(folder / DISCARDED)
        final.parent.mkdir(parents=True, exist_ok=True)
        if final.exists():
            shutil.rmtree(final)  # without a manifest it is what somebody left of a damaged artifact
        folder.rename(final)
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
