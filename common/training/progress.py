"""Progress of a long job on standard error: share done, time spent, time left."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class Progress:
    """Counts work of known size and says now and then how far it is; a terminal gets one line, a log few."""

    def __init__(self, label: str, total: float, stream: TextIO | None = None) -> None:
        self.label, self.total, self.done = label, total, 0.0
        self.stream = stream or sys.stderr
        self._first, self._start = 0.0, time.monotonic()
        self._live = self.stream.isatty()
        self._said = self._start

    def resume_at(self, done: float) -> None:
        """Count ``done`` units as done before the start: a resumed run's time left rests on its own speed."""
        self.done = self._first = done

    def advance(self, units: float) -> None:
        """Add finished units and report if the last word is long enough ago."""
        self.done += units
        now = time.monotonic()
        if now - self._said >= (0.5 if self._live else 30.0):
            self._said = now
            self._say(now)

    def _say(self, now: float) -> None:
        spent = now - self._start
        fresh = self.done - self._first
        left = spent * (self.total - self.done) / fresh if fresh > 0 else float("nan")
        share = self.done / self.total if self.total else 1.0  # of nothing, all is done
        text = f"{self.label}: {share:6.1%} done, {clock(spent)} spent, {clock(left)} left"
        print(f"\r{text}" if self._live else text, end="" if self._live else "\n", file=self.stream, flush=True)

    def close(self) -> None:
        """End the line on a terminal."""
        if self._live:
            print(file=self.stream)


def clock(seconds: float) -> str:
    """Return seconds as 45s, 3m05s or 2h07m; ``?`` where they are not known."""
    if not seconds >= 0:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"
