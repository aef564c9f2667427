"""Files that are never half-written, locks that end with their process, and checksums that are computed once."""

import contextlib
import fcntl
import hashlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

from common.data.errors import DataError
from common.results.atomic import write_atomically

_BLOCK = 1 << 20


def generated_folder(root: Path) -> Path:
    """Return the folder for what can be made again (caches, locks), creating it."""
    folder = root / "data" / "generated"
    make_folder(folder)
    return folder


def make_folder(folder: Path) -> None:
    """Create a folder with its parents; the error names it and says what to do."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise DataError(f"{folder} cannot be created ({problem.strerror}): make it writable") from problem


def temporary_beside(path: Path) -> Path:
    """Return an unused name in the folder of path, so that os.replace stays on one file system."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")


@contextlib.contextmanager
def locked(root: Path, name: str) -> Iterator[None]:
    """Hold an exclusive lock, so that two jobs neither download nor decode the same set twice.

    The kernel drops the lock when its process dies: no stale lock can be left behind. Raises DataError where the folder
    cannot be written.
    """
    folder = generated_folder(root) / "locks"
    make_folder(folder)
    path = folder / f"{name}.lock"
    try:
        handle = path.open("w")
    except OSError as problem:
        raise DataError(f"{path} cannot be written ({problem.strerror}): make room or make it writable") from problem
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def digest_bytes(content: bytes) -> str:
    """Return the sha256 of bytes in memory."""
    return hashlib.sha256(content).hexdigest()


class Checksums:
    """Checksums of files, remembered in data/generated/verified.json by path, size and time of change.

    A large file is read once; after that a look at its size and time is enough. A lost update by two jobs at once
    costs a second reading and nothing else.
    """

    def __init__(self, root: Path) -> None:
        self._path = generated_folder(root) / "verified.json"

    def of(self, path: Path) -> dict[str, str]:
        """Return {"sha256": …, "md5": …} of a file."""
        stat = path.stat()
        key = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
        known = self._known()
        if key not in known:
            known = self._known() | {key: self.read(path)}
            with contextlib.suppress(OSError):  # where the notebook cannot be kept, the file is read again next time
                write_atomically(self._path, json.dumps(known, indent=0, sort_keys=True).encode())
        return known[key]

    @staticmethod
    def read(path: Path) -> dict[str, str]:
        """Return both digests of a file by reading all of it."""
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        with path.open("rb") as handle:
            while block := handle.read(_BLOCK):
                sha256.update(block)
                md5.update(block)
        return {"sha256": sha256.hexdigest(), "md5": md5.hexdigest()}

    def _known(self) -> dict[str, dict[str, str]]:
        try:
            known = json.loads(self._path.read_bytes())
            return {k: v for k, v in known.items() if set(v) == {"sha256", "md5"}}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}  # a notebook of results that can be had again: a broken one is started afresh
