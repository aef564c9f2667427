"""The paper's tables from records: ``python -m replications.generative_filter.tables table2 out.csv --records …``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pandas as pd

from common.results import Record
from common.results.select import of
from common.results.tables import spread, write_table


def table1(records: Sequence[Record]) -> pd.DataFrame:
    """Return table 1 with what stronger attackers read beside it."""
    runs = of(records, "attack2", "filter")
    names = {
        "private": "private (≥ 5)",
        "utility": "utility (odd)",
        "nontarget": "non-target (circle)",
        "private_balanced": "private, balanced",
        "mlp": "private, MLP",
        "boosted": "private, gradient boosting",
        "d_unit": "D achieved (nats)",
    }
    rows = [
        [label, *(spread(runs, f"{metric}_b{b}") for metric in names)]
        for label, b in (("emb-raw", "0"), ("emb-g-filter", "3"))
    ]
    return pd.DataFrame(rows, columns=["data", *names.values()])


def table2(records: Sequence[Record]) -> pd.DataFrame:
    """Return table 2: accuracy, AUROC of hard labels (as most likely printed) and of scores, stronger attackers."""
    cells = [
        ("VAE", "adult_attack", "vae", ""),
        ("VFAE", "adult_attack", "vfae", ""),
        ("LMIFR", "adult_attack", "lmifr", ""),
    ]
    cells += [(f"filter, b = {b}", "adult_attack_filter", "filter", f"_b{b}") for b in (1, 3, 5)]
    numbers = ("acc", "auroc", "score_auroc")
    columns = [(who, label) for label in ("private", "utility") for who in ("", "mlp_", "boosted_", "logistic_")]
    rows = []
    for name, experiment, variant, end in cells:
        runs = of(records, experiment, variant)
        if not any(f"private_acc{end}" in r.metrics for r in runs):
            continue  # a scale may leave budgets out
        row = [name]
        for who, label in columns:
            wanted = numbers if not who else numbers[:1]
            row += [spread(runs, f"{who}{label}_{number}{end}") for number in wanted]
        rows.append(row)
    heads = ["method"]
    words = {"": "FC15", "mlp_": "MLP", "boosted_": "boosting", "logistic_": "logistic"}
    for who, label in columns:
        heads += [f"{label} {n.replace('_', ' ')} ({words[who]})" for n in (numbers if not who else numbers[:1])]
    return pd.DataFrame(rows, columns=heads)


LABELS = ("male", "young", "attractive", "cheekbones", "lips", "nose", "eyeglasses", "hair", "average", "smiling")


def table3(records: Sequence[Record]) -> pd.DataFrame:
    """Return table 3: chance recomputed from the test rows in use, balanced accuracies beside the plain ones."""
    runs = of(records, "faces_filter")
    rows = [
        [label, *(spread(runs, f"{row}_{name}{end}") for name in LABELS)]
        for label, row, end in (
            ("VAE-emb", "vae", ""),
            ("chance", "chance", ""),
            ("VAE-g-filter", "filter", ""),
            ("VAE-emb, balanced", "vae", "_balanced"),
            ("VAE-g-filter, balanced", "filter", "_balanced"),
        )
    ]
    return pd.DataFrame(rows, columns=["row", *LABELS])


def table4(records: Sequence[Record]) -> pd.DataFrame:
    """Return table 4 with balanced accuracy and the distortion that each user's filter spends."""
    runs = of(records, "users")
    rows = [
        [label, *(spread(runs, f"{user}_{metric}") for user in ("user1", "user2"))]
        for label, metric in (
            ("private", "private"),
            ("private, balanced", "private_balanced"),
            ("utility", "utility"),
            ("utility, balanced", "utility_balanced"),
            ("D achieved (nats)", "d_unit"),
        )
    ]
    return pd.DataFrame(rows, columns=["classifier", "user 1 (hides ≥ 5)", "user 2 (hides odd)"])


def theory(records: Sequence[Record]) -> pd.DataFrame:
    """Return the closed forms of sections 6.2 and 6.3, right and as printed."""
    runs = of(records, "closed_forms")
    p = runs[0].params
    squared, noise, codes = (f"{p[key]:g}" for key in ("squared_distance", "noise_variance", "codes"))
    privacy = f"L = {p['sensitivity']:g}, ε = {p['epsilon']:g}, δ = {p['delta']:g}"
    rows = [
        (f"half chi-square, equal covariances, d² = {squared}", "half_chi2", "half_chi2_printed", "(exp(d²) − 1) / 2"),
        (
            f"KL of z + w, variance 1, σ² = {noise}, per dimension (nats)",
            "mechanism_kl",
            "mechanism_kl_printed",
            "eq. (14), not (16)",
        ),
        ("the same at variance 2 (nats)", "", "mechanism_kl_printed_wide", "a divergence is not negative"),
        ("mean realised shift at variance 1 (nats)", "mechanism_shift", "", "what the filter's budget measures"),
        (f"σ of theorem 6.1, {privacy}", "sigma", "", ""),
        (
            f"budget of proposition 1 at that σ, d = {codes} (nats)",
            "budget",
            "budget_printed",
            "no budget of Figures 3c, 7b is private",
        ),
    ]
    lines = [(name, spread(runs, right, 4), spread(runs, printed, 4), note) for name, right, printed, note in rows]
    return pd.DataFrame(lines, columns=["quantity", "right", "as printed", "note"])


TABLES = {"table1": table1, "table2": table2, "table3": table3, "table4": table4, "theory": theory}


def main(argv: Sequence[str] | None = None) -> int:
    """Write one table from the command line."""
    return write_table(argv, "generative_filter", TABLES, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
