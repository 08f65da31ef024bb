"""Papers: what stays of an artifact when the text of records in it was erased.

An artifact is named by its content, so nothing can be taken out of it and leave it what it was. It goes as a whole and
its papers stay in its place in the lineage: its kind, digest, parents and settings, and of every other record where it
stood and on what terms, without a word of text.

.kitae/erased/KIND/DIGEST/papers.json   what it was, which erasures took something out of it
.kitae/erased/KIND/DIGEST/*.jsonl       the other records without their text, by the file they stood in
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kitae.core.files import folder_digests, fsync_folder, read_json, write_json
from kitae.core.settings import digest_of

PAPERS = "papers.json"
FOLDER = "erased"


@dataclass(frozen=True)
class Papers:
    """The papers of an erased artifact. `values` is what `papers.json` says."""

    folder: Path
    values: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """What it was: a dataset, a split, a verdict."""
        return str(self.values["kind"])

    @property
    def digest(self) -> str:
        """The digest of the artifact."""
        return str(self.values["digest"])

    @property
    def parents(self) -> dict[str, str]:
        """What it was made from: role to digest."""
        return dict(self.values["parents"])

    @property
    def erasures(self) -> list[str]:
        """The erasures that took something out of it, the first one first."""
        return list(self.values["erasures"])

    @property
    def contents(self) -> dict[str, str]:
        """Name of each of its files of records to the digest of what the file's records said."""
        return dict(self.values["contents"])

    def files(self) -> list[Path]:
        """Its files of records."""
        return sorted(self.folder.glob("*.jsonl"))

    def state(self) -> str:
        """A digest of the papers themselves as they are now."""
        return digest_of(folder_digests(self.folder))


def papers_folder(home: Path, kind: str, digest: str) -> Path:
    """Where the papers of an artifact lie."""
    return home / FOLDER / kind / digest


def all_papers(home: Path) -> Iterator[Papers]:
    """The papers of every artifact that was erased in a workspace."""
    for path in sorted((home / FOLDER).glob(f"*/*/{PAPERS}")):
        yield Papers(path.parent, read_json(path))


def papers_of(home: Path, digest: str) -> Papers | None:
    """The papers of the artifact whose digest begins so, or None."""
    return next((papers for papers in all_papers(home) if papers.digest.startswith(digest)), None)


def lay_papers(draft: Path, home: Path, values: Mapping[str, Any]) -> None:
    """Give papers whose files of records lie in `draft` their name; what an earlier, killed attempt left goes."""
    final = papers_folder(home, str(values["kind"]), str(values["digest"]))
    write_json(draft / PAPERS, dict(values))
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.exists():
        shutil.rmtree(final)
    draft.rename(final)
    fsync_folder(final.parent)


def erased_sentence(erasures: Sequence[str]) -> str:
    """How an artifact that was erased is spoken of."""
    return f"erased (erasure {', '.join(erasures)}); `kitae run RECIPE` makes it again without what was erased"
