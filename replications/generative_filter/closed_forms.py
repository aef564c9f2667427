"""Sections 6.2 and 6.3 as numbers: divergences, theorem 6.1 and proposition 1, right and as printed.

``python -m replications.generative_filter.closed_forms results/quick/generative_filter/closed_forms/paper/config.json``
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from common.results import Origin
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.generative_filter import theory
from replications.generative_filter.settings import check

ROOT = Path(__file__).resolve().parents[2]


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Return the closed forms: the same for every seed."""
    p = job.config.params
    check(job.config.cell.experiment, p)
    ones, d2, noise = [1.0] * p["codes"], p["squared_distance"], p["noise_variance"]
    privacy = (p["sensitivity"], p["epsilon"], p["delta"])
    sigma = theory.private_sigma(*privacy)
    metrics = {
        "kl": theory.shift_kl(d2),
        "half_chi2": theory.shift_half_chi2(d2),
        "half_chi2_printed": theory.shift_half_chi2_printed(d2),
        "mechanism_kl": theory.mechanism_kl(noise, [1.0]),
        "mechanism_kl_printed": theory.mechanism_kl_printed(noise, [1.0]),
        "mechanism_kl_printed_wide": theory.mechanism_kl_printed(noise, [2.0]),
        "mechanism_shift": theory.mechanism_shift(noise, [1.0]),
        "sigma": sigma,
        "delta_exact": theory.exact_delta(sigma, p["sensitivity"], p["epsilon"]),
        "budget": theory.private_budget(*privacy, ones),
        "budget_printed": theory.private_budget_printed(*privacy, ones),
    }
    digest = hashlib.sha256(b"closed forms").hexdigest()
    origin = Origin(name=job.config.dataset, kind="generated", sha256=digest)
    return {seed: Outcome(metrics) for seed in seeds}, origin, "fp64"


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
