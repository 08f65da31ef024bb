"""Where the raw files of a source lie: one file, a glob, a folder with all that is below it, a dataset of the hub."""

import glob
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from kitae.core.data_settings import SourceSettings
from kitae.core.recipe import locate
from kitae.data.hub import HUB, hub_files
from kitae.data.readers import READERS, kind, passed_over, wrong_at_sight
from kitae.data.reading.packed import is_foreign
from kitae.data.reading.rows import Raw, readable
from kitae.errors import SourceError

GLOB_CHARACTERS = frozenset("*?[")
DATASET_FILES = frozenset({"state.json", "dataset_info.json"})
DATASETS_FILE = "dataset_dict.json"
"""What 🤗 datasets' save_to_disk writes beside the data."""


@dataclass
class Located:
    """The files of a source by their place within it ("" for the source itself), and what was passed over and why."""

    files: dict[str, Path] = field(default_factory=dict)
    passed_over: dict[str, list[str]] = field(default_factory=dict)

    def pass_over(self, reason: str, name: str) -> None:
        """Say of a file why it is not read."""
        self.passed_over.setdefault(reason, []).append(name)


def find_all(source: SourceSettings, folder: Path, *, leave_out: Path) -> Located:
    """Every file of a source that a recipe in `folder` names; nothing below `leave_out` is looked at.

    Raises `SourceError` for a file that is named and cannot be used, and when there is nothing to read.
    """
    where = locate(source.path, folder)
    located = Located()
    if source.path.startswith(HUB):
        located.files = hub_files(source.path)
    elif where.is_dir():
        _take(located, where, _below(where, leave_out, located), source)
    elif _is_glob(where):
        # An absolute pattern has no folder for Path.glob to start from.
        names = [Path(name) for name in sorted(glob.glob(str(where), recursive=True))]  # noqa: PTH207
        base = _glob_base(where)
        found = [name.relative_to(base) for name in names if name.is_file()]
        if not found:
            raise SourceError(
                f"no file matches {source.path}", got=str(where), hint="Globs are relative to the recipe's folder"
            )
        _take(located, base, found, source)
    else:
        with readable(where):
            _check(where, source, located)
    return located


def places_of(source: SourceSettings, folder: Path, within: Sequence[str]) -> list[Path]:
    """Where the files of a source lie that `find_all` found earlier."""
    if source.path.startswith(HUB):
        files = hub_files(source.path)
        return [files[name] for name in within]
    where = locate(source.path, folder)
    base = _glob_base(where) if _is_glob(where) else where
    return [base / name for name in within]


def names_of(paths: Sequence[Path]) -> dict[Path, str]:
    """The shortest endings of the paths that tell them apart: records cite them, and no machine's folders show."""
    names: dict[Path, str] = {}
    waiting = list(dict.fromkeys(paths))
    length = 0
    while waiting:
        length += 1
        endings: dict[tuple[str, ...], list[Path]] = {}
        for path in waiting:
            endings.setdefault(path.parts[-length:], []).append(path)
        waiting = []
        for ending, alike in endings.items():
            if len(alike) == 1 or all(len(path.parts) <= length for path in alike):
                names.update(dict.fromkeys(alike, str(PurePosixPath(*ending))))
            else:
                waiting += alike
    return names


def _is_glob(where: Path) -> bool:
    return bool(GLOB_CHARACTERS & set(str(where))) and not where.exists()


def _glob_base(where: Path) -> Path:
    """The folder that a glob starts from."""
    return next(parent for parent in where.parents if not GLOB_CHARACTERS & set(str(parent)))


def _below(where: Path, leave_out: Path, located: Located) -> Iterator[Path]:
    """The files below a folder in the order of their paths, hidden ones and what systems leave there left out."""
    for name, folders, files in sorted(os.walk(where)):
        here = Path(name)
        if leave_out == here or leave_out in here.parents or is_foreign(here.relative_to(where).as_posix()):
            continue
        for link in (here / folder for folder in folders if (here / folder).is_symlink()):
            located.pass_over("a link to a folder", link.relative_to(where).as_posix())
        for file in sorted(_of_dataset(here, files)):
            if not is_foreign(file):
                yield (here / file).relative_to(where)


def _of_dataset(folder: Path, files: Sequence[str]) -> Sequence[str]:
    """The files of a folder without the notes and caches of 🤗 datasets, where it wrote the folder."""
    if not set(files) >= DATASET_FILES:
        return [file for file in files if file != DATASETS_FILE]
    try:
        state = json.loads((folder / "state.json").read_text("utf-8"))
        listed = {entry["filename"] for entry in state["_data_files"]}
    except (ValueError, LookupError, TypeError):
        return files
    return [file for file in files if file in listed]


def _take(located: Located, base: Path, found: Iterable[Path], source: SourceSettings) -> None:
    """The files among those found that can be read."""
    for within in found:
        name = within.as_posix()
        path = base / within
        with readable(path):
            raw = Raw.of(path, source.encoding, source.read)
            reason = f"no reader for {path.suffix or 'files without an ending'}"
            reason = wrong_at_sight(raw) if kind(path.name) in READERS else reason
            if reason:
                located.pass_over(reason, name)
            else:
                located.files[name] = path
                _members(located, raw, f"{name}/")
    if not located.files:
        got = "; ".join(f"{names[0]}: {reason}" for reason, names in located.passed_over.items())
        raise SourceError(
            f"{source.path} holds no file that can be read",
            got=got or str(base),
            known=sorted(READERS),
            hint="Export the records in one of the known formats",
        )


def _members(located: Located, raw: Raw, before: str) -> None:
    for member in passed_over(raw):
        located.pass_over(f"no reader for {PurePosixPath(member).suffix or 'files without an ending'}", before + member)


def _check(path: Path, source: SourceSettings, located: Located) -> None:
    if not path.is_file():
        near = sorted(p.name for p in path.parent.iterdir() if p.is_file())[:8] if path.parent.is_dir() else []
        raise SourceError(
            f"there is no file {source.path}",
            got=str(path),
            known=near,
            hint="Paths are relative to the recipe's folder",
        )
    if kind(path.name) not in READERS:
        raise SourceError(
            f"no reader for files named {path.suffix or 'without a suffix'}",
            got=path.name,
            known=sorted(READERS),
            hint="Save or export the file in one of the known formats; .gz and .zst may stand behind them",
        )
    raw = Raw.of(path, source.encoding, source.read)
    if reason := wrong_at_sight(raw):
        raise SourceError(
            f"{path.name} {reason}", got=str(path), hint="Export it again, name it by its real format, or leave it out"
        )
    located.files[""] = path
    _members(located, raw, f"{path.name}/")
