"""What figures and tables take from records: those of an experiment, and a metric as mean ± sd."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from common.results import Record


def of(records: Sequence[Record], experiment: str, variant: str = "") -> list[Record]:
    """Return the records of one experiment, of one variant of it where named."""
    return [r for r in records if r.experiment == experiment and variant in ("", r.variant)]


def values(records: Sequence[Record], metric: str) -> np.ndarray:
    """Return a metric of the records that have it."""
    return np.array([r.metrics[metric] for r in records if metric in r.metrics], dtype=float)


def final(records: Sequence[Record], metric: str) -> str:
    """Return mean ± sd over seeds of a metric, with n."""
    found = values(records, metric)
    if not len(found):
        return "no finite value"
    sd = f" ± {np.std(found, ddof=1):.2g}" if len(found) > 1 else ""
    return f"{np.mean(found):.3g}{sd} (n={len(found)})"
