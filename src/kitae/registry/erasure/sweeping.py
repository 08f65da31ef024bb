"""Removing what an erasure found, in an order that a kill at any moment cannot spoil.

Quotes go first: what to look for is known from the records, which go last. Each step is one that can be done again, and
an attempt that was cut off is simply made again from the beginning.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kitae.core.artifacts import Artifact
from kitae.core.files import disk_errors, fsync_folder, write_bytes, write_json, write_jsonl
from kitae.core.papers import PAPERS, Papers, all_papers, lay_papers
from kitae.core.records import Edit, Record, content_digest
from kitae.core.settings import canonical_json
from kitae.core.workspace import PARTIAL, Workspace
from kitae.data.custody.erased import without_text
from kitae.registry.erasure.findings import Findings, Survey
from kitae.registry.erasure.holdings import Holding, Match, finished, manifest_of
from kitae.registry.erasure.quotes import Quotes

GOING = "going"
"""Begins the name of a folder that is being removed."""


def sweep(out: Workspace, looked: Survey, found: Findings, erasure: str) -> None:
    """Remove everything that was found. What is gone already is passed over."""
    for name in found.drafts:
        _remove_folder(out.home / PARTIAL / name)
    for name in found.logs:
        _strike_lines(out.home / name, looked.quotes, erasure)
    for name in found.files:
        _remove(out.home / name)
    holdings = {holding.digest: holding for holding in looked.held if holding.papers is None}
    artifacts = [artifact for artifact in finished(out) if artifact.digest in found.artifacts]
    # Those without records of their own first: whether they quote is known only as long as the records are there.
    for artifact in sorted(artifacts, key=lambda artifact: (artifact.digest in holdings, artifact.kind != "split")):
        _replace_by_papers(out, artifact, holdings.get(artifact.digest), looked.matched, erasure)
    for papers in all_papers(out.home):
        if papers.digest in looked.matched:
            _thin_papers(papers, looked.matched[papers.digest], erasure)


def _replace_by_papers(
    out: Workspace, artifact: Artifact, holding: Holding | None, matched: Mapping[str, list[Match]], erasure: str
) -> None:
    """Put the papers of an artifact into its place in the lineage, then remove it."""
    draft = out.home / PARTIAL / f"papers-{artifact.kind}-{artifact.short}"
    _remove_folder(draft)
    with disk_errors(draft):
        draft.mkdir(parents=True)
        going = _going(matched.get(artifact.digest, []))
        paths = [] if holding is None else holding.record_files()
        for path in paths:
            assert holding is not None
            staying = (record for record in holding.records(path) if not going(path.name, record))
            write_jsonl(draft / path.name, (_paper(record, path.name).as_dict() for record in staying))
        manifest = manifest_of(artifact.folder)
        values = {name: manifest[name] for name in ("kind", "digest", "parents", "settings", "versions")}
        contents = {path.name: content_digest(path) for path in paths}
        lay_papers(draft, out.home, {**values, "contents": contents, **_entry([], erasure)})
    doomed = out.home / PARTIAL / f"{GOING}-{artifact.kind}-{artifact.folder.name}"
    _remove_folder(doomed)
    # Renamed before it is removed: half an artifact must never stand among the finished ones.
    artifact.folder.rename(doomed)
    fsync_folder(artifact.folder.parent)
    _remove_folder(doomed)


def _thin_papers(papers: Papers, matched: list[Match], erasure: str) -> None:
    """Take records out of papers: what they taught is known to the store by now."""
    going = _going(matched)
    for path in papers.files():
        rows = [record for record in _records(path) if not going(path.name, record)]
        write_jsonl(path, (record.as_dict() for record in rows))
    write_json(papers.folder / PAPERS, {**papers.values, **_entry(papers.erasures, erasure)})


def _records(path: Path) -> Iterator[Record]:
    from kitae.core.records import read_records

    return read_records(path)


def _entry(before: list[str], erasure: str) -> dict[str, Any]:
    return {"erasures": [*before, *([] if erasure in before else [erasure])]}


def _going(matched: list[Match]) -> Callable[[str, Record], bool]:
    """Whether a record of a file goes: known by its place, since ids may repeat in odd data."""
    places = {
        (match.name, str(match.what.origin), match.what.id) for match in matched if isinstance(match.what, Record)
    }
    return lambda name, record: (name, str(record.origin), record.id) in places


def _paper(record: Record, name: str) -> Record:
    """A record's papers; of one that was dropped the rule stays, its reason may quote."""
    dropped = name == "dropped.jsonl" and record.history
    return without_text(record, Edit(record.history[-1].rule, "") if dropped else None)


def _strike_lines(path: Path, quotes: Quotes, erasure: str) -> None:
    """Put a note in the place of each line that quotes what was erased."""
    if not path.exists():
        return
    note = canonical_json(
        {"time": datetime.now(UTC).isoformat(), "stage": "erasure", "event": "erased", "erasure": erasure}
    )
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = [note + "\n" if quotes.found_in(line) else line for line in file]
    write_bytes(path, "".join(lines).encode())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_folder(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
