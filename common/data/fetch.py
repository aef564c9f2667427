"""Finds the files of a set: data/raw, then each mirror, then a download from the home address.

Every file is checked against the registry before it is used. A wrong one is an error; one of ours (in data/raw) is
moved aside first, so that the next run looks further.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from common.data.errors import NotAtHandError, WrongFileError
from common.data.files import Checksums, digest_bytes, locked, make_folder
from common.data.registry import Entry, File, Registry

Source = Literal["raw", "mirror", "download"]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Located:
    """The verified files of one set: name -> path and name -> sha256, and where they came from."""

    name: str
    layout: str
    source: Source
    files: Mapping[str, Path]
    sha256: Mapping[str, str]
    required: frozenset[str]
    verified: bool

    @property
    def digest(self) -> str:
        """Return one sha256 over the names and checksums of the files that matter."""
        lines = [f"{path} {self.sha256[path]}\n" for path in sorted(self.required)]
        return digest_bytes("".join(lines).encode())


@dataclass(frozen=True)
class _Hit:
    path: Path
    source: Source


class Finder:
    """Looks for sets of one registry under one checkout."""

    def __init__(self, registry: Registry, root: Path, mirrors: Sequence[str | Path], online: bool) -> None:
        self.registry, self.root, self.online = registry, root, online
        self.mirrors = [root / mirror for mirror in mirrors]

    @cached_property
    def checksums(self) -> Checksums:
        """The notebook of checksums, made when a file is first read."""
        return Checksums(self.root)

    def has(self, name: str) -> bool:
        """Return whether every required file of a set lies in one of the places; none is read."""
        entry = self.registry.entry(name)
        return any(not _missing(files, self._look(name, entry, files)) for files in entry.layouts.values())

    def locate(self, name: str) -> Located:
        """Return the checked files of a set.

        Raises NotAtHandError where a file is nowhere, WrongFileError where it is there and wrong.
        """
        entry = self.registry.entry(name)
        at_hand = {layout: self._look(name, entry, files) for layout, files in entry.layouts.items()}
        for layout, files in entry.layouts.items():
            if not _missing(files, at_hand[layout]):
                return self._check(name, layout, files, at_hand[layout])
        for layout, files in entry.layouts.items():
            missing = _missing(files, at_hand[layout])
            if self.online and all(file.urls for file in missing):
                self._check(name, layout, files, at_hand[layout])  # a wrong file costs no download
                fetched = {file.path: self._download(name, file) for file in missing}
                return self._check(name, layout, files, at_hand[layout] | fetched)
        raise NotAtHandError(self._explain(name, entry, at_hand))

    def _look(self, name: str, entry: Entry, files: Sequence[File]) -> dict[str, _Hit]:
        places: list[tuple[Source, Path]] = [("raw", self.raw_folder(name))]
        places += [("mirror", mirror / folder) for mirror in self.mirrors for folder in entry.mirrors]
        hits = {}
        for file in files:
            for source, folder in places:
                path = folder / file.path
                if path.is_file() and not self._is_of_relative(name, file, path):
                    hits[file.path] = _Hit(path, source)
                    break
        return hits

    def _is_of_relative(self, name: str, file: File, path: Path) -> bool:
        """Tell a subset's file from its parent's of the same name: by its size, so that neither looks broken."""
        size = path.stat().st_size
        if size == file.bytes:
            return False
        others = [self.registry.entry(other).layouts.values() for other in self.registry.relatives(name)]
        same_name = [f for layouts in others for files in layouts for f in files if f.path == file.path]
        return any(f.bytes == size for f in same_name)

    def raw_folder(self, name: str) -> Path:
        """Return the folder where the user drops, and we download, the files of a set."""
        return self.root / "data" / "raw" / name

    def _check(self, name: str, layout: str, files: Sequence[File], hits: Mapping[str, _Hit]) -> Located:
        found = {file.path: self._verify(name, file, hits[file.path]) for file in files if file.path in hits}
        rank = {"raw": 0, "mirror": 1, "download": 2}
        source = max((hits[path].source for path in found), key=rank.__getitem__, default="raw")
        required = [file for file in files if file.required and file.path in hits]
        unverified = [file.path for file in required if not file.verifiable]
        if unverified:
            log.warning("%s: no checksum is known for %s: used unverified", name, ", ".join(unverified))
        paths = {path: hits[path].path for path in found}
        return Located(name, layout, source, paths, found, frozenset(f.path for f in required), verified=not unverified)

    def _verify(self, name: str, file: File, hit: _Hit) -> str:
        size = hit.path.stat().st_size
        expected = found = ""
        digests = {"sha256": ""}
        if file.bytes is not None and size != file.bytes:
            expected, found = f"{file.bytes} bytes", f"{size} bytes"
            found += " (truncated?)" if size < file.bytes else ""
        else:
            digests = self.checksums.of(hit.path)
            kind = "sha256" if file.sha256 else "md5"
            wanted = file.sha256 or file.md5
            if wanted and digests[kind] != wanted:
                expected, found = f"{kind} {wanted}", digests[kind]
        if expected:
            cure = self._put_aside(name, hit)
            raise WrongFileError(
                f"{name}: {hit.path} is not the registered file: expected {expected}, found {found}; {cure}"
            )
        return digests["sha256"]

    def _put_aside(self, name: str, hit: _Hit) -> str:
        if hit.source == "mirror":
            return f"repair that mirror, or put a good copy into {self.raw_folder(name)}"
        tag = self.checksums.of(hit.path)["sha256"][:8]
        aside = hit.path.with_name(f"{hit.path.name}.bad-{tag}")
        try:
            os.replace(hit.path, aside)
        except OSError as problem:
            return f"it cannot be moved aside ({problem.strerror}): put a good copy in its place"
        return f"moved aside to {aside.name}; run again to fetch it anew, or put a good copy in its place"

    def _download(self, name: str, file: File) -> _Hit:
        path = self.raw_folder(name) / file.path
        make_folder(path.parent)
        with locked(self.root, f"download-{name}"):
            for part in path.parent.glob(".*.part"):
                part.unlink()  # of a job that was killed: a living one would hold the lock
            if not path.is_file():  # another job may have fetched it while we waited
                from common.data.download import download  # its libraries take 0.2 s, and few jobs download

                download(name, file, path)
        return _Hit(path, "download")

    def _explain(self, name: str, entry: Entry, at_hand: Mapping[str, Mapping[str, _Hit]]) -> str:
        if not entry.layouts:
            return f"{name}: cannot be fetched or read here; see {entry.home}"
        layout = max(entry.layouts, key=lambda key: len(at_hand[key]))
        missing = [file.path for file in _missing(entry.layouts[layout], at_hand[layout])]
        looked = [self.raw_folder(name), *(m / folder for m in self.mirrors for folder in entry.mirrors)]
        shown = ", ".join(missing[:2]) + (f" and {len(missing) - 2} more" if len(missing) > 2 else "")
        return (
            f"{name}: {shown} not found in {' or '.join(map(str, looked))}; get it from {entry.home} "
            f"and put it into {looked[0]} (see data/README.md)"
        )


def _missing(files: Sequence[File], hits: Mapping[str, _Hit]) -> list[File]:
    return [file for file in files if file.required and file.path not in hits]
