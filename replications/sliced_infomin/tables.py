"""Sliced infomin: tables from records.

``python -m replications.sliced_infomin.tables table4 out.csv out.md --records …``
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import pandas as pd

from common.results import Record
from common.results.select import ended_well, of
from common.results.tables import spread, write_table

METHODS = {
    "none": "N/A",
    "pearson": "Pearson",
    "dcorr": "dCorr",
    "slice": "Slice",
    "renyi": "Neural Rényi",
    "tc": "Neural TC",
    "vclub": "vCLUB",
}
# The timing record's names of the tables' methods: the slice in the published form, adversaries at each table's L2.
SECONDS = {
    "census_judge": {"slice": "slice_eigh", "renyi": "renyi_2", "tc": "tc_3", "vclub": "vclub_3"},
    "adult_judge": {"slice": "slice_eigh", "renyi": "renyi_3", "tc": "tc_5", "vclub": "vclub_3"},
}
QUALITY = {
    "ρ*(Z,Y)": "rho_zy_code",
    "ρ*(Z,T)": "rho_zt_code",
    "ρ*(Z,Y), strongest reader": "rho_zy",
    "ρ*(Z,T), strongest reader": "rho_zt",
}
READERS = {
    "code": "the code's network",
    "turned": "network, decorrelated",
    "linear": "linear",
    "trees": "trees",
    "turned_trees": "trees, decorrelated",
}


def table4(records: Sequence[Record]) -> pd.DataFrame:
    """Return deck table 4: quality and time of both adversaries by L2, the slice below each.

    Its columns are by the code's reader, as printed; what the strongest reader finds of T stands beside them.
    """
    shown = ["ρ*(Z,Y)", "ρ*(Z,T)", "ρ*(Z,T), strongest reader"]
    timing = of(records, "timing", "ours")
    rows = []
    for name, steps in (("renyi", (2, 10, 50)), ("tc", (3, 10, 20))):
        cells = [(str(k), of(records, "census_judge", f"{name}_{k}"), f"{name}_{k}") for k in steps]
        for label, found, key in [*cells, ("Slice", of(records, "census_judge", "slice"), "slice_eigh")]:
            times = [spread(timing, f"{kind}_{key}", 2, "g") for kind in ("seconds", "eigh_ratio", "ratio")]
            quality = [spread(found, QUALITY[column], 2) for column in shown]
            rows.append((METHODS[name], label, *quality, *times))
    return pd.DataFrame(
        rows, columns=["method", "L2", *shown, "s per max step", "over published solve", "over our solve"]
    )


def times(records: Sequence[Record]) -> pd.DataFrame:
    """Return the seconds of every method in one run, and their ratios to the two forms of the slice solve."""
    timing = ended_well(of(records, "timing", "ours"))
    names = [k.removeprefix("seconds_") for r in timing[:1] for k in r.metrics if k.startswith("seconds_")]
    rows = [
        (name, *(spread(timing, f"{kind}_{name}", 3, "g") for kind in ("seconds", "eigh_ratio", "ratio")))
        for name in sorted(names)
    ]
    return pd.DataFrame(rows, columns=["max step", "seconds", "over the published solve", "over our solve"])


def methods(experiment: str, cells: dict[str, str]) -> Callable[[Sequence[Record]], pd.DataFrame]:
    """Return the poster's table of one data set: a column per method."""

    def make(records: Sequence[Record]) -> pd.DataFrame:
        timing = of(records, "timing", "ours")
        rows = []
        for label, metric in QUALITY.items():
            rows.append((label, *(spread(of(records, experiment, cells.get(m, m)), metric, 2) for m in METHODS)))
        if timing:
            seconds = [spread(timing, f"seconds_{SECONDS[experiment].get(m, m)}", 2, "g") for m in METHODS]
            rows.append(("s per max step", *seconds))
        return pd.DataFrame(rows, columns=["", *METHODS.values()])

    return make


