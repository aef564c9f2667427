"""The tables from records: ``python -m replications.attribute_unlearning.tables table1 out.csv out.md --records …``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pandas as pd

from common.results import Record
from common.results.select import ended_well, of, values
from common.results.tables import spread, write_table
from replications.attribute_unlearning import theory_tables
from replications.attribute_unlearning.attacked import DEPTHS, SETS, attacks, deep, trained_on

METHODS = {"area": "Baseline 2 (area removed)", "unlearn": "Attribute unlearning", "before": "Baseline 1 (before)"}
READ = {
    **METHODS,
    "unlearn_age": "Attribute unlearning (age)",
    "unlearn_mustache": "Attribute unlearning (mustache)",
    "unlearn_nose": "Attribute unlearning (big nose)",
    "raw": "Attribute unlearning, one graph (raw)",
    "literal": "Lemma 3.1 as printed",
    "infopro": "lambda3 = 0 (InfoPro)",
}
FITS = "fits that converged (linear, MLP, middle; linear, MLP, pooled)"
FITTED = "the attacker's rows; steps; test rows"
HEAD = "co-trained head's loss; a blind one's (nats)"
TRAINED = "trained on (as the columns)"
SCORES = {"efficacy": "Efficacy", "fidelity": "Fidelity", "aum": "AUM"}


def fitted(runs: Sequence[Record], depth: int) -> str:
    """Return how many rows the paper's attacker was fitted on, in how many steps, and how many judged it."""
    names = [f"{name}_r{depth}" for name in ("attack_rows", "attack_steps", "judged_rows")]
    shown = [spread(ended_well(runs)[:1], name, 0) for name in names]  # all seeds are alike
    return "; ".join(shown) if all(shown) else ""


def together(runs: Sequence[Sequence[Record]], metric: str, digits: int = 3) -> str:
    """Return a metric of several cells in one column, in their order; nothing where none of them has it."""
    shown = [spread(cell, metric, digits) for cell in runs]
    return "; ".join(text or "-" for text in shown) if any(shown) else ""


def table1(records: Sequence[Record]) -> pd.DataFrame:
    """Return Table 1 in its columns' order, with chance, majority and the attackers on natural and their own rows.

    The paper's attacker trains for a set number of epochs: how well it reads its own rows says if that was enough. At
    scale reduced the deep networks see fewer images than ResNet-18: a column says how many.
    """
    lines = []
    for name, title in SETS.items():
        for depth in DEPTHS:
            cells = {m: attacks(records, name, m, depth) for m in METHODS}
            if not any(cells.values()):
                continue
            told = [trained_on(runs, depth) for runs in cells.values()]
            seen = told[0] if len(set(told)) == 1 else "; ".join(text or "-" for text in told)
            shown = [spread(cells[m], f"{score}_r{depth}", 4) for m in METHODS for score in SCORES]
            guess = [spread(cells["unlearn"], f"{what}_r{depth}", 3) for what in ("chance", "majority", "floor")]
            metrics = "natural", "balanced", "attacker_train"
            more = [together(list(cells.values()), f"{what}_r{depth}") for what in metrics]
            lines.append((title, f"ResNet-{depth}", *shown, *guess, *more, seen))
    columns = ["data", "model", *(f"{score}, {method}" for method in METHODS.values() for score in SCORES.values())]
    columns += ["chance", "majority (natural)", "floor", "natural test set (as the columns)"]
    columns += ["balanced accuracy (natural; as the columns)"]
    return pd.DataFrame(lines, columns=[*columns, "attacker's accuracy on its own rows (as the columns)", TRAINED])


def table2(records: Sequence[Record]) -> pd.DataFrame:
    """Return Table 2: what decoupling costs and gives; latency and memory are of the records' own machine.

    No epoch is run: its seconds are reckoned from rounds of a few steps (D15).
    """
    lines = []
    for depth in DEPTHS:
        raw, fast = (of(records, "cifar10_attack", deep(v, depth)) for v in ("raw", "unlearn"))
        timed = of(records, "parallel", f"r{depth}")
        scores = [spread(cell, f"{s}_r{depth}", 4) for s in ("efficacy", "fidelity") for cell in (raw, fast)]
        more = [together((raw, fast), f"{what}_r{depth}") for what in ("floor", "attacker_train")]
        lines.append((f"ResNet-{depth}", *scores, *more, *(spread(timed, n, 3) for n in TIMED), clocked(timed)))
    columns = ["model", "Efficacy, raw", "Efficacy, decoupled", "Fidelity, raw", "Fidelity, decoupled"]
    columns += ["floor (raw; decoupled)", "attacker's accuracy on its own rows (raw; decoupled)"]
    return pd.DataFrame(lines, columns=[*columns, *TIMED.values(), "an epoch's seconds are extrapolated from (D15)"])


def clocked(runs: Sequence[Record]) -> str:
    """Return what was clocked for an epoch's seconds; nothing where nothing was."""
    if not ended_well(runs):
        return ""
    p = ended_well(runs)[0].params
    return f"{p['rounds']} round(s) of {p['steps']} steps, of an epoch's {p['images'] // p['batch']}"


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
            lines.append((*roles, *(spread(runs, f"{metric}_r18", 4) for metric in metrics), fitted(runs, 18)))
    columns = ["task", "unlearnt attribute", *SCORES.values(), "chance", "floor", "natural", "majority (natural)"]
    return pd.DataFrame(lines, columns=[*columns, "balanced accuracy (natural)", "its own rows", FITTED])


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
    """Return what every attacker reads: ResNet-18 on h, linear and MLP at the middle and at the pooled feature.

    Of the latter four, in how many of the seeds their fits ended by themselves; ResNet-18's epochs are given, and its
    own rows show how far it came. Beside them what the head that was trained along costs in the end: where it reads no
    better than a blind one and the attackers do, the extractor escaped it, if the head of lambda3 = 0 could read.
    """
    metrics = ["fidelity", "efficacy", "attacker_train", "natural", "balanced"]
    fresh = [f"{place}_{kind}" for place in ("middle", "pooled") for kind in ("linear", "mlp")]
    metrics += [*fresh, "chance", "majority", "floor"]
    lines = []
    for data, title in SETS.items():
        for depth in DEPTHS:
            for variant, name in READ.items():
                if not (runs := attacks(records, data, variant, depth)):
                    continue
                shown = [spread(runs, f"{m}_r{depth}", 3) for m in metrics]
                shown += [ended_by_themselves(runs, fresh, depth), fitted(runs, depth)]
                head = "; ".join(filter(None, (spread(runs, f"head_{m}_r{depth}", 3) for m in ("loss", "blind"))))
                lines.append((title, f"ResNet-{depth}", name, *shown, head, str(len(ended_well(runs)))))
    columns = [
        "data",
        "network",
        "method",
        "task",
        "ResNet-18 on h",
        "its own rows",
        "natural",
        "balanced accuracy (natural)",
    ]
    columns += ["linear, middle", "MLP, middle", "linear, pooled", "MLP, pooled", "chance", "majority (natural)"]
    return pd.DataFrame(lines, columns=[*columns, "floor", FITS, FITTED, HEAD, "seeds"])


def ended_by_themselves(runs: Sequence[Record], attackers: Sequence[str], depth: int = 18) -> str:
    """Return, for each fresh attacker, in how many of the seeds its fit converged; nothing where none was fitted."""
    found = [values(runs, f"{name}_converged_r{depth}") for name in attackers]
    return "; ".join(f"{int(of_one.sum())} of {len(of_one)}" for of_one in found if len(of_one))


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
