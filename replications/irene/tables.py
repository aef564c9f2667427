"""IRENE's tables from records: ``python -m replications.irene.tables table1 out.csv out.md --records …``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pandas as pd

from common.results import Record
from common.results.select import ended_well, of
from common.results.tables import spread, write_table

TARGETS = {"blond": "Blond hair", "makeup": "Heavy makeup", "glasses": "Eyeglasses"}
METHODS = {
    "baseline": "Baseline",
    "rubi": "RUBi",
    "rebias": "ReBias",
    "learnedmixin": "LearnedMixIn",
    "irene_g01": "IRENE (γ = 0.1)",
    "irene_g05": "IRENE (γ = 0.5)",
    "irene_g1": "IRENE (γ = 1)",
    "irene": "IRENE",
    "irene_buggy": "IRENE, code of 2022",
}
COLOURS = ("colours as trained", "independent colours")  # of the digits that an attacker learns from


def table1(records: Sequence[Record]) -> pd.DataFrame:
    """Return Table 1, with balanced accuracies, majorities, and what the target alone gives away of the gender."""
    lines = []
    for target, name in TARGETS.items():
        for variant, method in METHODS.items():
            if not (runs := of(records, "celeba", variant)):
                continue
            metrics = ("g", "g_balanced", "majority", "h", "h_balanced", "prior", "floor", "floor_balanced", "epochs")
            lines.append(
                (name, method, *(spread(runs, f"{m}_{target}", 2) for m in metrics), str(len(ended_well(runs))))
            )
    columns = ["target", "method", "G (%)", "G balanced (%)", "target's majority (%)"]
    columns += ["H, gender (%)", "H balanced (%)", "gender prior (%)"]
    columns += ["gender from the target alone (%)", "the same, balanced (%)", "epochs", "seeds"]
    return pd.DataFrame(lines, columns=columns)


def sizes(records: Sequence[Record]) -> pd.DataFrame:
    """Return how many images each part of CelebA has."""
    printed = {"total": "202.6k", "train": "162.7k", "valid": "19.9k", "test": "19.9k"}
    rows = [(part, text, spread(ended_well(records)[:1], part, 0)) for part, text in printed.items()]
    return pd.DataFrame(rows, columns=["part", "printed", "here"])


def leakage_mnist(records: Sequence[Record]) -> pd.DataFrame:
    """Return what H and the fresh attackers read of the colour at each rho.

    Attackers are fitted on the training images as coloured for training, and on the same digits in independent colours.
    """
    lines = []
    for variant, method in METHODS.items():
        trained, attacked = (of(records, e, variant) for e in ("biased_mnist", "biased_mnist_attack"))
        if not (trained and attacked):
            continue
        for rho in trained[0].params["rhos"]:
            metrics = [f"{way}{kind}_balanced_{rho}" for way in ("", "free_") for kind in ("linear", "mlp")]
            shown = [spread(trained, f"{head}_{rho}", 1) for head in "gh"]
            shown += [spread(attacked, metric, 1) for metric in metrics]
            shown += [spread(attacked, f"free_{kind}_information_{rho}", 2) for kind in ("linear", "mlp")]
            lines.append((method, rho, *shown, str(len(ended_well(attacked)))))
    columns = ["method", "ρ", "G (%)", "co-trained H (%)"]
    columns += [f"{kind}, {of_what}, balanced (%)" for of_what in COLOURS for kind in ("linear", "MLP")]
    columns += [*(f"{kind}, {COLOURS[1]} (nats)" for kind in ("linear", "MLP")), "seeds"]
    return pd.DataFrame(lines, columns=columns)


def leakage_faces(records: Sequence[Record]) -> pd.DataFrame:
    """Return what H and the fresh attackers read of the gender, balanced accuracies and information."""
    lines = []
    for target, name in TARGETS.items():
        for variant, method in METHODS.items():
            trained, attacked = (of(records, e, variant) for e in ("celeba", "celeba_attack"))
            if not (trained and attacked):
                continue
            shown = [spread(trained, f"{m}_{target}", 1) for m in ("g", "h", "h_balanced", "floor_balanced")]
            shown += [spread(attacked, f"{kind}_balanced_{target}", 1) for kind in ("linear", "mlp", "output")]
            shown += [spread(attacked, f"{kind}_information_{target}", 3) for kind in ("linear", "mlp")]
            lines.append((name, method, *shown, str(len(ended_well(attacked)))))
    columns = ["target", "method", "G (%)", "co-trained H (%)", "H balanced (%)"]
    columns += ["from the target alone, balanced (%)", "linear balanced (%)"]
    columns += ["MLP balanced (%)", "from G's output, balanced (%)", "linear (nats)", "MLP (nats)", "seeds"]
    return pd.DataFrame(lines, columns=columns)


def proxy(records: Sequence[Record]) -> pd.DataFrame:
    """Return eq. (2) in nats where its value is known, and what section 3.2's updates leave."""
    rows = [
        ("H always right, C = 2", "ln 2 = 0.693", "right"),
        ("H always wrong, C = 2", "ln 2 = 0.693", "wrong"),
        ("H constant, any vector, C = 10", "0", "constant"),
        ("H certain and at random, C = 10, batch 100", "0 (0.48 expected from the batch)", "chance_ten"),
        ("H certain and at random, C = 2, batch 100", "0 (0.005 expected from the batch)", "chance_two"),
        ("after gradient descent on the proxy", "0", "minimised"),
        ("the same: largest |softmax - 1/C|", "anything", "from_uniform"),
    ]
    for count, name in ((10, "ten"), (2, "two")):
        after = f"after section 3.2's updates, C = {count}"
        rows += [
            (after, "0", f"proxy_{name}"),
            (f"{after}: largest |softmax - 1/C| of a row, mean", "0 by the paper", f"away_{name}"),
            (f"{after}: H's accuracy (%)", f"{100 / count:g} by the paper", f"h_{name}"),
        ]
    shown = [(what, wanted, spread(records, metric, 4)) for what, wanted, metric in rows]
    return pd.DataFrame(shown, columns=["case", "expected", "found (eq. (2) in nats)"])


TABLES = {
    "table1": table1,
    "sizes": sizes,
    "leakage_mnist": leakage_mnist,
    "leakage_faces": leakage_faces,
    "proxy": proxy,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Write one table from the command line."""
    return write_table(argv, "irene", TABLES, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
