"""What figures and tables take from records: those of a cell, and a metric over its seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from common.results.schema import Record


def of(records: Sequence[Record], experiment: str, variant: str | None = None) -> list[Record]:
    """Return the records of one experiment, of one variant of it where named."""
    return [r for r in records if r.experiment == experiment and variant in (None, r.variant)]


def values(records: Sequence[Record], metric: str) -> np.ndarray:
    """Return a metric (n,) of the records that have it."""
    return np.array([r.metrics[metric] for r in records if metric in r.metrics], dtype=float)
