"""Reads members of zip, tar and gzip files into memory; nothing is unpacked onto the disk.

A name that is absolute or climbs out, a truncated archive and a missing member are each one clear error.
"""

import contextlib
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from common.data.errors import DataError

# RuntimeError: a member is encrypted, or packed in a way that is not known here
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError)
MOST_BYTES = 1 << 30  # of one member in memory: five times the largest of any set here; a bomb says what it unpacks to
_BLOCK = 1 << 20


@contextlib.contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip whose names were all found harmless."""
    with _explained(path), zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            check_member_name(path, name)
        yield archive


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return one member of an open zip, of :data:`MOST_BYTES` at most; its CRC is checked on the way."""
    with open_member(archive, name) as handle:
        _check_size(archive.filename, name, archive.getinfo(name).file_size)
        return handle.read()


def open_member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """Open one member of an open zip as a stream; raises DataError where there is none of that name."""
    try:
        return archive.open(name)
    except KeyError:
        raise DataError(f"{archive.filename}: holds no member {name!r}: not the archive expected") from None


def read_tar_members(path: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Return the named regular files of a (compressed) tar, in one pass; raises DataError where one is not there.

    Read to its end, though all be found before: a compressed stream's checksum stands there.
    """
    found: dict[str, bytes] = {}
    wanted = set(names)
    with _explained(path), tarfile.open(path, "r:*") as archive:
        for member in archive:
            check_member_name(path, member.name)
            if member.isfile() and member.name in wanted:
                _check_size(path, member.name, member.size)
                handle = archive.extractfile(member)
                found[member.name] = handle.read() if handle else b""
        while archive.fileobj and archive.fileobj.read(_BLOCK):
            pass
    missing = sorted(wanted - set(found))
    if missing:
        raise DataError(f"{path}: holds no member {missing[0]!r}: not the archive expected")
    return found


def read_gzip(path: Path) -> bytes:
    """Return the decompressed content of a .gz file, of :data:`MOST_BYTES` at most."""
    with _explained(path), gzip.open(path) as handle:
        content = handle.read(MOST_BYTES + 1)
        _check_size(path, path.stem, len(content))
        return content


def _check_size(path: Path | str | None, name: str, size: int) -> None:
    if size > MOST_BYTES:
        raise DataError(f"{path}: refused, for its member {name!r} unpacks to more than {MOST_BYTES >> 20} MB")


def check_member_name(path: Path, name: str) -> None:
    """Refuse an archive with a member whose name would climb out of a folder it is unpacked into."""
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or (pure.parts and pure.parts[0].endswith(":")):
        raise DataError(f"{path}: refused, for its member {name!r} climbs out of the archive")


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; see data/README.md for where to put it") from None
    except _BROKEN as problem:
        raise DataError(
            f"{path}: truncated or not a {''.join(path.suffixes[-2:])} archive ({problem or type(problem).__name__}); "
            "remove it and fetch it again"
        ) from problem
