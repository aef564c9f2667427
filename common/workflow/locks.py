"""Locks: a killed Snakemake leaves its own behind, and the next run should go on; a living one's should name it.

Snakemake keeps no process id with its locks, so each run notes its own; locks are released once every run that noted
itself is dead. Two runs on different files may work in one folder, and the end of one says nothing of the other.
A run that ends by itself takes its note away: what is left then tells of one that was killed.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from common.results.atomic import write_atomically

_NOTES = ".snakemake/expunge-runs"


def release_stale(folder: Path) -> bool:
    """Remove Snakemake's locks below ``folder`` if all runs noted there are dead; return whether there were any."""
    notes = _notes(folder)
    living = [note for note in notes if _run_of(note) is not None]
    locks = _locks(folder)
    stale = bool(locks and notes and not living)
    for lock in locks if stale else []:
        lock.unlink(missing_ok=True)
    for note in set(notes) - set(living):
        note.unlink(missing_ok=True)
    if stale:
        print("Expunge: the last run was killed; its lock is released and its jobs go on.", file=sys.stderr, flush=True)
    return stale


def note_run(folder: Path, configurations: Sequence[str] = ()) -> None:
    """Note this process as a run that may hold a lock, and the configurations that its jobs will read."""
    own = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
        "command": " ".join(["snakemake", *sys.argv[1:]]),
        "configurations": list(configurations),
    }
    write_atomically(_own_note(folder), json.dumps(own))
    atexit.unregister(forget_run)
    atexit.register(forget_run, folder.resolve(), os.getpid())


def forget_run(folder: Path, pid: int) -> None:
    """Take this run's note away, but where it leaves locks that no other run holds; a fork of it is not the run."""
    if pid == os.getpid() and (not _locks(folder) or _living(folder)):
        _own_note(folder).unlink(missing_ok=True)


def awaited(folder: Path) -> dict[str, str]:
    """Return the configurations that jobs of living runs on this machine read, each with words for its run."""
    living = [run for run in _living(folder) if run["host"] == socket.gethostname()]
    return {file: _told(run) for run in living for file in run.get("configurations", [])}


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
    living = _living(folder)
    if not living:
        return (
            f"expunge: files asked for are locked in {folder}, by no run that is known to live; where you are sure "
            "that none does, say snakemake --unlock and give the command again"
        )
    runs = "; ".join(_told(run) for run in living)
    cure = "wait for its end, or end it"
    if any(run["host"] != socket.gethostname() for run in living):
        cure += "; if it is gone already, say snakemake --unlock"
    return f"expunge: another run is making files asked for in {folder}: {runs}; {cure}, then give the command again"


def _told(run: dict) -> str:
    """Return words for a run: its process, where, since when, and what was typed."""
    where = "this machine" if run["host"] == socket.gethostname() else run["host"]
    since = time.strftime("%-d %B %H:%M", time.localtime(run["started"]))
    return f"process {run['pid']} on {where}, since {since} ({run.get('command', 'snakemake')})"


def _living(folder: Path) -> list[dict]:
    """Return the notes of the other runs that live."""
    others = [_run_of(note) for note in _notes(folder) if note != _own_note(folder)]
    return [run for run in others if run is not None]


def _own_note(folder: Path) -> Path:
    return folder / _NOTES / f"{os.getpid()}.json"


def _locks(folder: Path) -> list[Path]:
    return list((folder / ".snakemake/locks").glob("*.lock"))


def _notes(folder: Path) -> list[Path]:
    return sorted((folder / _NOTES).glob("*.json"))


def _run_of(note: Path) -> dict | None:
    """Return the noted run if its process lives; its start time tells it from a later one with the same number.

    A run on another machine of a shared file system is taken to live: only there could one see.
    """
    try:
        run = json.loads(note.read_text(encoding="utf-8"))
        if run["host"] != socket.gethostname():
            return run
        process = psutil.Process(run["pid"])
        lives = abs(process.create_time() - run["started"]) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, OSError, KeyError, TypeError, ValueError):
        return None
    return run if lives else None
