"""Figure 3-3: what plain MINE does on MNIST with the networks of Tables 3.1, 3.2, 3.4 and 3.5.

``python -m replications.infoshape.failures results/quick/infoshape/failures/dense/config.json``
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from common.data import load
from common.estimators.optimiser import FlatAdam
from common.losses.variational import donsker_varadhan, mine, remine
from common.results import Origin
from common.training.checkpoint import Checkpoint
from common.training.machine import prepare
from common.training.progress import Progress
from common.training.seeding import generator
from common.workflow.cost import Work
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.infoshape.critics import ConvolutionalCritic, DenseCritic, dense_encoder
from replications.infoshape.images import convolutional_encoder
from replications.infoshape.settings import check, check_rows

ROOT = Path(__file__).resolve().parents[2]
EPSILON = 1e-6  # the repository's guard of the moving average


class _PlainExponential(torch.autograd.Function):
    """log mean e^T without the maximum taken out, gradient e^T / (average + eps): the repository's ``EMALoss``."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, average: Tensor) -> Tensor:
        ctx.save_for_backward(scores, average)
        return scores.exp().mean().log()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        scores, average = ctx.saved_tensors
        return grad * scores.exp() / (average + EPSILON) / len(scores), None


class PlainMINE:
    """MINE as the repository computes it: in fp32 a score above 88 overflows and the estimate is lost for good."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.average: Tensor | None = None

    def __call__(self, joint: Tensor, marginal: Tensor) -> Tensor:
        """Return the bound, whose gradient divides by the moving average of E_Q[e^T]."""
        now = marginal.detach().exp().mean()
        self.average = now if self.average is None else self.rate * now + (1 - self.rate) * self.average
        return joint.mean() - _PlainExponential.apply(marginal, self.average)


class StableMINE:
    """The same estimator in log space, which cannot overflow: what is left of the failures is the method's own."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.average: Tensor | None = None

    def __call__(self, joint: Tensor, marginal: Tensor) -> Tensor:
        """Return the bound."""
        value, self.average = mine(joint, marginal, self.average, self.rate)
        return value


CRITICS = {"conv": ConvolutionalCritic, "dense": DenseCritic}
OBJECTIVES = {"mine": PlainMINE, "stable": StableMINE, "remine": lambda _: remine}


def encode(kind: str, images: Tensor, random: torch.Generator) -> Tensor:
    """Return the codes of an untrained encoder, ``(n, 243)`` of Table 3.1 or ``(n, 100)`` of Table 3.2."""
    with torch.no_grad():
        if kind == "conv":
            return convolutional_encoder(random)(images.unflatten(1, (1, 28, 28))).flatten(1)
        return dense_encoder(random)(images)


def train(
    x: Tensor,
    z: Tensor,
    critic: ConvolutionalCritic | DenseCritic,
    p: dict[str, Any],
    random: torch.Generator,
    progress: Progress | None = None,
) -> list[float]:
    """Run Algorithm 1 and return the bound of every iteration; from the first value that is not finite on, NaN."""
    objective = OBJECTIVES[p["objective"]](p["ema_rate"])
    adam = FlatAdam(critic, p["lr"])
    values: list[float] = []
    rows = torch.empty(0, dtype=torch.long)
    while len(values) < p["iterations"]:
        if len(rows) < p["batch"]:
            rows = torch.randperm(len(x), generator=random)
        chosen, rows = rows[: p["batch"]], rows[p["batch"] :]
        partners = torch.randperm(p["batch"], generator=random)
        joint, marginal = critic(x[chosen], z[chosen], partners)
        bound = objective(joint, marginal)
        with torch.no_grad():
            values.append(float(donsker_varadhan(joint, marginal) if p["objective"] == "remine" else bound))
        if progress:
            progress.advance(1)
        if not math.isfinite(values[-1]):
            break  # the weights are NaN after this step: every later value is NaN
        adam.zero_grad()
        (-bound).backward()
        adam.step()
    if progress:
        progress.advance(p["iterations"] - len(values))
    return values + [math.nan] * (p["iterations"] - len(values))


