"""Eq. (3.5) beside the right entropies: h(X|L) in closed form, h(X) from the drawn data's exact density.

``python -m replications.infoshape.closed_forms results/quick/infoshape/closed_forms/thesis/config.json``
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from common.data.gaussians import component_covariance, component_entropy
from common.results import Origin
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.infoshape.sample import DIM, RHOS, draw, origin
from replications.infoshape.settings import check

ROOT = Path(__file__).resolve().parents[2]


def log_densities(x: Tensor) -> Tensor:
    """Return log p(x | L = l) of rows ``x (n, 20)`` under each component, ``(2, n)``, in fp64."""
    mean = torch.zeros(DIM, dtype=torch.float64)
    components = [torch.distributions.MultivariateNormal(mean, component_covariance(DIM, rho)) for rho in RHOS]
    return torch.stack([component.log_prob(x.double()) for component in components])


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Take each seed's draw and average -log p over it."""
    check(job.config.cell.experiment, job.config.params)
    sample = draw(seeds, job.config.params["n_per_class"], "data")
    outcomes = {}
    for k, seed in enumerate(seeds):
        each = log_densities(sample.x[k])
        mixture = torch.logsumexp(each, 0) - math.log(2)
        labels = sample.labels[k, :, 0].long()
        own = each.gather(0, labels[None])[0]
        outcomes[seed] = Outcome(
            {
                "h_x_given_l_exact": component_entropy(DIM, RHOS[0]),
                "h_x_given_l": float(-own.mean()),
                "h_x": float(-mixture.mean()),
                "i_x_l": float((own - mixture).mean()),
                "h_l": float(torch.distributions.Bernoulli(labels.double().mean()).entropy()),
            }
        )
    return outcomes, origin(job), "fp64"


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
