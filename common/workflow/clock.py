"""The clock of a run that may be interrupted: what earlier sessions cost is kept beside the checkpoint they left.

Counted is the work that a record rests on: of a session that was killed, the time up to its last checkpoint. Whether
one of them began with uncommitted changes is kept with it: the record owns up to that.
"""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

from common.results import provenance
from common.results.atomic import write_atomically


def take_up(checkpoint: Path, source: provenance.Source) -> tuple[provenance.Stopwatch, provenance.Source]:
    """Return a clock that goes on from the sessions that led to ``checkpoint``, or a new one where there is none.

    And the source of the whole run: the commit of this session's, dirty if that of any session was.
    """
    started, spent, dirty = None, 0.0, source.dirty
    try:
        said = json.loads(_beside(checkpoint).read_bytes())
        since = checkpoint.stat().st_mtime - float(said["since"])
        started, spent = str(said["started"]), float(said["spent"]) + max(0.0, since)
        dirty = dirty or bool(said.get("dirty"))
    except (OSError, ValueError, KeyError, TypeError):
        pass  # a clock that cannot be read is no reason to lose a run: this session's time alone is told
    watch = provenance.Stopwatch(started, spent)
    told = {"started": watch.started, "spent": spent, "since": time.time(), "dirty": dirty}
    with contextlib.suppress(OSError):  # where nothing can be written the run's own files say so
        write_atomically(_beside(checkpoint), json.dumps(told))
    return watch, provenance.Source(source.commit, dirty)


def put_away(checkpoint: Path) -> None:
    """Remove the clock of a run that ended, or that left no checkpoint to go on from."""
    with contextlib.suppress(OSError):
        _beside(checkpoint).unlink()


def _beside(checkpoint: Path) -> Path:
    return checkpoint.with_suffix(".clock.json")