def jumps(curve: Tensor, window: int) -> Tensor:
    """Return how far each estimate lies from the median of the ``window`` iterations around it.

    Of these alone, not of the whole run: a curve that climbs from zero has no spike. A median, since the mean would be
    moved by what is looked for.
    """
    half = min(window // 2, len(curve) - 1)
    mirrored = torch.cat([curve[1 : half + 1].flip(0), curve, curve[len(curve) - half - 1 : -1].flip(0)])
    return (curve - mirrored.unfold(0, 2 * half + 1, 1).median(1).values).abs()


def describe(values: list[float], p: dict[str, Any]) -> Outcome:
    """Return what became of one run: its late mean and sd, its largest jump and where, and from when it was not finite.

    Iterations are counted from 0. The late window is the last fifth (of ``iterations``) of what is finite, the early
    one the second fifth. A run lost before three fifths has no ``early_sd``: the two would overlap, or one be empty.
    """
    curve = torch.tensor(values, dtype=torch.float64)
    finite = int(torch.isfinite(curve).sum())
    alive = curve[:finite]
    fifth = max(2, p["iterations"] // 5)
    late = alive[-fifth:]
    metrics = {"lost": float(finite < len(curve)), "last_finite": float(finite)}
    if len(late) > 1:
        jump = jumps(alive, max(5, p["iterations"] // 50))
        metrics |= {
            "late_mean": float(late.mean()),
            "late_sd": float(late.std()),
            "late_median": float(late.median()),
            "highest": float(alive.max()),
            "lowest": float(alive.min()),
            "late_lowest": float(late.min()),
            "spike": float(jump.max()),
            "spike_at": float(jump.argmax()),
        }
    if finite >= 3 * fifth:
        metrics["early_sd"] = float(alive[fifth : 2 * fifth].std())
    block = max(1, len(values) // p["shown_points"])
    points = [part[-1] for part in curve.split(block)]
    series: dict[str, list[float | None]] = {"values": [float(f"{float(v):.4g}") for v in points]}
    if finite == len(curve):
        return Outcome(metrics, series)
    return Outcome(metrics, series, "diverged", f"iteration {finite}: the estimate is {values[finite]}")


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Estimate I(X;Z) of untrained encoders with plain MINE, one seed after another."""
    p, config = job.config.params, job.config
    check(config.cell.experiment, p)
    prepare("cpu", "fp32")  # the noise of Table 3.5 is drawn where the seeds' generators are
    digits = load(job.config.dataset, **job.sources)
    train_rows = digits.splits["train"]
    check_rows(config.cell.experiment, p, len(train_rows), digits.origin.kind == "stand-in")
    rows = train_rows[: p["rows"]]
    x = torch.from_numpy(digits.images[rows].copy()).float().flatten(1) / 127.5 - 1
    checkpoint = Checkpoint(job.checkpoint_path(seeds))
    finished: dict[str, Tensor] = (checkpoint.resume() or ({}, {}))[0]  # seeds that outlasted an interruption
    progress = Progress(f"infoshape failures/{config.cell.variant}, seeds {seeds}", p["iterations"] * len(seeds))
    progress.resume_at(p["iterations"] * len(finished))
    outcomes = {}
    for seed in seeds:
        if str(seed) not in finished:
            role = ("infoshape", "failures", p["network"], seed)  # the same networks in every variant of a kind
            z = encode(p["network"], x, generator(*role, "encoder"))
            critic = CRITICS[p["network"]](generator(*role, "critic"))
            values = train(x, z, critic, p, generator(*role, "order"), progress)
            finished[str(seed)] = torch.tensor(values, dtype=torch.float64)
            checkpoint.save(finished, {})
        outcomes[seed] = describe(finished[str(seed)].tolist(), p)
    progress.close()
    return outcomes, digits.origin, "fp32"


def work(experiment: str, p: dict[str, Any]) -> Work:  # noqa: ARG001
    """Return the optimiser steps and operations of one seed, for the plan."""
    seen = p["iterations"] * p["batch"] * 6  # a multiply-add is two operations, backward twice forward
    if p["network"] == "conv":  # both sides of Table 3.4 once per row, its head once per pair
        return Work(p["iterations"], seen * 2 * 138_000, large_flop=seen * 1_870_000, stacked=False)
    return Work(p["iterations"], seen * 2 * 715_000, stacked=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
