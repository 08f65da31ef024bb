"""Writing files so that a name means finished: written aside, flushed to disk, renamed."""

import errno
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kitae.errors import DiskFull, InputError, KitaeError

BLOCK_BYTES = 1 << 20
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The disk is full, the user's quota is used up, or the file is larger than the system lets it be."""
NO_PLACE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, errno.ENOENT})
"""We may not write there, nobody may, what should be a folder is a file, or no folder can be made there."""


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn "no space left" into `DiskFull`, which names the place and the next step."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise DiskFull(
            f"no room left on the disk while writing {path.name}",
            got=str(path.parent),
            hint="Free some space or take another disk (KITAE_HOME names the workspace), then run the same command "
            "again; finished stages are kept",
        ) from error


@contextmanager
def place_errors(folder: Path, *, setting: str = "KITAE_HOME=/some/folder") -> Iterator[None]:
    """Turn "may not", "is a file" and "no room" about a folder that kitae wants to write in into the next step.

    `setting` is how the user names another folder.
    """
    try:
        with disk_errors(folder):
            yield
    except OSError as error:
        if error.errno not in NO_PLACE:
            raise
        raise InputError(
            f"kitae cannot keep files in {folder}",
            got=error.strerror,
            hint=f"Give a folder that you may write to with {setting}",
        ) from error


def fsync_folder(folder: Path) -> None:
    """Flush a folder's names to disk, so that a rename survives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file, or nothing: aside, fsync, rename. Raises `DiskFull`."""
    aside = path.with_name(path.name + ".partial")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        fsync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text as `write_bytes` does."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: object) -> None:
    """Write indented JSON with sorted keys: the same value gives the same bytes."""
    write_text(path, json_text(value, sort_keys=True, indent=1) + "\n")


def json_text(value: object, **form: Any) -> str:
    """A value as JSON that any reader takes back; `form` as for `json.dumps`.

    NaN and infinities are no JSON. Raw data are freed of them when they are read and figures before they are written,
    so that one of them here is a fault of kitae and named as such.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, **form)
    except ValueError as error:
        raise KitaeError(
            "a figure that is no number was about to be written",
            got=str(error),
            hint="This is a fault of kitae: report it",
        ) from error


def read_json(path: Path) -> Any:
    """Read a JSON file written by `write_json`."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write one JSON object a line, aside and renamed; returns the number of lines. Raises `DiskFull`."""
    aside = path.with_name(path.name + ".partial")
    count = 0
    with disk_errors(path):
        with aside.open("w", encoding="utf-8", newline="\n") as file:
            for row in rows:
                file.write(json_text(row, sort_keys=True) + "\n")
                count += 1
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    return count


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSONL file one by one."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes, read in blocks."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            sha.update(block)
    return sha.hexdigest()


def folder_digests(folder: Path, *, leave_out: frozenset[str] = frozenset()) -> dict[str, str]:
    """SHA-256 of every file below a folder by its relative name; `leave_out` names top-level entries to pass over."""
    return {
        path.relative_to(folder).as_posix(): file_digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in leave_out
    }
