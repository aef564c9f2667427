"""Whole files or none: a write that is killed leaves the old file, and its half is swept away by the next writer."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import uuid
from pathlib import Path

import psutil

_HALF = re.compile(r"^\..+~(?P<host>[^~]*)~(?P<pid>\d+)~[0-9a-f]{8}$")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write ``content`` so that a reader sees the old file or the new one, never half of either.

    The temporary name is unique (an orphaned job and its rerun may write the same record at one time) and names
    its writer, so that what a killed writer left can be told from what a living one is busy with. Where it cannot
    be written (a full disk, a folder that is read-only) the :class:`OSError` names ``path`` and the cure.
    """
    path = Path(path)
    half = path.with_name(f".{path.name}~{_host()}~{os.getpid()}~{uuid.uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent, path.name)
        with open(half, "xb") as stream:
            stream.write(content.encode("utf-8") if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(half, path)
    except OSError as error:
        _discard(half)
        cure = "cannot be written: make room or make it writable"
        raise OSError(error.errno, f"{error.strerror or error}; it {cure}", str(path)) from error
    except BaseException:
        _discard(half)
        raise


def _discard(half: Path) -> None:
    with contextlib.suppress(OSError):
        half.unlink()


def sweep(folder: Path, name: str = "") -> None:
    """Remove the half-written files in ``folder`` (of the file ``name``, if given) whose writers here are dead."""
    if not folder.is_dir():
        return
    for entry in os.scandir(folder):
        half = _HALF.match(entry.name)
        if half is None or not entry.name.startswith(f".{name}~" if name else "."):
            continue
        if half["host"] == _host() and not psutil.pid_exists(int(half["pid"])):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(entry.path)


def _host() -> str:
    return socket.gethostname().replace("~", "-").replace("/", "-")
