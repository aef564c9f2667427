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

ROOT = Path(__file__).resolve().parents[2]


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Train a fresh classifier per shown epoch on four fifths of the rows, judge it on the rest."""
    p, cell = job.config.params, job.config.needs[0]
    device = prepare(job.config.device, "fp32").device
    probe_batches(p)  # refuses a batch that does not fit before anything is drawn
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


def work(experiment: str, p: dict[str, Any]) -> Work:  # noqa: ARG001
    """Return the optimiser steps and operations of one seed, for the plan."""
    rows = round(2 * p["n_per_class"] * (1 - p["test_share"]))
    passes = len(p["states"]) * p["epochs"]
    return Work(passes * probe_batches(p), passes * rows * 6 * p["hidden"] * 4)


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
