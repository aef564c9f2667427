"""Ours, as section 5.1 asks: an attacker who reconstructs X from Z, fresh for each frozen encoder.

He has the encoder's codes of four fifths of the rows with their X, and is judged on the rest by the share of X's
variance that he explains.
``python -m replications.infoshape.attacker results/quick/infoshape/attacker/thesis/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from common.estimators.optimiser import FlatAdam, cosine_rate
from common.estimators.pairs import take_rows
from common.models.stacked import StackedMLP
from common.results import Origin
from common.training.machine import prepare
from common.training.progress import Progress
from common.training.seeding import generator
from common.workflow.cost import Work
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.infoshape.codes import codes_of, named
from replications.infoshape.protocol import probe_batches
from replications.infoshape.sample import Sample, draw, origin
from replications.infoshape.settings import check

ROOT = Path(__file__).resolve().parents[2]
Generators = Sequence[torch.Generator]


def explained(x: Tensor, found: Tensor) -> Tensor:
    """Return 1 - |x - found|^2 / |x - mean x|^2 over rows and coordinates ``(members, n, d)``, per member."""
    return 1 - (x - found).square().sum((1, 2)) / (x - x.mean(1, keepdim=True)).square().sum((1, 2))


def standardised(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Return both on the training rows' scale: an encoder must not hide by shrinking its code."""
    mean, sd = train.mean(1, keepdim=True), train.std(1, keepdim=True).clamp_min(1e-12)
    return (train - mean) / sd, (test - mean) / sd


def least_squares(z: Tensor, x: Tensor, z_test: Tensor) -> Tensor:
    """Return the best linear reconstruction of the test rows (members, n, d_x)."""

    def with_one(v: Tensor) -> Tensor:
        return torch.cat([v, torch.ones_like(v[..., :1])], -1).double()

    solution = torch.linalg.lstsq(with_one(z), x.double()).solution
    return (with_one(z_test) @ solution).float()


def fit_attacker(
    z: Tensor, x: Tensor, p: dict[str, Any], init: Generators, order: Generators, progress: Progress | None = None
) -> StackedMLP:
    """Train one network per member from codes to data, squared error, Adam with a rate falling to zero."""
    members, rows, _ = z.shape
    attacker = StackedMLP([z.shape[-1], *p["hidden"], x.shape[-1]], init).to(z.device)
    adam = FlatAdam(attacker, p["lr"])
    batches = rows // p["batch"]
    for epoch in range(p["epochs"]):
        mixed = torch.stack([torch.randperm(rows, generator=g, device=z.device) for g in order])
        for b in range(batches):
            chosen = mixed[:, b * p["batch"] : (b + 1) * p["batch"]]
            adam.lr = cosine_rate(epoch * batches + b, p["epochs"] * batches, p["lr"])
            adam.zero_grad()
            (attacker(take_rows(z, chosen)) - take_rows(x, chosen)).square().mean((1, 2)).sum().backward()
            adam.step()
        if progress:
            progress.advance(members)
    return attacker


def attack(
    train: Sample, test: Sample, x: tuple[Tensor, Tensor], p: dict[str, Any], random: tuple[Generators, Generators]
) -> dict[str, Tensor]:
    """Return the variance explained per member by the network and by least squares; ``train.x`` holds codes."""
    z, z_test = standardised(train.x, test.x)
    attacker = fit_attacker(z, x[0], p, *random)
    with torch.no_grad():
        found = attacker(z_test)
    return {"network": explained(x[1], found), "linear": explained(x[1], least_squares(z, x[0], z_test))}


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Attack the codes of every state: without and with the label as side information."""
    p = job.config.params
    check(job.config.cell.experiment, p)
    device = prepare(job.config.device, "fp32").device
    whole = draw(seeds, p["n_per_class"], "data")
    raw = Sample(whole.x, whole.labels)
    x = (raw.head(1 - p["test_share"]).x.to(device), raw.tail(p["test_share"]).x.to(device))
    states = [(job.config.needs[0], 0), *((cell, -1) for cell in job.config.needs)]
    progress = Progress(f"infoshape attacker, seeds {seeds}", 2 * len(states))
    outcomes = {seed: Outcome({}) for seed in seeds}
    for cell, epoch in states:
        z = codes_of(job, seeds, cell, epoch, whole.x)
        for side, codes in (("", z), ("_with_label", torch.cat([z, whole.labels], -1))):
            name = named(cell, epoch) + side
            coded = Sample(codes, whole.labels)
            roles = [
                [generator("infoshape", "attacker", s, name, role, device=place) for s in seeds]
                for role, place in (("init", "cpu"), ("order", device))
            ]
            train, test = coded.head(1 - p["test_share"]).to(device), coded.tail(p["test_share"]).to(device)
            for kind, shares in attack(train, test, x, p, (roles[0], roles[1])).items():
                for k, seed in enumerate(seeds):
                    outcomes[seed].metrics[f"explained_{name}_{kind}"] = float(shares[k])
            progress.advance(1)
    progress.close()
    return outcomes, origin(job), "fp32"


def work(experiment: str, p: dict[str, Any]) -> Work:  # noqa: ARG001
    """Return the optimiser steps and operations of one seed, for the plan."""
    rows = round(2 * p["n_per_class"] * (1 - p["test_share"]))
    fits = 6 * p["epochs"]  # three states, with and without the label
    widths = [4, *p["hidden"], 20]
    return Work(fits * probe_batches(p), fits * rows * 6 * sum(i * o for i, o in pairwise(widths)))


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
