"""The tables from records: ``python -m replications.attribute_unlearning.tables table1 out.csv out.md --records …``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pandas as pd

from common.results import Record
from common.results.select import ended_well, of
from common.results.tables import spread, write_table
from replications.attribute_unlearning import theory_tables

SETS = {"fairface": "FairFace", "celeba": "CelebA", "cifar10": "CIFAR-10"}
METHODS = {"area": "Baseline 2 (area removed)", "unlearn": "Attribute unlearning", "before": "Baseline 1 (before)"}
DEPTHS = (18, 34, 50)
SCORES = {"efficacy": "Efficacy", "fidelity": "Fidelity", "aum": "AUM"}


def deep(variant: str, depth: int) -> str:
    """Return the variant that holds a depth: 34 and 50 are one cell."""
    return variant if depth == 18 else f"{variant}_deep"


def together(runs: Sequence[Sequence[Record]], metric: str, digits: int = 3) -> str:
    """Return a metric of several cells in one column, in their order; nothing where none of them has it."""
    shown = [spread(cell, metric, digits) for cell in runs]
    return "; ".join(text or "-" for text in shown) if any(shown) else ""


def table1(records: Sequence[Record]) -> pd.DataFrame:
    """Return Table 1 in its columns' order, with chance, majority and the attackers on natural and their own rows."""
    lines = []
    for name, title in SETS.items():
        for depth in DEPTHS:
            cells = {m: of(records, f"{name}_attack", deep(m, depth)) for m in METHODS}
            if not any(cells.values()):
                continue
            shown = [spread(cells[m], f"{score}_r{depth}", 4) for m in METHODS for score in SCORES]
            guess = [spread(cells["unlearn"], f"{what}_r{depth}", 3) for what in ("chance", "majority", "floor")]
            more = [together(list(cells.values()), f"{what}_r{depth}") for what in ("natural", "attacker_train")]
            lines.append((title, f"ResNet-{depth}", *shown, *guess, *more))
    columns = ["data", "model", *(f"{score}, {method}" for method in METHODS.values() for score in SCORES.values())]
    columns += ["chance", "majority (natural)", "floor", "natural test set (as the columns)"]
    return pd.DataFrame(lines, columns=[*columns, "attacker's accuracy on its own rows (as the columns)"])


def table2(records: Sequence[Record]) -> pd.DataFrame:
    """Return Table 2: what decoupling costs and gives; latency and memory are of the records' own machine."""
    lines = []
    for depth in DEPTHS:
        raw, fast = (of(records, "cifar10_attack", deep(v, depth)) for v in ("raw", "unlearn"))
        timed = of(records, "parallel", f"r{depth}")
        scores = [spread(cell, f"{s}_r{depth}", 4) for s in ("efficacy", "fidelity") for cell in (raw, fast)]
        more = [together((raw, fast), f"{what}_r{depth}") for what in ("floor", "attacker_train")]
        lines.append((f"ResNet-{depth}", *scores, *more, *(spread(timed, name, 3) for name in TIMED)))
    columns = ["model", "Efficacy, raw", "Efficacy, decoupled", "Fidelity, raw", "Fidelity, decoupled"]
    columns += ["floor (raw; decoupled)", "attacker's accuracy on its own rows (raw; decoupled)"]
    return pd.DataFrame(lines, columns=[*columns, *TIMED.values()])


TIMED = {
    "seconds_raw": "seconds per epoch, raw",
    "seconds_decoupled": "seconds per epoch, decoupled",
    "ratio": "ratio",
    "memory_raw_mb": "memory, raw (MiB)",
    "memory_decoupled_mb": "memory, decoupled (MiB)",
    "memory_saving": "share of memory saved",
}
ABLATION = {
    ("fairface", "unlearn"): ("Gender", "Race"),
    ("fairface", "unlearn_age"): ("Gender", "Age"),
    ("celeba", "unlearn_mustache"): ("Smiling", "Mustache"),
    ("celeba", "unlearn"): ("Smiling", "Male"),
    ("celeba", "unlearn_nose"): ("Smiling", "Big Nose"),
    ("cifar10", "unlearn"): ("Living", "Class"),
}


def table3(records: Sequence[Record]) -> pd.DataFrame:
    """Return Table 3: the same task with another attribute unlearnt; ``natural`` is top-1 on the natural test set."""
    lines = []
    for (name, variant), roles in ABLATION.items():
        runs = of(records, f"{name}_attack", variant)
        if runs:
            metrics = (*SCORES, "chance", "floor", "natural", "majority", "balanced", "attacker_train")
            lines.append((*roles, *(spread(runs, f"{metric}_r18", 4) for metric in metrics)))
    columns = ["task", "unlearnt attribute", *SCORES.values(), "chance", "floor", "natural", "majority (natural)"]
    return pd.DataFrame(lines, columns=[*columns, "balanced accuracy (natural)", "its own rows"])


def sizes(records: Sequence[Record]) -> pd.DataFrame:
    """Return how many images each set has here, and how many a run took."""
    lines = []
    for name, title in SETS.items():
        runs = of(records, name, "before")
        lines.append(
            (title, *(spread(runs[:1], what, 0) for what in ("whole", "labels", "train_images", "test_images")))
        )
    return pd.DataFrame(lines, columns=["data", "images", "labels", "trained on", "tested on"])


def leakage(records: Sequence[Record]) -> pd.DataFrame:
    """Return what every attacker reads: ResNet-18 on h, linear and MLP at the middle and at the pooled feature."""
    names = {**METHODS, "literal": "Lemma 3.1 as printed", "infopro": "lambda3 = 0 (InfoPro)"}
    metrics = ["fidelity", "efficacy", "attacker_train", "natural", "balanced"]
    metrics += [f"{place}_{kind}" for place in ("middle", "pooled") for kind in ("linear", "mlp")]
    metrics += ["chance", "majority", "floor"]
    lines = []
    for data, title in SETS.items():
        for variant, method in names.items():
            if runs := of(records, f"{data}_attack", variant):
                lines.append(
                    (title, method, *(spread(runs, f"{m}_r18", 3) for m in metrics), str(len(ended_well(runs))))
                )
    columns = ["data", "method", "task", "ResNet-18 on h", "its own rows", "natural", "balanced accuracy (natural)"]
    columns += ["linear, middle", "MLP, middle", "linear, pooled", "MLP, pooled", "chance", "majority (natural)"]
    return pd.DataFrame(lines, columns=[*columns, "floor", "seeds"])


TABLES = {
    "table1": table1,
    "table2": table2,
    "table3": table3,
    "sizes": sizes,
    "leakage": leakage,
    "lemmas": theory_tables.lemmas,
    "parallel": theory_tables.parallel,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Write one table from the command line."""
    return write_table(argv, "attribute_unlearning", TABLES, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
