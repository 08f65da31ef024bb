"""What is packed: single files (gzip, zstd) and archives (zip), unpacked as they are read and never onto the disk.

A bomb is stopped by a budget; a member whose path leaves the archive is refused; what is damaged, locked with a
password or a link is told of, and the other members are read.
"""

import gzip
import io
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import PurePosixPath, PureWindowsPath
from typing import IO, TYPE_CHECKING, Any

from kitae.data.reading.damage import BrokenFile
from kitae.data.reading.rows import BadRow, Raw, Reader, Row
from kitae.errors import SourceError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

DAMAGE = (OSError, EOFError, LookupError, MemoryError, NotImplementedError, RuntimeError, ValueError, zlib.error,
          lzma.LZMAError, struct.error, zipfile.BadZipFile)  # fmt: skip
"""What the readers of packed files raise when something is wrong with them."""
BUFFER_BYTES = 1 << 17
FOREIGN = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
"""What systems leave in archives and folders."""


def _gunzip(file: IO[bytes]) -> Any:
    return gzip.GzipFile(fileobj=file)


def _unzstd(file: IO[bytes]) -> Any:
    import pyarrow as pa

    # The zstandard package takes a file that breaks off for one that ends.
    return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")


PACKINGS: dict[str, Callable[[IO[bytes]], Any]] = {
    ".gz": _gunzip, ".gzip": _gunzip, ".zst": _unzstd, ".zstd": _unzstd,
}  # fmt: skip
"""How a packed file is opened, by the ending of its name."""


BOMB = (
    "it unpacks to far more than it takes, as archives do that are made to fill a disk (data.sources: "
    "read.unpacked_ratio, read.unpacked_gb)"
)


class Unpacked(io.RawIOBase):
    """The bytes of something packed as they come. Raises `BrokenFile` for a bomb and where it is damaged."""

    def __init__(self, stream: IO[bytes], packed: IO[bytes], most: int) -> None:
        self._stream = stream
        self._packed = packed
        self._left = most

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill a buffer; the number of bytes, 0 at the end."""
        room = memoryview(buffer).cast("B")
        with _undamaged():
            data = self._stream.read(len(room))
        self._left -= len(data)
        if self._left < 0:
            raise BrokenFile(BOMB)
        room[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close what is under it."""
        if not self.closed:
            self._packed.close()
        super().close()


@contextmanager
def _undamaged() -> Iterator[None]:
    """Tell of damage as `BrokenFile`."""
    try:
        yield
    except DAMAGE as error:
        raise BrokenFile(f"what is packed cannot be unpacked from here on: {error}") from error


def unpacked(raw: Raw) -> Raw:
    """The file inside a gzip or zstd file, under the name without that ending."""
    packing = PurePosixPath(raw.name).suffix

    def opened() -> IO[bytes]:
        packed = raw.opened()
        with _undamaged():
            stream = PACKINGS[packing.lower()](packed)
        return _buffered(stream, packed, raw.most_unpacked)

    return replace(raw, name=raw.name.removesuffix(packing), opened=opened)


def _buffered(stream: IO[bytes], packed: IO[bytes], most: int) -> IO[bytes]:
    return io.BufferedReader(Unpacked(stream, packed, most), BUFFER_BYTES)


def read_zip(raw: Raw, readable: Callable[[str], bool], read: Reader) -> Iterator[Row | BadRow]:
    """Every row of every member that is `readable` by its name, with the member's name as its sheet."""
    with raw.seekable() as file, _opened(raw, file) as archive:
        left = raw.most_unpacked
        for info in archive.infolist():
            name = member_name(info)
            if info.is_dir() or is_foreign(name) or not readable(name):
                continue
            reason = _refused(info, name) or (BOMB if info.file_size > left else "")
            if reason:
                yield BadRow(reason, "", 1, name)
                continue
            left -= info.file_size
            for row in read(_member(raw, archive, info, name)):
                sheet = f"{name}/{row.sheet}" if row.sheet else name
                yield replace(row, sheet=sheet)


def members(raw: Raw) -> list[str]:
    """The names of the members of an archive. Raises `SourceError`."""
    with raw.seekable() as file, _opened(raw, file) as archive:
        names = [member_name(info) for info in archive.infolist() if not info.is_dir()]
    return [name for name in names if not is_foreign(name)]


def is_foreign(name: str) -> bool:
    """Whether a path is nobody's data: hidden, a lock, or left there by the system."""
    parts = PurePosixPath(name).parts
    return any(part in FOREIGN or (part.startswith(("~$", ".")) and part not in {".", ".."}) for part in parts)


@contextmanager
def _opened(raw: Raw, file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(file)
    except DAMAGE as error:
        raise SourceError(
            f"{raw.name} is not a readable archive", got=str(error), hint="Unpack it and name the folder instead"
        ) from error
    with archive:
        yield archive


def _member(raw: Raw, archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Raw:
    def opened() -> IO[bytes]:
        with _undamaged():
            stream = archive.open(info)
        return _buffered(stream, stream, info.file_size)

    return Raw(name, opened, info.file_size, raw.encoding, raw.how)


def _refused(info: zipfile.ZipInfo, name: str) -> str:
    """Why a member is not read, or ""."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or PureWindowsPath(name).drive:
        return "its path leaves the folder of the archive"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link, which may lead anywhere"
    if info.flag_bits & 1:
        return "locked with a password: unpack it and name the folder instead"
    return "an archive inside an archive: unpack it first" if path.suffix.lower() == ".zip" else ""


def member_name(info: zipfile.ZipInfo) -> str:
    """The path of a member; names that are not marked as UTF-8 are read as Japanese systems write them."""
    if info.flag_bits & 0x800 or info.filename.isascii():
        return info.filename.replace("\\", "/")
    written = info.filename.encode("cp437", errors="replace")
    for encoding in ("utf-8", "cp932"):
        try:
            return written.decode(encoding).replace("\\", "/")
        except UnicodeDecodeError:
            continue
    return info.filename
