"""What an erasure finds in a workspace, written down without a word of text before anything is removed."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kitae.core.artifacts import Adapter, Artifact, Comparison, Source, Verdict, Version
from kitae.core.papers import FOLDER
from kitae.core.records import Record, content_digest
from kitae.core.store import STORE_FILE
from kitae.core.workspace import ARTIFACTS, LOCK, PARTIAL, Workspace
from kitae.data.custody.erased import Erased, mark_of
from kitae.data.custody.nearness import like_erased
from kitae.data.shards import in_shards
from kitae.errors import DamagedArtifact
from kitae.registry.erasure.holdings import Holding, Match, finished, holdings, matches
from kitae.registry.erasure.keys import KEY_FILE
from kitae.registry.erasure.quotes import Quotes, texts_of

RECEIPTS = "erasures"
TAUGHT = ("train.jsonl", "validation.jsonl")
KEPT = "records.jsonl"
LOOKED_AT_ONCE = 1_024
QUOTE_NOTHING = (Source, Adapter, Version)
"""Kinds that hold names, weights and figures, and no text of records."""
NOT_SEARCHED = frozenset({ARTIFACTS, PARTIAL, FOLDER, RECEIPTS, LOCK, KEY_FILE})
"""What is handled in its own way, or holds no text."""


@dataclass
class Findings:
    """What was found, to add up over attempts of which one was cut off."""

    records: dict[str, str] = field(default_factory=dict)
    """Mark of each record or row to how it was known: record, parent, content, place or rights_holder."""
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Where they stand in raw files, which are not ours to change: place to file, row, sheet and the file's digest."""
    artifacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Digest of each artifact that goes to its kind, its source, and how many of the records it holds."""
    adapters: dict[str, int] = field(default_factory=dict)
    """Digest of each adapter that learnt from some, to how many."""
    verdicts: dict[str, int] = field(default_factory=dict)
    """Digest of each verdict that was measured on some, to how many."""
    logs: dict[str, int] = field(default_factory=dict)
    """Each file of lines that quotes some, to how many lines go."""
    files: list[str] = field(default_factory=list)
    """Other files that quote some, and damaged artifacts; they go as a whole."""
    drafts: list[str] = field(default_factory=list)
    """Unfinished work that may hold some; it goes as a whole."""
    nearly: list[str] = field(default_factory=list)
    """Places of records that say nearly the same. They stay, for somebody to look at."""

    def merge(self, other: "Findings") -> None:
        """Add what another attempt found."""
        for name in ("records", "rows", "artifacts", "adapters", "verdicts", "logs"):
            mine: dict[str, Any] = getattr(self, name)
            mine.update({key: value for key, value in getattr(other, name).items() if key not in mine})
        self.files = sorted({*self.files, *other.files})
        self.drafts = sorted({*self.drafts, *other.drafts})
        self.nearly = sorted({*self.nearly, *other.nearly})

    def as_dict(self) -> dict[str, Any]:
        """The findings as JSON-ready values."""
        return asdict(self)


@dataclass
class Survey:
    """The findings, and what is needed to act on them: where matches stand, and what would be a quote."""

    findings: Findings
    matched: dict[str, list[Match]]
    """Digest of a holding to its matches."""
    held: list[Holding]
    quotes: Quotes


def survey(out: Workspace, erased: Erased) -> Survey:
    """Look through the whole workspace for what was erased. Changes nothing."""
    held = holdings(out)
    matched: dict[str, list[Match]] = defaultdict(list)
    for match in matches(held, erased):
        matched[match.holding.digest].append(match)
    found = Findings()
    contents: Counter[str] = Counter()
    for holding in held:
        if holding.digest in matched:
            _note(found, contents, holding, matched[holding.digest], erased.key)
    quotes = _quotes(held, matched)
    for artifact in finished(out):
        _note_descendants(found, artifact, contents)
        if artifact.digest not in found.artifacts and _quotes_some(artifact, held, quotes):
            found.artifacts[artifact.digest] = {"kind": artifact.kind, "source": "", "records": 0}
    _note_files(found, out.home, quotes)
    found.files += damaged(out)
    found.drafts = drafts(out, set(contents))
    return Survey(found, matched, held, quotes)


def drafts(out: Workspace, contents: set[str]) -> list[str]:
    """Unfinished work that may hold text that was erased, or weights that learnt from it.

    A training that is known to learn from other records is left alone.
    """
    from kitae.core.files import read_json
    from kitae.core.workspace import MADE_FROM, SCRATCH

    found = []
    for folder in sorted((out.home / PARTIAL).glob("*")):
        stated = folder / SCRATCH / MADE_FROM
        made_from = read_json(stated) if stated.exists() else {}
        if made_from.get("kind") != Adapter.kind or contents & set(made_from["parents"].values()):
            found.append(folder.name)
    return found


def nearly(looked: Survey, erased: Erased) -> list[str]:
    """Where records stand that are not among the matches and say nearly what one of them says."""
    gone = {match.what.id for found in looked.matched.values() for match in found if isinstance(match.what, Record)}
    seen = set(gone)
    places: set[str] = set()
    for holding in looked.held if gone else ():
        for path in holding.record_files() if holding.papers is None else ():
            fresh = (record for record in holding.records(path) if record.id not in seen)
            for records in in_shards(fresh, LOOKED_AT_ONCE, _letters):
                seen.update(record.id for record in records)
                edits = like_erased(records, erased)
                places |= {str(record.origin) for record, edit in zip(records, edits, strict=True) if edit is not None}
    return sorted(places)


def _letters(record: Record) -> int:
    return sum(len(message.content) for message in record.messages)


def damaged(out: Workspace) -> list[str]:
    """Folders of artifacts without a manifest of their own: nobody can say what they hold, and nothing uses them."""
    wrong: list[DamagedArtifact] = []
    list(out.artifacts(wrong.append))
    folders = [Path(str(error.got)).relative_to(out.home) for error in wrong]
    silent = {kind.kind for kind in QUOTE_NOTHING}
    return [folder.as_posix() for folder in folders if folder.parent.name not in silent]


def lines_that_quote(path: Path, quotes: Quotes) -> int:
    """How many lines of a file quote what was erased."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return sum(quotes.found_in(line) for line in file)


