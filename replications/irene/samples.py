"""Pictures of BiasedMNIST for Figure 3: some digits of each class on their background.

``python -m replications.irene.samples results/quick/irene/samples/paper/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from common.data.biased_mnist import PALETTE
from common.results import Origin
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.irene.digits import Digits, read_digits
from replications.irene.settings import check

ROOT = Path(__file__).resolve().parents[2]


def one_seed(digits: Digits, seed: int, p: dict) -> Outcome:
    """Keep the strokes and colours of the first rows of each digit at each rho, and the share of own colours."""
    metrics: dict[str, float] = {}
    series: dict[str, list[float | None]] = {}
    for rho in p["rhos"]:
        data = digits.train(seed, rho, torch.device("cpu"))
        metrics[f"own_{rho}"] = 100 * float((data["y"] == data["v"]).double().mean())
        for digit in range(10):
            for k, row in enumerate(torch.nonzero(data["y"] == digit).flatten()[: p["shown"]].tolist()):
                name = f"{rho}_{digit}_{k}"
                series[f"stroke_{name}"] = [float(v) for v in (data["x"][row, 0] > 0).flatten().int().tolist()]
                series[f"colour_{name}"] = [float(v) for v in PALETTE[int(data["v"][row])]]
    return Outcome(metrics, series)


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Run every seed; ConfigError where a setting is none."""
    check(job.config.cell.experiment, job.config.params)
    digits = read_digits(job, job.config.params)
    return {seed: one_seed(digits, seed, job.config.params) for seed in seeds}, digits.origin, "fp32"


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
