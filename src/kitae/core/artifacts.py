"""What travels between stages: frozen values that name a folder, its digest and its parents.

The digest is taken over the files of the folder (names and contents) and nothing else: no time, no path, no machine.
Two machines that do the same work therefore arrive at the same digest, and a stage whose input came out the same
again need not run again.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from kitae.core.files import folder_digests, read_json
from kitae.core.settings import digest_of
from kitae.errors import DamagedArtifact

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Artifact:
    """A finished folder. `parents` maps a role ("split", "base") to the digest of what was used."""

    kind: ClassVar[str] = "artifact"

    folder: Path
    digest: str
    parents: tuple[tuple[str, str], ...] = ()

    @property
    def short(self) -> str:
        """The first 12 characters of the digest, for people."""
        return self.digest[:12]

    def file(self, name: str) -> Path:
        """The path of a file inside the artifact."""
        return self.folder / name

    def json(self, name: str) -> Any:
        """A JSON file inside the artifact, parsed."""
        return read_json(self.folder / name)

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest: kind, digest, parents, settings, summary, versions, files with their digests."""
        manifest: dict[str, Any] = read_json(self.folder / MANIFEST)
        return manifest

    @property
    def summary(self) -> dict[str, Any]:
        """The few figures the stage wants shown (counts, losses); part of the digest through `summary.json`."""
        summary: dict[str, Any] = read_json(self.folder / "summary.json")
        return summary

    def verify(self) -> None:
        """Compare every file with the manifest. Raises `DamagedArtifact`."""
        files = folder_digests(self.folder, leave_out=frozenset({MANIFEST}))
        if files != self.manifest["files"] or digest_of(files) != self.digest:
            raise DamagedArtifact(
                f"the {self.kind} {self.short} does not match its manifest",
                got=str(self.folder),
                hint="Delete this folder and run the recipe again; the stage is then redone",
            )


@dataclass(frozen=True)
class Source(Artifact):
    """Raw files as they were found: names, sizes, digests, terms."""

    kind: ClassVar[str] = "source"


@dataclass(frozen=True)
class Dataset(Artifact):
    """Clean records (`records.jsonl`), and what was dropped or quarantined, with reasons."""

    kind: ClassVar[str] = "dataset"


@dataclass(frozen=True)
class Split(Artifact):
    """`train.jsonl`, `validation.jsonl`, `test.jsonl` and any extra held-out sets (`also-NAME.jsonl`)."""

    kind: ClassVar[str] = "split"


@dataclass(frozen=True)
class Plan(Artifact):
    """`plan.json`: every setting resolved, each decision with its reason, memory and time against the machine."""

    kind: ClassVar[str] = "plan"


@dataclass(frozen=True)
class Adapter(Artifact):
    """A plain PEFT adapter in `adapter/`, the training history in `history.jsonl`."""

    kind: ClassVar[str] = "adapter"


@dataclass(frozen=True)
class Verdict(Artifact):
    """`verdict.json`, predictions per item, `report.html`."""

    kind: ClassVar[str] = "verdict"


@dataclass(frozen=True)
class Version(Artifact):
    """A registered version: the card that ties adapter, base, split, data, recipe and verdict together."""

    kind: ClassVar[str] = "version"


KINDS: dict[str, type[Artifact]] = {
    kind.kind: kind for kind in (Source, Dataset, Split, Plan, Adapter, Verdict, Version)
}
