"""Every attacker's reading from records: ``python -m benchmarks.removal.tables attackers out.csv --records …``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.removal.readings import ATTACKERS, GROUNDS, METHODS, frontiers
from common.results import Record
from common.results.tables import write_table


def attackers(records: Sequence[Record]) -> pd.DataFrame:
    """Return a row per ground, method and strength: what is left of the task, and what each attacker reads.

    Balanced accuracies and accuracies are in percent, information in nats; mean ± sd over seeds.
    """
    rows = []
    for one in frontiers(records):
        for strength in one.strengths:
            row = {
                "ground": GROUNDS[one.ground][0],
                "method": METHODS[one.method],
                "strength": strength,
                "seeds": len(one.values("worst_balanced", strength)),
                "utility balanced": _spread(one.values("utility_balanced", strength)),
                "utility accuracy": _spread(one.values("utility_accuracy", strength)),
                "worst balanced": _spread(one.values("worst_balanced", strength)),
                "worst accuracy": _spread(one.values("worst_accuracy", strength)),
                "worst information": _spread(one.values("worst_information", strength), 3),
                "worst is": one.worst(strength),
            }
            row |= {label: _spread(one.values(f"{name}_balanced", strength)) for name, label in ATTACKERS.items()}
            row["chance"] = f"{one.values('chance', strength).mean():.1f}"
            row["majority"] = f"{one.values('majority', strength).mean():.1f}"
            row["utility majority"] = f"{one.values('utility_majority', strength).mean():.1f}"
            rows.append(row)
    return pd.DataFrame(rows)


def _spread(values: NDArray[np.float64], digits: int = 1) -> str:
    mean = f"{values.mean():.{digits}f}"
    return f"{mean} ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else mean


TABLES: dict[str, Callable[[Sequence[Record]], pd.DataFrame]] = {"attackers": attackers}


def main(argv: Sequence[str] | None = None) -> int:
    """Write one table from the command line."""
    return write_table(argv, "removal", TABLES, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
