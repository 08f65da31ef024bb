"""What travels between stages: frozen values that name a folder, its digest and its parents.

The digest is taken over the files of the folder (names and contents) and nothing else: no time, no path, no machine.
Two machines that do the same work therefore arrive at the same digest, and a stage whose input came out the same
again need not run again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

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

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The finished artifact in a folder. Raises `DamagedArtifact` when the manifest is not the one made for it."""
        try:
            manifest = read_json(folder / MANIFEST)
            artifact = cls(folder, manifest["digest"], tuple(sorted(manifest["parents"].items())))
            sound = folder.name.endswith(key_of(manifest)) and digest_of(manifest["files"]) == artifact.digest
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            sound = False
        if not sound:
            raise damaged(f"the manifest of the {cls.kind} in this folder is missing, cut off or changed", folder)
        return artifact

    def verify(self, *, besides: frozenset[str] = frozenset()) -> None:
        """Compare every file with the manifest. Raises `DamagedArtifact`.

        `besides` names top-level entries that are no part of the artifact.
        """
        files = folder_digests(self.folder, leave_out=besides | {MANIFEST})
        if digest_of(files) != self.digest or self.load(self.folder) != self:
            raise damaged(f"the {self.kind} {self.short} does not match its manifest", self.folder)


def key_of(manifest: Mapping[str, Any]) -> str:
    """The name of an artifact's folder: made from what it is made from, so that work already done is found again."""
    made_from = [manifest["kind"], manifest["versions"]["kitae"], manifest["parents"], manifest["settings"]]
    return digest_of(made_from)[:20]


def damaged(what: str, folder: Path) -> DamagedArtifact:
    """The error about a finished folder that is not as it was made."""
    hint = "Delete this folder and run the recipe again; the stage is then redone"
    return DamagedArtifact(what, got=str(folder), hint=hint)


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
    """`train.jsonl`, `validation.jsonl`, `test.jsonl`. Further held-out sets are datasets of their own."""

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
class Comparison(Artifact):
    """Several systems on the same rows: `comparison.json`, `items.jsonl`, `report.html`."""

    kind: ClassVar[str] = "comparison"


@dataclass(frozen=True)
class Version(Artifact):
    """A registered version: the card that ties adapter, base, split, data, recipe and verdict together."""

    kind: ClassVar[str] = "version"


KINDS: dict[str, type[Artifact]] = {
    kind.kind: kind for kind in (Source, Dataset, Split, Plan, Adapter, Verdict, Comparison, Version)
}
