"""Ours, as section 5.1 asks: InfoShape with I_alpha or SMILE in ReMINE's place, everything else alike.

Each encoder epoch fits fresh critics (Table 3.6) on detached codes, averages the estimate over further batches with
the critics frozen, and makes one Adam step of eq. (4.1). All K^2 pairs of a batch are scored, which I_alpha needs.
``python -m replications.infoshape.alternatives results/quick/infoshape/alternatives/smile/config.json``
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from common.estimators.interpolated import Interpolated
from common.estimators.neural import Climb, NeuralEstimator
from common.estimators.optimiser import FlatAdam
from common.estimators.pairs import take_rows
from common.estimators.remine import ReMINE
from common.estimators.smile import SMILE
from common.evaluation.probes import ProbeSettings
from common.models.critics import JointCritic
from common.results import Origin
from common.training.checkpoint import Checkpoint
from common.training.machine import prepare
from common.training.progress import Progress
from common.training.seeding import generator
from common.workflow.cost import Work
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.infoshape import method
from replications.infoshape.encoder import TrainedEncoder
from replications.infoshape.probing import probe
from replications.infoshape.protocol import probe_batches
from replications.infoshape.sample import Sample, draw, origin
from replications.infoshape.settings import check

ROOT = Path(__file__).resolve().parents[2]
Generators = Sequence[torch.Generator]


def estimator(p: dict[str, Any]) -> NeuralEstimator:
    """Return the estimator that the parameters name."""
    made = {
        "remine": ReMINE,
        "smile": SMILE,
        "interpolated": partial(Interpolated, alpha=p["alpha"], hidden=(100, 100)),
    }
    return made[p["estimator"]]()


@dataclass(frozen=True)
class Matrix:
    """A critic, what goes with it, and what it climbs, for I(x; y) over all pairs of a batch."""

    parts: nn.ModuleDict
    climb: Climb
    batch: int

    def value(self, x: Tensor, y: Tensor, rows: Tensor) -> Tensor:
        """Return the estimate per member of the rows (members, batch)."""
        x_rows = take_rows(x, rows)
        return self.climb.value(self.parts["critic"].matrix(x_rows, take_rows(y, rows)), x_rows)


def batch_rows(n: int, batch: int, random: Generators) -> Tensor:
    """Return random row indices (members, batch) without repetition."""
    return torch.stack([torch.randperm(n, generator=g, device=g.device)[:batch] for g in random])


def fit(
    kind: NeuralEstimator, x: Tensor, y: Tensor, steps: int, p: dict[str, Any], init: Generators, random: Generators
) -> Matrix:
    """Train a fresh critic for I(x; y), ``x (members, n, d_x)`` and ``y (members, n, d_y)``."""
    parts = nn.ModuleDict(kind.extra_modules(x.shape[-1], init))
    parts["critic"] = JointCritic(x.shape[-1], y.shape[-1], [100, 100], init)
    parts.to(x.device)
    climb = kind.with_parts(parts)
    adam = FlatAdam(parts, p["critic_lr"])
    for _ in range(steps):
        rows = batch_rows(x.shape[1], p["batch"], random)
        x_rows = take_rows(x, rows)
        adam.zero_grad()
        scores = parts["critic"].matrix(x_rows, take_rows(y, rows))
        (-climb.objective(scores, x_rows).sum()).backward()
        adam.step()
    return Matrix(parts, climb, p["batch"])


class Shaping:
    """Ten InfoShape epochs of a stack of seeds with one estimator, and what each epoch's estimates were."""

    def __init__(self, job: Job, seeds: list[int]) -> None:
        self.p, self.seeds, self.variant = job.config.params, seeds, job.config.cell.variant
        self.device = prepare(job.config.device, "fp32").device
        self.whole = draw(seeds, self.p["n_per_class"], "data").to(self.device)
        self.encoder = TrainedEncoder(seeds, self.p["encoder_lr"], self.device)
        self.net, self.adam = self.encoder.net, self.encoder.adam
        self.metrics: list[dict[str, float]] = [{} for _ in seeds]
        self.epoch = 0
        in_epoch = self.p["privacy_steps"] + self.p["utility_steps"]
        self.progress = Progress(
            f"infoshape alternatives/{self.variant}, seeds {seeds}", in_epoch * self.p["encoder_epochs"]
        )
        self.checkpoint = Checkpoint(job.checkpoint_path(seeds), job.config.checkpoint_seconds)
        if saved := self.checkpoint.resume():
            self.encoder.load_tensors(saved[0])
            self.metrics, self.epoch = saved[1]["metrics"], saved[1]["epoch"]
            self.progress.resume_at(in_epoch * self.epoch)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return what an interrupted run takes up: all draws are named by their epoch, so no generator is kept."""
        return self.encoder.tensors(), {"metrics": self.metrics, "epoch": self.epoch}

    def run(self) -> None:
        """Train for the epochs that are left and judge the codes before and after."""
        if self.epoch == 0:
            self.judge("untrained")
        while self.epoch < self.p["encoder_epochs"]:
            self.one_epoch(self.epoch)
            self.epoch += 1
            self.checkpoint.offer(self.state)
        self.judge("trained")
        self.progress.close()

    def draws(self, *role: str | int, device: torch.device | str = "cpu") -> list[torch.Generator]:
        """Return one generator per seed for a role within this cell."""
        return [generator("infoshape", "alternatives", self.variant, s, *role, device=device) for s in self.seeds]

    def critic(self, name: str, epoch: int, x: Tensor, y: Tensor) -> Matrix:
        """Fit one quantity's critic of an epoch."""
        steps = self.p[f"{name}_steps"]
        roles = (self.draws(name, epoch, "init"), self.draws(name, epoch, "order", device=self.device))
        found = fit(estimator(self.p), x, y, steps, self.p, *roles)
        self.progress.advance(steps)
        return found

    def one_epoch(self, epoch: int) -> None:
        """Fit both critics on the present codes, note their estimates, step the encoder once."""
        x, labels, p = self.whole.x, self.whole.labels, self.p
        with torch.no_grad():
            z = self.net(x)
        privacy, utility = self.critic("privacy", epoch, x, z), self.critic("utility", epoch, z, labels)
        code = self.net(x)
        leaf = code.detach().requires_grad_()
        random = self.draws("final", epoch, device=self.device)
        seen: dict[str, list[Tensor]] = {"leakage": [], "utility": []}
        for _ in range(p["final_batches"]):
            rows = batch_rows(x.shape[1], p["batch"], random)
            leaked, gained = privacy.value(x, leaf, rows), utility.value(leaf, labels, rows)
            loss = method.lagrangian(leaked, gained, p["h_x"], math.log(2), p["lambda_leakage"], p["lambda_utility"])
            (loss.sum() / p["final_batches"]).backward(inputs=[leaf])
            seen["leakage"].append(leaked.detach())
            seen["utility"].append(gained.detach())
        self.adam.zero_grad(set_to_none=True)
        code.backward(leaf.grad)
        self.adam.step()
        for name, values in seen.items():
            stacked = torch.stack(values)
            for k, own in enumerate(self.metrics):
                own[f"{name}_{epoch}"] = float(stacked[:, k].mean())
                own[f"{name}_sd_{epoch}"] = float(stacked[:, k].std())

    def judge(self, when: str) -> None:
        """Judge the codes by a fresh classifier, whichever estimator trained them."""
        p = self.p
        with torch.no_grad():
            coded = Sample(self.net(self.whole.x), self.whole.labels)
        settings = ProbeSettings((100,), p["probe_batch"], p["probe_epochs"], p["probe_lr"])
        roles = (self.draws("probe", when, "init"), self.draws("probe", when, "order", device=self.device))
        for own, verdict in zip(self.metrics, probe(coded, 0.2, settings, *roles), strict=True):
            own[f"auc_{when}"] = verdict.auc
            own[f"ce_bound_{when}"] = math.log(2) - verdict.cross_entropy


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Shape the encoder of each seed; a seed whose estimate stops being finite is recorded as diverged."""
    check(job.config.cell.experiment, job.config.params)
    shaping = Shaping(job, seeds)
    shaping.run()
    outcomes = {}
    for seed, metrics in zip(seeds, shaping.metrics, strict=True):
        bad = sorted(name for name, value in metrics.items() if not math.isfinite(value))
        good = {name: value for name, value in metrics.items() if name not in bad}
        status = ("diverged", f"not finite: {', '.join(bad[:3])}") if bad else ("ok", "")
        outcomes[seed] = Outcome(good, {}, *status)
    return outcomes, origin(job), "fp32"


def work(experiment: str, p: dict[str, Any]) -> Work:  # noqa: ARG001
    """Return the optimiser steps and operations of one seed, for the plan."""
    pairs = p["batch"] ** 2
    steps = p["encoder_epochs"] * (p["privacy_steps"] + p["utility_steps"])
    probes = 2 * p["probe_epochs"]
    flop = steps * pairs * 6 * (100 * 100 + 300) + probes * round(1.6 * p["n_per_class"]) * 6 * 400
    return Work(steps + probes * probe_batches(p, "probe_batch"), flop)


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
