"""The first stage: which raw files there are, what they weigh, and on what terms they may be used."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kitae.core.artifacts import Source
from kitae.core.data_settings import SourceSettings
from kitae.core.files import file_digest, write_json
from kitae.core.recipe import locate
from kitae.core.workspace import Draft, Workspace
from kitae.data.hub import HUB
from kitae.data.locating import Located, find_all, names_of, places_of
from kitae.data.reading.rows import readable
from kitae.data.shapes import CANONICAL
from kitae.errors import SourceError, UnknownName

LISTING = "sources.json"
TOLD = 10
"""So many files of a kind that was passed over are named."""


@dataclass(frozen=True)
class FoundFile:
    """A raw file: its name as records will cite it, its real place, and the source it belongs to."""

    name: str
    path: Path
    source: SourceSettings


def find(settings: Sequence[SourceSettings], *, folder: Path, out: Workspace) -> Source:
    """Look up every raw file of the recipe that lies in `folder`.

    Raises `SourceError` for a missing, unreadable, empty or binary file and for a kind of file that has no reader. In
    folders and globs such files are passed over, with a note.
    """
    check_columns(settings)
    located = [find_all(source, folder, leave_out=out.home.absolute()) for source in settings]
    _check_listed_once(settings, located)
    names = names_of([path for found in located for path in found.files.values()])
    listing: dict[str, Any] = {
        "sources": [_listed(source, found, names, folder) for source, found in zip(settings, located, strict=True)]
    }

    def build(draft: Draft) -> None:
        write_json(draft.file(LISTING), listing)
        notes = [note for source in listing["sources"] for note in _notes(source)]
        for text, values in notes:
            draft.stage.note(text, **values)
        files = [file for source in listing["sources"] for file in source["files"]]
        lines = [text for text, _ in notes]
        draft.summary({"files": len(files), "bytes": sum(f["bytes"] for f in files), "lines": lines})

    return out.make(Source, parents={}, settings=listing, build=build)


def found_files(source: Source, folder: Path) -> list[FoundFile]:
    """The raw files of a source artifact again. Raises `SourceError` when one is gone or no longer the same."""
    found = []
    for entry in source.json(LISTING)["sources"]:
        settings = SourceSettings.model_validate(entry["settings"])
        paths = places_of(settings, folder, [listed["within"] for listed in entry["files"]])
        for listed, path in zip(entry["files"], paths, strict=True):
            found.append(FoundFile(listed["name"], path, settings))
            if listed["sha256"] != _digest(path):
                raise SourceError(
                    f"{listed['name']} changed while kitae was working",
                    got=str(path),
                    hint="Run the recipe again; it starts from the file as it is now",
                )
    return found


def check_columns(settings: Sequence[SourceSettings], *, section: str = "data.sources") -> None:
    """Raise `UnknownName` for a key of `columns` that no row has a meaning for."""
    for number, source in enumerate(settings):
        unknown = next((name for name in source.columns if name not in CANONICAL), None)
        if unknown is not None:
            place = f"key in columns of {section}.{number} ({source.path}):"
            raise UnknownName(place, got=unknown, known=CANONICAL, hint="columns: {MEANING: COLUMN}")


def _check_listed_once(settings: Sequence[SourceSettings], located: Sequence[Located]) -> None:
    """A file read twice would give every record twice, under the same id. Raises `SourceError`."""
    listed: dict[Path, str] = {}
    for number, (source, found) in enumerate(zip(settings, located, strict=True)):
        for path in found.files.values():
            place = f"sources.{number} ({source.path}) as {path.name}"
            before = listed.setdefault(path.resolve(), place)
            if before is not place:
                raise SourceError(
                    f"{path.name} is listed twice",
                    got=f"{before}, and {place}",
                    hint="Leave one of them out, or narrow the glob: every raw file is read once",
                )


def _listed(source: SourceSettings, found: Located, names: Mapping[Path, str], folder: Path) -> dict[str, Any]:
    """What the artifact keeps of a source: its settings, its files, what was passed over."""
    files = []
    for within, path in found.files.items():
        # The place of a file of the hub in the cache says nothing.
        name = f"{source.path.partition('@')[0]}@{within}" if source.path.startswith(HUB) else names[path]
        files.append({"name": name, "within": within, "bytes": path.stat().st_size, "sha256": _digest(path)})
    over = {reason: {"count": len(names), "first": names[:TOLD]} for reason, names in found.passed_over.items()}
    return {
        "settings": {**source.plain(), "path": _portable(source.path, folder)},
        "files": files,
        "passed_over": over,
    }


def _notes(source: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is said of a source: its files, and what was passed over."""
    licence = source["settings"]["licence"] or "as each row says"
    for file in source["files"]:
        text = f"{file['name']}: {_size(file['bytes'])}, licence: {licence}"
        yield text, {"file": file["name"], "bytes": file["bytes"], "sha256": file["sha256"]}
    for reason, over in source["passed_over"].items():
        first = ", ".join(over["first"]) + (", …" if over["count"] > len(over["first"]) else "")
        text = f"{source['settings']['path']}: passed over {over['count']:,} ({reason}): {first}"
        yield text, {"passed_over": over["count"], "reason": reason}


def _digest(path: Path) -> str:
    with readable(path):
        return file_digest(path)


def _portable(path: str, folder: Path) -> str:
    """The path as the recipe wrote it; an absolute one relative to the recipe, so that artifacts name no machine."""
    where = locate(path, folder)
    if path.startswith(HUB) or "${" in path or not (Path(path).is_absolute() or path.startswith("~")):
        return path
    return os.path.relpath(where, folder)


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB" if size >= 1e3 else f"{size} bytes"
