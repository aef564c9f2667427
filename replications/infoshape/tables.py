"""InfoShape's tables from records: ``python -m replications.infoshape.tables summary out.csv out.md --records …``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pandas as pd

from common.results import Record
from common.results.select import of
from common.results.tables import spread, write_table
from replications.infoshape.challenges import STUCK
from replications.infoshape.reading import last_points, penalised


def summary(records: Sequence[Record]) -> pd.DataFrame:
    """Return every estimate of experiment A: as defined, from the chart, penalised, on fresh data, and its bound.

    Each cell is mean ± sd over seeds, in nats. The cross-entropy bound ln 2 - BCE of a fresh classifier on the same
    codes is ours: it bounds I(Z;L) from below whatever the critic found.
    """
    by = {name: of(records, name) for name in ("raw", "encoder_a", "classifier", "bounds")}
    rows = [("I(X;X)", "", "mi_xx", "raw"), ("I(X;L)", "", "mi_xl", "raw")]
    last = max((r.params["encoder_epochs"] for r in by["encoder_a"]), default=0)
    rows += [("I(X;Z)", e, f"leakage_{e}", "encoder_a") for e in range(last)]
    rows += [("I(Z;L)", e, f"utility_{e}", "encoder_a") for e in range(last)]
    lines = []
    for quantity, epoch, name, experiment in rows:
        values = [spread(by[experiment], f"{name}{part}") for part in ("", "_bound", "_objective", "_heldout")]
        bound = spread(by["classifier"], "ce_bound_raw") if name == "mi_xl" else ""
        if name.startswith("utility"):
            bound = spread(by["bounds"], f"ce_bound_{epoch}")
        lines.append((quantity, epoch, *values, bound))
    trained = spread(by["classifier"], "ce_bound_trained")
    lines.append(("I(Z;L)", f"after step {last}", "", "", "", "", trained))
    runs = [*by["raw"], *by["encoder_a"]]
    reported = "estimate, with its penalty" if penalised(runs) else "estimate"
    columns = ["quantity", "encoder epoch", reported, last_points(runs), "with penalty", "fresh data", "ce bound"]
    return pd.DataFrame(lines, columns=columns)


def pressed(records: Sequence[Record]) -> pd.DataFrame:
    """Return I(Z;L) of experiments B and C, whose figures print the leakage alone, with its bound; nats, mean ± sd."""
    lines = []
    for letter in ("b", "c"):
        shaped, judged = of(records, f"encoder_{letter}"), of(records, f"bounds_{letter}")
        weight = f"{shaped[0].params['lambda_leakage']:g} on I(X;Z), {shaped[0].params['lambda_utility']:g} on I(Z;L)"
        for epoch in judged[0].params["states"]:
            found = (spread(shaped, f"utility_{epoch}{part}") for part in ("", "_heldout"))
            shown = (spread(judged, f"{name}_{epoch}") for name in ("ce_bound", "auc"))
            lines.append((letter.upper(), weight, epoch, *found, *shown))
    reported = "I(Z;L), with its penalty" if penalised(records) else "I(Z;L)"
    columns = [
        "experiment",
        "weights",
        "encoder epoch",
        reported,
        "fresh data",
        "ce bound",
        "AUC of a fresh classifier",
    ]
    return pd.DataFrame(lines, columns=columns)


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


def failures(records: Sequence[Record]) -> pd.DataFrame:
    """Return how often plain MINE fails on MNIST per setting, and how noisy the runs are that do not."""
    lines = []
    for variant in dict.fromkeys(r.variant for r in records):
        runs = of(records, "failures", variant)
        whole = [r for r in runs if not r.metrics["lost"]]
        stuck = [r for r in whole if abs(r.metrics["late_mean"]) < STUCK]
        left = [r for r in whole if r.metrics["late_mean"] >= STUCK]
        noise = pd.Series([r.metrics["late_sd"] / r.metrics["late_mean"] for r in left], dtype=float)
        jumps = pd.Series([r.metrics["spike"] for r in runs if "spike" in r.metrics], dtype=float)
        when = ", ".join(f"{r.metrics['last_finite']:.0f} (seed {r.seed})" for r in runs if r.metrics["lost"])
        p = runs[0].params
        lines.append(
            (
                variant,
                f"{p['objective']}, batch {p['batch']}, lr {p['lr']:g}, {p['iterations']} iterations",
                f"{len(stuck)} of {len(runs)}",
                f"{len(runs) - len(whole)} of {len(runs)}" + (f": iteration {when}" if when else ""),
                spread(left, "late_mean"),
                "" if noise.empty else f"{noise.mean():.3f}",
                "" if jumps.empty else f"{jumps.max():.3g}",
            )
        )
    columns = ["variant", "setting", "stuck at zero", "not finite", "late estimate", "late sd / mean", "largest jump"]
    return pd.DataFrame(lines, columns=columns)


def alternatives(records: Sequence[Record]) -> pd.DataFrame:
    """Return experiment A with each estimator: estimates before and after, their noise, and a fresh classifier's."""
    lines = []
    for variant in dict.fromkeys(r.variant for r in records):
        runs = of(records, "alternatives", variant)
        last = runs[0].params["encoder_epochs"] - 1
        names = (f"{q}_{e}" for q in ("leakage", "leakage_sd", "utility", "utility_sd") for e in (0, last))
        judged = (f"{q}_{when}" for q in ("auc", "ce_bound") for when in ("untrained", "trained"))
        lines.append((variant, *(spread(runs, name) for name in (*names, *judged))))
    pairs = ("I(X;Z)", "sd of I(X;Z) over batches", "I(Z;L)", "sd of I(Z;L) over batches")
    columns = [f"{q}, {when}" for q in pairs for when in ("first epoch", "last epoch")]
    columns += [f"{q}, {when}" for q in ("AUC", "ce bound") for when in ("untrained", "trained")]
    return pd.DataFrame(lines, columns=["estimator", *columns])


TABLES = {
    "eq3_5": entropies,
    "summary": summary,
    "pressed": pressed,
    "failures": failures,
    "alternatives": alternatives,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Write one table from the command line."""
    return write_table(argv, "infoshape", TABLES, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
