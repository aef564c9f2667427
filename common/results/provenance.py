"""Provenance: which code, environment, machine and cost lie behind a record."""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from common.results.schema import Provenance


class Source(NamedTuple):
    """The commit that is checked out, and whether tracked files differ from it."""

    commit: str
    dirty: bool


def commit_of(root: Path) -> Source:
    """Return the commit checked out at ``root``; without git it is ``unknown``, and its files may be anything."""
    try:
        run = ["git", "-C", str(root)]
        head = subprocess.run([*run, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run(
            [*run, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return Source("unknown", True)
    return Source(head.stdout.strip(), bool(changed.stdout.strip()))


def environment_digest() -> str:
    """Return a digest of the interpreter and every installed distribution with its version."""
    # asked once each: every `.metadata` and `.version` parses the distribution's file anew
    said = [distribution.metadata for distribution in metadata.distributions()]
    found = {f"{m['Name'].lower()}=={m['Version']}" for m in said if m["Name"]}
    return hashlib.sha256("\n".join([sys.version, *sorted(found)]).encode()).hexdigest()[:16]


class Stopwatch:
    """Measures a run from its start: wall seconds, and the process's peak resident memory.

    A run that was interrupted ``started`` (ISO 8601) before this session, and ``spent`` seconds in earlier ones.
    """

    def __init__(self, started: str | None = None, spent: float = 0.0) -> None:
        self.started = started or datetime.now(UTC).isoformat(timespec="seconds")
        self._start = time.perf_counter() - spent

    @property
    def seconds(self) -> float:
        """Wall seconds of all sessions."""
        return time.perf_counter() - self._start

    @staticmethod
    def peak_memory_mb() -> float:
        """Return the peak resident memory of this process in MiB."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def collect(source: Source, code: str, device: str, dtype: str, ensemble: int, watch: Stopwatch) -> Provenance:
    """Return the provenance of a run that ends now; ``source`` is what lay there when it began.

    ``code`` is its fingerprint, ``ensemble`` its stack size.
    """
    import torch

    return Provenance(
        commit=source.commit,
        dirty=source.dirty,
        code=code,
        environment=environment_digest(),
        torch=torch.__version__,
        device=device,
        dtype=dtype,
        threads=int(os.environ.get("OMP_NUM_THREADS") or torch.get_num_threads()),
        ensemble=ensemble,
        started=watch.started,
        seconds=round(watch.seconds, 3),
        peak_memory_mb=round(watch.peak_memory_mb(), 1),
    )
