"""Whole files or none: a write that is killed leaves the old file, and its half is swept away by the next writer."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import uuid
from collections.abc import Mapping
from pathlib import Path

import psutil

_HALF = re.compile(r"^\..+~(?P<host>[^~]*)~(?P<pid>\d+)~[0-9a-f]{8}$")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write ``content`` so that a reader sees the old file or the new one, never half of either.

    The temporary name is unique (an orphaned job and its rerun may write the same record at one time) and names
    its writer, so that what a killed writer left can be told from what a living one is busy with. Where it cannot
    be written (a full disk, a folder that is read-only) the :class:`OSError` names ``path`` and the cure.
    """
    write_together({Path(path): content})


def write_together(contents: Mapping[Path, str | bytes]) -> None:
    """Write files that belong together as :func:`write_atomically` writes one: all are on disk before one has its name.

    A writer that is killed, or finds no room, leaves none of them. (Between the first name and the last there is
    nothing left to do that takes time or room.)
    """
    path, halves = Path(), dict[Path, Path]()
    try:
        for path, content in contents.items():
            halves[path] = path.with_name(f".{path.name}~{_host()}~{os.getpid()}~{uuid.uuid4().hex[:8]}")
            path.parent.mkdir(parents=True, exist_ok=True)
            sweep(path.parent, path.name)
            _write_half(halves[path], content)
        for path, half in halves.items():
            os.replace(half, path)
    except OSError as error:
        cure = "cannot be written: make room or make it writable"
        raise OSError(error.errno, f"{error.strerror or error}; it {cure}", str(path)) from error
    finally:
        for half in halves.values():  # of a write that succeeded there is none
            with contextlib.suppress(OSError):
                half.unlink()


def _write_half(half: Path, content: str | bytes) -> None:
    with open(half, "xb") as stream:
        stream.write(content.encode("utf-8") if isinstance(content, str) else content)
        stream.flush()
        os.fsync(stream.fileno())


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
