"""InfoShape's tables from records: ``python -m replications.infoshape.tables summary out.csv out.md --records …``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pandas as pd

from common.results import Record
from common.results.tables import write_table

COLUMNS = ("quantity", "encoder epoch", "estimate", "last ten points", "with penalty", "fresh data", "ce bound")


def summary(records: Sequence[Record]) -> pd.DataFrame:
    """Return every estimate of experiment A: as defined, from the chart, penalised, on fresh data, and its bound.

    Each cell is mean ± sd over seeds, in nats. The cross-entropy bound ln 2 - BCE of a fresh classifier is ours: it
    bounds I(Z;L) from below whatever the critic found.
    """
    by = {name: [r for r in records if r.experiment == name] for name in ("raw", "encoder_a", "classifier")}
    bounds = {("mi_xl", ""): "raw", ("utility_0", 0): "untrained"}
    rows = [("I(X;X)", "", "mi_xx", "raw"), ("I(X;L)", "", "mi_xl", "raw")]
    last = max((r.params["encoder_epochs"] for r in by["encoder_a"]), default=0)
    rows += [("I(X;Z)", e, f"leakage_{e}", "encoder_a") for e in range(last)]
    rows += [("I(Z;L)", e, f"utility_{e}", "encoder_a") for e in range(last)]
    lines = []
    for quantity, epoch, name, experiment in rows:
        values = [spread(by[experiment], f"{name}{part}") for part in ("", "_chart", "_objective", "_heldout")]
        bound = bounds.get((name, epoch))
        lines.append((quantity, epoch, *values, spread(by["classifier"], f"ce_bound_{bound}") if bound else ""))
    trained = spread(by["classifier"], "ce_bound_trained")
    lines.append(("I(Z;L)", f"after step {last}", "", "", "", "", trained))
    return pd.DataFrame(lines, columns=list(COLUMNS))


def entropies(records: Sequence[Record]) -> pd.DataFrame:
    """Return eq. (3.5)'s number beside h(X|L), h(X), I(X;L) and H(L), in nats."""
    rows = [
        ("H(X) as printed", "8.79", "the entropy of one component, h(X|L)"),
        ("h(X|L), closed form", spread(records, "h_x_given_l_exact"), "what eq. (3.5) computes"),
        ("h(X|L), drawn data", spread(records, "h_x_given_l"), "mean of -log p(x|l)"),
        ("h(X), drawn data", spread(records, "h_x"), "mean of -log p(x): h(X|L) + ln 2, the components do not overlap"),
        ("I(X;L)", spread(records, "i_x_l"), "h(X) - h(X|L)"),
        ("H(L)", spread(records, "h_l"), "ln 2 for equal classes"),
    ]
    return pd.DataFrame(rows, columns=["quantity", "nats", "what it is"])


def spread(records: Sequence[Record], metric: str) -> str:
    """Return mean ± sd over the seeds that have the metric."""
    values = pd.Series([r.metrics[metric] for r in records if metric in r.metrics], dtype=float)
    if values.empty:
        return ""
    return f"{values.mean():.3f} ± {values.std():.3f}" if len(values) > 1 else f"{values.mean():.3f}"


def main(argv: Sequence[str] | None = None) -> int:
    """Write one table from the command line."""
    return write_table(argv, "infoshape", {"eq3_5": entropies, "summary": summary}, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
