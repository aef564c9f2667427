"""Ours: the cross-entropy bound on I(Z;L), ln 2 - BCE of a fresh classifier, on the very codes that ReMINE saw.

Whatever a critic found, a classifier with cross-entropy c shows that I(Z;L) >= ln 2 - c (equal classes; up to the
error of 12,000 held-out rows).
``python -m replications.infoshape.bounds results/quick/infoshape/bounds/thesis/config.json``
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.evaluation.probes import ProbeSettings
from common.results import Origin
from common.training.checkpoint import load_tensors
from common.training.machine import prepare
from common.training.progress import Progress
from common.training.seeding import generator
from common.workflow.cost import Work
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.infoshape.codes import codes_of
from replications.infoshape.probing import probe
from replications.infoshape.protocol import probe_batches
from replications.infoshape.sample import Sample, draw, origin
from replications.infoshape.settings import check, check_kept

ROOT = Path(__file__).resolve().parents[2]
READ = {"bounds": "encoder_a", "bounds_b": "encoder_b", "bounds_c": "encoder_c"}  # whose codes, for the plan's errors


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Train a fresh classifier per shown epoch on four fifths of the rows, judge it on the rest."""
    p = job.config.params
    check(job.config.cell.experiment, p)
    cell = job.config.needs[0]
    check_kept(job.config.cell.experiment, p, cell, load_tensors(job.weights_path(seeds[0], cell))[1]["epochs"])
    device = prepare(job.config.device, "fp32").device
    whole = draw(seeds, p["n_per_class"], "data")
    settings = ProbeSettings((p["hidden"],), p["batch"], p["epochs"], p["lr"], p["momentum"])
    progress = Progress(f"infoshape bounds, seeds {seeds}", len(p["states"]) * len(seeds) * p["epochs"])
    outcomes = {seed: Outcome({}) for seed in seeds}
    for epoch in p["states"]:
        coded = Sample(codes_of(job, seeds, cell, epoch, whole.x), whole.labels)
        init = [generator("infoshape", "bounds", s, epoch, "init") for s in seeds]
        order = [generator("infoshape", "bounds", s, epoch, "order", device=device) for s in seeds]
        found = probe(coded, p["test_share"], settings, init, order, progress)
        for seed, verdict in zip(seeds, found, strict=True):
            outcomes[seed].metrics[f"ce_bound_{epoch}"] = math.log(2) - verdict.cross_entropy
            outcomes[seed].metrics[f"auc_{epoch}"] = verdict.auc
    progress.close()
    return outcomes, origin(job), "fp32"


def work(experiment: str, p: dict[str, Any]) -> Work:
    """Return the optimiser steps and operations of one seed, for the plan."""
    if "shown_epochs" in p:  # the plan gives the settings of the cell that is read beside a job's own
        check_kept(experiment, p, READ[experiment], {*p["shown_epochs"], p["encoder_epochs"]})
    rows = round(2 * p["n_per_class"] * (1 - p["test_share"]))
    passes = len(p["states"]) * p["epochs"]
    return Work(passes * probe_batches(p), passes * rows * 6 * p["hidden"] * 4)


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