def _note(found: Findings, contents: Counter[str], holding: Holding, matched: Sequence[Match], key: bytes) -> None:
    """Note the matches of a holding."""
    for match in matched:
        origin = match.what.origin
        kind, value = next(match.handles, ("place", str(origin)))
        found.records.setdefault(mark_of(key, kind, value).hex(), match.why[0])
        place = {"file": origin.file, "row": origin.row, "sheet": origin.sheet}
        found.rows.setdefault(str(origin), {**place, "sha256": holding.files.get(origin.file, "")})
    by_file = Counter(match.name for match in matched)
    for name, count in by_file.items():
        digest = _content_of(holding, name)
        if digest:
            contents[digest] = count
    entry = {"kind": holding.kind, "source": holding.source, "records": len(matched), "kept": by_file[KEPT]}
    found.artifacts[holding.digest] = entry


def _content_of(holding: Holding, name: str) -> str:
    if holding.papers is not None:
        return holding.papers.contents.get(name, "")
    path = holding.folder / name
    return content_digest(path) if name in {*TAUGHT, KEPT, "test.jsonl"} else ""


def _note_descendants(found: Findings, artifact: Artifact, contents: Mapping[str, int]) -> None:
    """Note an adapter that learnt from erased records, or a verdict that was measured on some."""
    parents = dict(artifact.parents)
    if isinstance(artifact, Adapter):
        seen = sum(contents.get(parents.get(role, ""), 0) for role in ("train", "validation"))
        if seen:
            found.adapters[artifact.digest] = seen
    if isinstance(artifact, Verdict | Comparison):
        sides = [digest for role, digest in parents.items() if role == "test" or role.startswith("held_out.")]
        measured = sum(contents.get(digest, 0) for digest in sides)
        if measured:
            if isinstance(artifact, Verdict):
                found.verdicts[artifact.digest] = measured
            found.artifacts[artifact.digest] = {"kind": artifact.kind, "source": "", "records": measured}


def _quotes(held: Iterable[Holding], matched: Mapping[str, Sequence[Match]]) -> Quotes:
    """What would quote erased records: pieces of what they said that no record that stays says."""
    quotes = Quotes(text for found in matched.values() for match in found for text in _said(match))
    if quotes and not quotes.everything:
        seen: set[int] = set()
        for text in _staying(held, matched):
            if hash(text) not in seen:
                seen.add(hash(text))
                quotes.forget(text)
    quotes.names(match.what.id for found in matched.values() for match in found if isinstance(match.what, Record))
    return quotes


def _said(match: Match) -> Iterator[str]:
    what = match.what
    if isinstance(what, Record):
        yield from texts_of(what)
    else:
        yield from (what.excerpt, what.reason)


def _staying(held: Iterable[Holding], matched: Mapping[str, Sequence[Match]]) -> Iterator[str]:
    for holding in held:
        going = {match.what.id for match in matched.get(holding.digest, ()) if isinstance(match.what, Record)}
        for path in holding.record_files() if holding.papers is None else ():
            for record in holding.records(path):
                if record.id not in going:
                    yield from texts_of(record)


def _quotes_some(artifact: Artifact, held: Iterable[Holding], quotes: Quotes) -> bool:
    if isinstance(artifact, QUOTE_NOTHING) or not quotes:
        return False
    holding = next((one for one in held if one.digest == artifact.digest), None)
    records = set() if holding is None else set(holding.record_files())
    return any(_file_quotes(path, quotes) for path in sorted(artifact.folder.rglob("*")) if path not in records)


def _file_quotes(path: Path, quotes: Quotes) -> bool:
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="ignore") as file:
        return any(quotes.found_in(line) for line in file)


def _note_files(found: Findings, home: Path, quotes: Quotes) -> None:
    """Note every other file of the workspace that quotes what was erased."""
    for path in sorted(home.rglob("*")) if quotes else ():
        name = path.relative_to(home)
        if name.parts[0] in NOT_SEARCHED or name.name.startswith(STORE_FILE) or not path.is_file():
            continue
        if path.suffix == ".jsonl":
            count = lines_that_quote(path, quotes)
            if count:
                found.logs[name.as_posix()] = count
        elif _file_quotes(path, quotes):
            found.files.append(name.as_posix())
