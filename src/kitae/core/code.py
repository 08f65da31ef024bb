"""Which code makes a result, as one digest: another one means that the result may be another."""

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.resources.abc import Traversable

from kitae.core.settings import digest_of

SOURCES = (".py", ".toml", ".j2", ".css", ".js")
"""Files that decide results and what reports of them look like."""


@cache
def code_digest(packages: tuple[str, ...], libraries: tuple[str, ...]) -> str:
    """SHA-256 (hex) over all source files of these packages, the versions of these libraries, and Unicode's."""
    sources = {
        f"{package}/{name}": hashlib.sha256(content).hexdigest()
        for package in packages
        for name, content in _sources(files(package))
    }
    return digest_of([sources, _versions(libraries), unicodedata.unidata_version])


def _sources(folder: Traversable, name: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _sources(entry, f"{name}{entry.name}/")
        elif entry.name.endswith(SOURCES):
            yield name + entry.name, entry.read_bytes()


def _versions(libraries: Sequence[str]) -> dict[str, str]:
    """Versions of those that are installed, read without importing them."""
    found = {}
    for library in libraries:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
