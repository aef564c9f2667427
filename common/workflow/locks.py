"""Locks: a killed Snakemake leaves its own behind, and the next run should go on; a living one's should name it.

Snakemake keeps no process id with its locks, so each run notes its own; locks are released once every run that noted
itself is dead. Two runs on different files may work in one folder, and the end of one says nothing of the other.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path

import psutil

from common.results.atomic import write_atomically

_NOTES = ".snakemake/expunge-runs"


def release_stale(folder: Path) -> bool:
    """Remove Snakemake's locks below ``folder`` if all runs noted there are dead; return whether there were any."""
    notes = _notes(folder)
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
    own = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
        "command": " ".join(["snakemake", *sys.argv[1:]]),
    }
    write_atomically(folder / _NOTES / f"{os.getpid()}.json", json.dumps(own))


def name_the_holder(folder: Path) -> None:
    """Have Snakemake say in one line who holds the files that it cannot lock; whether it can stays its decision.

    It locks after it has read the Snakefile, and tells nobody but by this error.
    """
    from snakemake import exceptions

    class LockException(exceptions.WorkflowError):
        def __init__(self) -> None:
            super().__init__(refusal(folder))

    exceptions.LockException = LockException


def refusal(folder: Path) -> str:
    """Return one line: which other runs live below ``folder``, and what to do."""
    own = folder / _NOTES / f"{os.getpid()}.json"
    living = [json.loads(note.read_text(encoding="utf-8")) for note in _notes(folder) if note != own and _alive(note)]
    if not living:
        return (
            f"expunge: files asked for are locked in {folder}, by no run that is known to live; where you are sure "
            "that none does, say snakemake --unlock and give the command again"
        )
    here = socket.gethostname()
    runs = "; ".join(
        f"process {run['pid']} on {'this machine' if run['host'] == here else run['host']}, since "
        f"{time.strftime('%-d %B %H:%M', time.localtime(run['started']))} ({run.get('command', 'snakemake')})"
        for run in living
    )
    cure = "wait for its end, or end it"
    if any(run["host"] != here for run in living):
        cure += "; if it is gone already, say snakemake --unlock"
    return f"expunge: another run is making files asked for in {folder}: {runs}; {cure}, then give the command again"


def _notes(folder: Path) -> list[Path]:
    return sorted((folder / _NOTES).glob("*.json"))


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
