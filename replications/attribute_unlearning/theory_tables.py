"""Tables of what needs no training: the lemmas on small chains, and table 2's seconds and memory way by way."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from common.results import Record
from common.results.tables import spread

# statement, metric, cases a chain
LEMMAS = (
    ("Lemma 3.1, β ≥ γ (printed), z = ŝ and z coarser than s: L ≤ L̄", "bound_printed", 2),
    ("Lemma 3.1, β ≥ γ, z = s: L ≤ L̄", "bound_printed_s", 1),
    ("Lemma 3.1, β ≥ γ, z determines y: L ≤ L̄", "bound_class", 1),
    ("Lemma 3.1, β < γ (unlearns), z = ŝ: L ≤ L̄", "bound_unlearn_same", 1),
    ("Lemma 3.1, β < γ, z = s: L ≤ L̄", "bound_unlearn_s", 1),
    ("Lemma 3.1, β < γ, z coarser than s: L ≤ L̄", "bound_unlearn_coarse", 1),
    ("Lemma 3.2 as printed, β ≥ γ, z = ŝ and z coarser than s: gap ≤ eq. (4)", "gap_printed", 2),
    ("Lemma 3.2 as printed, β ≥ γ, z = s: gap ≤ eq. (4)", "gap_printed_s", 1),
    (
        "Lemma 3.2 corrected, either sign, z = ŝ and z coarser than s: "
        "gap ≤ αβ[I(x,y) − I(h,y)] + α(β − γ)[I(h,ŝ) − I(h,z)]",
        "gap_corrected",
        4,
    ),
    ("Lemma 3.2 corrected, either sign, z = s", "gap_corrected_s", 2),
)
WAYS = {  # name, and the ending of its ratios
    "raw": ("end to end (raw)", None),
    "sequential": ("decoupled, in turns", "_sequential"),
    "decoupled": ("decoupled, side by side", ""),
}


def lemmas(records: Sequence[Record]) -> pd.DataFrame:
    """Return how often each statement is broken, of how many cases, and by how much at worst."""
    runs = [r for r in records if r.experiment == "lemmas"]
    rows = []
    for statement, metric, cases in LEMMAS:
        broken = [r.metrics[f"{metric}_broken"] for r in runs]
        worst = max(0.0, -min(r.metrics[f"{metric}_least"] for r in runs))
        holds = "holds" if max(broken) == 0 else "fails"
        total = f"{cases * runs[0].metrics['chains']:.0f}"
        rows.append((statement, holds, spread(runs, f"{metric}_broken", 0), total, f"{worst:.3f}", str(len(runs))))
    columns = ["statement", "verdict", "cases broken", "of", "worst excess (nats)", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def parallel(records: Sequence[Record]) -> pd.DataFrame:
    """Return seconds of an epoch, memory and their ratios to end-to-end training, for every way and network."""
    rows = []
    for variant in sorted({r.variant for r in records if r.experiment == "parallel"}):
        runs = [r for r in records if (r.experiment, r.variant) == ("parallel", variant)]
        first = runs[0].metrics
        streams = bool(first["cuda_streams"])
        whole = "1 CUDA stream" if streams else f"1 x {first['cpu_threads']:.0f} CPU thread(s)"
        halves = "2 CUDA streams" if streams else f"2 x {first['cpu_threads_a_part']:.0f} CPU thread(s)"
        for way, (name, end) in WAYS.items():
            ratio = "1" if end is None else spread(runs, f"ratio{end}", 3)
            saving = "0" if end is None else spread(runs, f"memory_saving{end}", 3)
            shown = (spread(runs, f"seconds_{way}", 1), ratio, spread(runs, f"memory_{way}_mb", 0))
            measured = "allocator" if streams else "counted"
            how = halves if way == "decoupled" else whole
            load = spread(runs, "load_before", 1)
            rows.append((variant, name, how, *shown, measured, saving, load, str(len(runs))))
    columns = ["network", "way", "on", "seconds an epoch", "speed-up", "memory (MiB)", "measured by", "share saved"]
    return pd.DataFrame(rows, columns=[*columns, "load of the machine before", "seeds"])
