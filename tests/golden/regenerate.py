"""Writes the golden records and what the comparison makes of them.

    python tests/golden/regenerate.py

Two cells of five seeds, one that lost a seed, one on a stand-in, one on a subset; every verdict occurs. Read the
difference before committing it: a changed verdict is a changed law.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from common.evaluation.claims import read_claims  # noqa: E402
from common.evaluation.comparison import Comparison, compare  # noqa: E402
from common.evaluation.published import read_published  # noqa: E402
from common.evaluation.tables import write_comparison  # noqa: E402
from common.results import Origin, Provenance, Record, write  # noqa: E402
from common.workflow.config import PaperConfig, load_yaml  # noqa: E402

# experiment, variant -> the AUC of each seed (None: the run diverged), kind of data, subset
CELLS = {
    ("encoder", "random"): ([0.70, 0.74, 0.72, 0.73, 0.71], "generated", False),
    ("encoder", "trained"): ([0.93, 0.95, 0.94, 0.96, 0.92], "generated", False),
    ("encoder", "weight10"): ([0.80, 0.83, None, 0.81, 0.84], "generated", False),
    ("encoder", "weight100"): ([0.60, 0.95, 0.99, 0.75, 0.85], "generated", False),
    ("digits", "conv"): ([0.90, 0.92, 0.91], "stand-in", False),
    ("faces", "part"): ([0.81, 0.83, 0.82], "real", True),
}
SCALES = ("paper", "quick")


def record(experiment: str, variant: str, scale: str, seed: int, auc: float | None) -> Record:
    """Return one golden record."""
    _, kind, subset = CELLS[experiment, variant]
    ok = auc is not None
    return Record(
        paper="golden",
        experiment=experiment,
        variant=variant,
        dataset=Origin(name=f"{experiment}-data", kind=kind, subset=subset, sha256="ab" * 32),
        seed=seed,
        scale=scale,
        metrics={"auc": auc, "gain": round(auc - 0.5, 6)} if ok else {},
        params={"lr": 0.001},
        provenance=Provenance(
            commit="0123456789abcdef",
            dirty=False,
            code="c0de",
            environment="e0",
            torch="2.0",
            device="cpu",
            dtype="float32",
            threads=1,
            ensemble=1,
            started="2026-01-01T00:00:00+00:00",
            seconds=2.0,
            peak_memory_mb=100.0,
        ),
        status="ok" if ok else "diverged",
        message="" if ok else "step 12: loss is not finite",
    )


def golden_comparison(scale: str) -> Comparison:
    """Return the comparison of the golden records at one scale."""
    paper = PaperConfig.model_validate(load_yaml(HERE / "config.yaml"))
    return compare(
        paper,
        read_published(HERE / "published.csv"),
        read_claims(HERE / "claims.yaml"),
        HERE / "records",
        scale,
    )


def main() -> None:
    """Write records and tables."""
    for scale in SCALES:
        for (experiment, variant), (values, *_) in CELLS.items():
            for seed, auc in enumerate(values):
                write(HERE / "records", record(experiment, variant, scale, seed, auc))
        write_comparison(golden_comparison(scale), HERE / "expected" / scale)


if __name__ == "__main__":
    main()
