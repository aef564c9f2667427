"""Stale locks: a killed Snakemake leaves its lock behind, and the next run should simply go on.

Snakemake keeps no process id with its lock, so each run notes its own; a lock whose run is dead is released.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import psutil

from common.results.atomic import write_atomically


def held(folder: Path) -> bool:
    """Return whether another run holds the lock below ``folder``."""
    return any((folder / ".snakemake/locks").glob("*.lock"))


def release_stale(folder: Path) -> bool:
    """Remove Snakemake's lock below ``folder`` if the run that noted itself there is dead; return whether it did."""
    locks = list((folder / ".snakemake/locks").glob("*.lock"))
    note = folder / ".snakemake/expunge-run.json"
    if not locks or not note.exists() or _alive(note):
        return False
    for lock in locks:
        lock.unlink(missing_ok=True)
    print("Expunge: the last run was killed; its lock is released and its jobs go on.", file=sys.stderr, flush=True)
    return True


def note_run(folder: Path) -> None:
    """Note this process as the run that will hold the lock."""
    own = {"pid": os.getpid(), "started": psutil.Process().create_time()}
    write_atomically(folder / ".snakemake/expunge-run.json", json.dumps(own))


def _alive(note: Path) -> bool:
    """Return whether the noted process lives; its start time tells it from a later one with the same number."""
    try:
        run = json.loads(note.read_text(encoding="utf-8"))
        process = psutil.Process(run["pid"])
        return abs(process.create_time() - run["started"]) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, KeyError, ValueError):
        return False
