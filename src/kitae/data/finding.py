"""The first stage: which raw files there are, what they weigh, and on what terms they may be used."""

import glob
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from kitae.core.artifacts import Source
from kitae.core.data_settings import SourceSettings
from kitae.core.files import file_digest, write_json
from kitae.core.recipe import locate
from kitae.core.workspace import Draft, Workspace
from kitae.data.encodings import binary_kind, opening
from kitae.data.readers import READERS, WORKBOOKS
from kitae.data.reading.rows import readable
from kitae.data.shapes import CANONICAL
from kitae.errors import SourceError, UnknownName

GLOB_CHARACTERS = frozenset("*?[")
LISTING = "sources.json"


@dataclass(frozen=True)
class FoundFile:
    """A raw file: its name as records will cite it, its real place, and the source it belongs to."""

    name: str
    path: Path
    source: SourceSettings


def find(settings: Sequence[SourceSettings], *, folder: Path, out: Workspace) -> Source:
    """Look up every raw file of the recipe that lies in `folder`.

    Raises `SourceError` for a missing, unreadable, empty or binary file and for a kind of file that has no reader.
    """
    listing: dict[str, Any] = {
        "sources": [
            {
                "settings": {**source.plain(), "path": _portable(source.path, folder)},
                "files": [
                    {"name": file.name, "bytes": file.path.stat().st_size, "sha256": _digest(file)} for file in found
                ],
            }
            for source, found in _located(settings, folder)
        ]
    }

    def build(draft: Draft) -> None:
        write_json(draft.file(LISTING), listing)
        notes = []
        for source in listing["sources"]:
            for file in source["files"]:
                terms = source["settings"]
                licence = terms["licence"] or "as each row says"
                notes.append(f"{file['name']}: {_size(file['bytes'])}, licence: {licence}")
                draft.stage.note(notes[-1], file=file["name"], bytes=file["bytes"], sha256=file["sha256"])
        files = [file for source in listing["sources"] for file in source["files"]]
        draft.summary({"files": len(files), "bytes": sum(f["bytes"] for f in files), "lines": notes})

    return out.make(Source, parents={}, settings=listing, build=build)


def found_files(source: Source, folder: Path) -> list[FoundFile]:
    """The raw files of a source artifact again. Raises `SourceError` when one is gone or no longer the same."""
    listed: list[Mapping[str, Any]] = source.json(LISTING)["sources"]
    settings = [SourceSettings.model_validate(entry["settings"]) for entry in listed]
    digests = {file["name"]: file["sha256"] for entry in listed for file in entry["files"]}
    found = [file for _, files in _located(settings, folder) for file in files]
    for file in found:
        if digests.get(file.name) != _digest(file):
            raise SourceError(
                f"{file.name} changed while kitae was working",
                got=str(file.path),
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


def _located(settings: Sequence[SourceSettings], folder: Path) -> list[tuple[SourceSettings, list[FoundFile]]]:
    check_columns(settings)
    paths = [(source, _paths(source, folder)) for source in settings]
    _check_listed_once(paths)
    names = _names([path for _, found in paths for path in found])
    return [(source, [FoundFile(names[path], path, source) for path in found]) for source, found in paths]


def _check_listed_once(paths: Sequence[tuple[SourceSettings, list[Path]]]) -> None:
    """A file read twice would give every record twice, under the same id. Raises `SourceError`."""
    listed: dict[Path, str] = {}
    for number, (source, found) in enumerate(paths):
        for path in found:
            place = f"sources.{number} ({source.path}) as {path.name}"
            before = listed.setdefault(path.resolve(), place)
            if before is not place:
                raise SourceError(
                    f"{path.name} is listed twice",
                    got=f"{before}, and {place}",
                    hint="Leave one of them out, or narrow the glob: every raw file is read once",
                )


def _paths(source: SourceSettings, folder: Path) -> list[Path]:
    where = locate(source.path, folder)
    if GLOB_CHARACTERS & set(str(where)) and not where.exists():
        # An absolute pattern has no folder for Path.glob to start from.
        names = sorted(glob.glob(str(where), recursive=True))  # noqa: PTH207
        found = [Path(name) for name in names if Path(name).is_file()]
        if not found:
            raise SourceError(
                f"no file matches {source.path}", got=str(where), hint="Globs are relative to the recipe's folder"
            )
    else:
        found = [where]
    for path in found:
        with readable(path):
            _check(path, source)
    return found


def _digest(file: FoundFile) -> str:
    with readable(file.path):
        return file_digest(file.path)


def _check(path: Path, source: SourceSettings) -> None:
    if path.is_dir():
        raise SourceError(f"{source.path} is a folder", got=str(path), hint=f"Name the files, for example {path}/*.csv")
    if not path.is_file():
        near = sorted(p.name for p in path.parent.iterdir() if p.is_file())[:8] if path.parent.is_dir() else []
        raise SourceError(
            f"there is no file {source.path}",
            got=str(path),
            known=near,
            hint="Paths are relative to the recipe's folder",
        )
    if path.suffix.lower() not in READERS:
        raise SourceError(
            f"no reader for files named {path.suffix or 'without a suffix'}",
            got=path.name,
            known=sorted(READERS),
            hint="Save or export the file in one of the known formats",
        )
    if path.stat().st_size == 0 or not _has_content(path):
        raise SourceError(f"{path.name} is empty", got=str(path), hint="Remove it from data.sources or export it again")
    _check_kind(path)


def _check_kind(path: Path) -> None:
    if path.suffix.lower() in WORKBOOKS:
        with path.open("rb") as file:
            if file.read(4) != b"PK\x03\x04":
                raise SourceError(
                    f"{path.name} is named as a workbook but is none",
                    got=str(path),
                    hint="Open it in a spreadsheet program and save it as .xlsx, or name it by its real format",
                )
        return
    if kind := binary_kind(opening(path)):
        raise SourceError(
            f"{path.name} is not text: it looks like {kind}",
            got=str(path),
            hint="Export the records as CSV, JSONL or XLSX and name that file",
        )


def _has_content(path: Path) -> bool:
    """Whether there is anything but white space and a byte order mark in the first MiB, or a file longer than that."""
    with path.open("rb") as file:
        head = file.read(1 << 20)
    return bool(head.strip(b" \t\r\n\0\xef\xbb\xbf\xff\xfe")) or path.stat().st_size > 1 << 20


def _names(paths: Sequence[Path]) -> dict[Path, str]:
    """The shortest endings of the paths that tell them apart: records cite them, and no machine's folders show."""
    names: dict[Path, str] = {}
    for path in dict.fromkeys(paths):
        parts = path.parts
        others = [other.parts for other in dict.fromkeys(paths) if other != path]
        length = 1
        while length < len(parts) and any(other[-length:] == parts[-length:] for other in others):
            length += 1
        names[path] = str(PurePosixPath(*parts[-length:]))
    return names


def _portable(path: str, folder: Path) -> str:
    """The path as the recipe wrote it; an absolute one relative to the recipe, so that artifacts name no machine."""
    where = locate(path, folder)
    if "${" in path or not (Path(path).is_absolute() or path.startswith("~")):
        return path
    return os.path.relpath(where, folder)


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB" if size >= 1e3 else f"{size} bytes"
