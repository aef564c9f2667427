"""Stale locks: a killed Snakemake leaves its lock behind, and the next run should simply go on.

Snakemake keeps no process id with its locks, so each run notes its own; locks are released once every run that noted
itself is dead. Two runs on different files may work in one folder, and the end of one says nothing of the other.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path

import psutil

from common.results.atomic import write_atomically

_NOTES = ".snakemake/expunge-runs"


def release_stale(folder: Path) -> bool:
    """Remove Snakemake's locks below ``folder`` if all runs noted there are dead; return whether there were any."""
    notes = list((folder / _NOTES).glob("*.json"))
    living = [note for note in notes if _alive(note)]
    locks = list((folder / ".snakemake/locks").glob("*.lock"))
    stale = bool(locks and notes and not living)
    for lock in locks if stale else []:
        lock.unlink(missing_ok=True)
    for note in set(notes) - set(living):
        note.unlink(missing_ok=True)
    if stale:
        print("Expunge: the last run was killed; its lock is released and its jobs go on.", file=sys.stderr, flush=True)
    return stale


def note_run(folder: Path) -> None:
    """Note this process as a run that may hold a lock."""
    own = {"host": socket.gethostname(), "pid": os.getpid(), "started": psutil.Process().create_time()}
    write_atomically(folder / _NOTES / f"{os.getpid()}.json", json.dumps(own))


def _alive(note: Path) -> bool:
    """Return whether the noted process lives; its start time tells it from a later one with the same number.

    A run on another machine of a shared file system is taken to live: only there could one see.
    """
    try:
        run = json.loads(note.read_text(encoding="utf-8"))
        if run["host"] != socket.gethostname():
            return True
        process = psutil.Process(run["pid"])
        return abs(process.create_time() - run["started"]) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, OSError, KeyError, TypeError, ValueError):
        return False
