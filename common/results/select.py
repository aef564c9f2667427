"""What figures and tables take from records: those of a cell, and a metric over its seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from common.results.schema import Record


def of(records: Sequence[Record], experiment: str, variant: str | None = None) -> list[Record]:
    """Return the records of one experiment, of one variant of it where named."""
    return [r for r in records if r.experiment == experiment and variant in (None, r.variant)]


def ended_well(records: Sequence[Record]) -> list[Record]:
    """Return the records of runs that neither diverged nor failed: what such a one kept of its metrics is no result."""
    return [r for r in records if r.status == "ok"]


def values(records: Sequence[Record], metric: str) -> np.ndarray:
    """Return a metric (n,) of the records that ended well and have it."""
    return np.array([r.metrics[metric] for r in ended_well(records) if metric in r.metrics], dtype=float)


def seeds_in_words(records: Sequence[Record], lost_too: bool = False) -> str:
    """Return over how many seeds the cells of some records stand, those that ended well: ``5 seeds``, ``2 to 3 seeds``.

    A mean is over its own cell's seeds; that another cell has more says nothing of it. ``lost_too`` counts runs that
    diverged as well, where these are what is looked at.
    """
    good = Counter(record.cell for record in (records if lost_too else ended_well(records)))
    counts = [good[cell] for cell in {record.cell for record in records}]
    least, most = min(counts, default=0), max(counts, default=0)
    return f"{least} to {most} seeds" if least < most else f"{most} seed{'s' if most != 1 else ''}"
