"""Decoded arrays, kept once as .npy under data/generated and opened as read-only memory maps.

A cache folder appears whole or not at all; its manifest holds the size and sha256 of every array, and a folder that
does not match its manifest is thrown away and made again, with a message.
"""

import json
import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from common.data.errors import DataError
from common.data.files import Checksums, digest_bytes, generated_folder, locked, make_folder

log = logging.getLogger(__name__)
_MANIFEST = "manifest.json"


class Sink:
    """Where a decoder puts its arrays: whole, or as a memory map that it fills row by row."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, array: NDArray) -> None:
        """Store one array."""
        np.save(self.folder / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)

    def create(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
        """Return a writable memory map for an array too large to hold; its room on the disk is taken at once."""
        path = self.folder / f"{name}.npy"
        array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
        with path.open("r+b") as file:  # a map over a hole of a full disk would be killed at its first write
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        return array


class Cached:
    """The arrays of one cache folder, and one digest over all of them."""

    def __init__(self, arrays: dict[str, NDArray], digest: str) -> None:
        self.arrays, self.digest = arrays, digest


def cached(root: Path, name: str, key: str, build: Callable[[Sink], None]) -> Cached:
    """Return the arrays that build makes, from the cache where it holds them for this key.

    ``key`` names everything the arrays depend on: the digest of the source files, the decoder, the framing.
    Raises DataError where what was just written cannot be read back.
    """
    base = generated_folder(root) / name
    make_folder(base)
    folder = base / digest_bytes(key.encode())[:16]
    with locked(root, f"cache-{name}-{folder.name}"):
        if folder.exists():
            arrays = _open(root, folder)
            if arrays is not None:
                return arrays
            log.warning("%s: the cached arrays in %s are damaged; making them again", name, folder)
            shutil.rmtree(folder)
        _sweep(base)
        _build(base, folder, build)
        arrays = _open(root, folder)
    if arrays is None:
        raise DataError(f"{folder}: arrays just written cannot be read back; check the disk")
    return arrays


def _build(base: Path, folder: Path, build: Callable[[Sink], None]) -> None:
    """Fill a folder under a temporary name and rename it once its manifest stands."""
    temporary = base / f".{uuid.uuid4().hex}.part"
    try:
        temporary.mkdir()
        build(Sink(temporary))
        checksums = {path.name: Checksums.read(path)["sha256"] for path in sorted(temporary.glob("*.npy"))}
        sizes = {name: (temporary / name).stat().st_size for name in checksums}
        manifest = {name: {"bytes": sizes[name], "sha256": checksums[name]} for name in checksums}
        (temporary / _MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
        os.replace(temporary, folder)
    except OSError as problem:
        raise DataError(f"{base}: the arrays cannot be kept ({problem}); make room or make it writable") from problem
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _open(root: Path, folder: Path) -> Cached | None:
    """Return the arrays of a folder, or None where anything in it is not as its manifest says."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        checksums = Checksums(root)
        for name, wanted in manifest.items():
            path = folder / name
            if path.stat().st_size != wanted["bytes"] or checksums.of(path)["sha256"] != wanted["sha256"]:
                return None
        arrays = {Path(name).stem: np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in manifest}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    lines = "".join(f"{name} {manifest[name]['sha256']}\n" for name in sorted(manifest))
    return Cached(arrays, digest_bytes(lines.encode())) if arrays else None


def _sweep(base: Path) -> None:
    """Remove what a killed job left half-made; parts younger than a day may belong to a job at work."""
    for path in base.glob(".*.part"):
        if path.stat().st_mtime < time.time() - 86_400:
            shutil.rmtree(path, ignore_errors=True)