def notebooks(records: Sequence[Record]) -> pd.DataFrame:
    """Return the notebooks' single runs: both correlations on all test rows and on the last 500, as there."""
    rows = []
    for experiment, variant in sorted({(r.experiment, r.variant) for r in records}):
        found = of(records, experiment, variant)
        values = [
            spread(found, m, 2) for m in ("rho_zy_code", "rho_zt_code", "rho_zy_code_last500", "rho_zt_code_last500")
        ]
        rows.append((experiment.removesuffix("_judge"), variant, *values))
    columns = ["data", "method", "ρ*(Z,Y)", "ρ*(Z,T)", "ρ*(Z,Y), last 500 rows", "ρ*(Z,T), last 500 rows"]
    return pd.DataFrame(rows, columns=columns)


def readings(records: Sequence[Record]) -> pd.DataFrame:
    """Return rho*(Z, T) with g = identity (the code) and g learned (the definition), and what each reader finds."""
    rows = []
    for experiment, variant in sorted({(r.experiment, r.variant) for r in records}):
        found = [r for r in ended_well(of(records, experiment, variant)) if "rho_zt" in r.metrics]
        gap = pd.Series([r.metrics["hgr_zt"] - r.metrics["rho_zt"] for r in found], dtype=float)
        both = spread(found, "rho_zt", 2), spread(found, "hgr_zt", 2), "" if gap.empty else f"{gap.mean():+.3f}"
        each = [spread(found, f"rho_zt_by_{reader}", 2) for reader in READERS]
        own = spread(found, "rho_zy_by_trained_along", 2), spread(found, "rho_zy", 2)
        rows.append((experiment.removesuffix("_judge"), variant, *both, *each, *own))
    columns = ["data", "method", "T: strongest, one-sided", "T: strongest, two-sided", "difference"]
    columns += [f"T: {name}" for name in READERS.values()]
    return pd.DataFrame(rows, columns=[*columns, "Y: head trained along", "Y: strongest"])


def domains(records: Sequence[Record]) -> pd.DataFrame:
    """Return accuracies of domain adaptation, in percent."""
    rows = []
    for experiment, pair, name in (("domains", "mm", "M → MM"), ("objects", "cs", "C → S")):
        for variant, label in (("none", "N/A"), ("club", "CLUB"), ("slice", "Slice")):
            found = of(records, experiment, f"{pair}_{variant}")
            accuracies = [spread(found, f"{m}_accuracy", 1) for m in ("source", "target", "domain")]
            rows.append((name, label, *accuracies, spread(found, "steps", 0)))
    return pd.DataFrame(rows, columns=["domains", "method", "source (%)", "target (%)", "domain (%)", "steps"])


def disentangle(records: Sequence[Record]) -> pd.DataFrame:
    """Return reconstruction error and what fresh readers find of the attribute: the code's, and the strongest."""
    rows = []
    for experiment, variant in [("dsprites", m) for m in METHODS] + [("faces", "none"), ("faces", "slice")]:
        found = of(records, experiment, variant)
        numbers = [spread(found, "mse", 2, "e"), *(spread(found, f"rho_zt{end}", 2) for end in ("_code", "", "_worst"))]
        accuracy = spread(found, "label_accuracy", 1)
        rows.append((experiment, METHODS[variant], *numbers, accuracy, spread(found, "steps", 0)))
    columns = ["data", "method", "MSE", "ρ*(Z,T)", "ρ*(Z,T), strongest reader", "worst class, strongest reader"]
    return pd.DataFrame(rows, columns=[*columns, "label encoder (%)", "steps"])


TABLES = {
    "table4": table4,
    "table4_time": times,
    "table_census": methods("census_judge", {"renyi": "renyi_2", "tc": "tc_3"}),
    "table_adult": methods("adult_judge", {}),
    "table_adult_clean": methods("adult_clean_judge", {}),
    "notebooks": notebooks,
    "readings": readings,
    "table_domains": domains,
    "table_disentangle": disentangle,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Write one table from the command line."""
    return write_table(argv, "sliced_infomin", TABLES, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
