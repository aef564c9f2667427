"""A metric as the panels' titles say it: mean ± sd over seeds, with n."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from common.results import Record
from common.results.select import values


def final(records: Sequence[Record], metric: str) -> str:
    """Return mean ± sd over seeds of a metric, with n."""
    found = values(records, metric)
    if not len(found):
        return "no finite value"
    sd = f" ± {np.std(found, ddof=1):.2g}" if len(found) > 1 else ""
    return f"{np.mean(found):.3g}{sd} (n={len(found)})"
