"""Figure 3-4, regenerated: estimators on 20-d Gaussian pairs whose information rises 2, 4, 6, 8, 10 nats.

The thesis copies the figure from Choi & Lee (arXiv:2011.07932, Figure 6); steps, batch and stairs are those of Poole
et al. (arXiv:1905.06922) and Song & Ermon (arXiv:1910.06222). Every batch is fresh and valued before it is trained on.
``python -m replications.infoshape.staircase results/quick/infoshape/staircase/thesis/config.json``
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.data.gaussians import correlated_pairs
from common.estimators.donsker_varadhan import DonskerVaradhan
from common.estimators.infonce import InfoNCE
from common.estimators.interpolated import Interpolated
from common.estimators.mine import MINE
from common.estimators.neural import NeuralEstimator
from common.estimators.nwj import NWJ
from common.estimators.remine import ReMINE
from common.estimators.smile import SMILE
from common.results import Origin
from common.training.checkpoint import Checkpoint
from common.training.machine import prepare
from common.training.progress import Progress
from common.training.seeding import derive, generator
from common.workflow.cost import Work
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.infoshape.settings import check

ROOT = Path(__file__).resolve().parents[2]
ESTIMATORS: dict[str, type[NeuralEstimator]] = {
    "dv": DonskerVaradhan,
    "mine": MINE,
    "nwj": NWJ,
    "infonce": InfoNCE,
    "smile": SMILE,
    "remine": ReMINE,
    "interpolated": Interpolated,
}


def stairs(p: dict[str, Any], seed: int, progress: Progress | None = None) -> Callable[[int], tuple[Tensor, Tensor]]:
    """Return the sampler: step to a fresh batch (x, y), the same for every estimator of a seed."""
    random = generator("infoshape", "staircase", seed, "data")

    def draw(step: int) -> tuple[Tensor, Tensor]:
        if progress:
            progress.advance(1)
        return correlated_pairs(p["batch"], p["dim"], p["information"][step // p["steps"]], random)

    return draw


def summarise(name: str, values: NDArray[np.float64], p: dict[str, Any]) -> Outcome:
    """Return the mean, sd and rmse of each stair's last ``judged`` values, and the curve thinned and in blocks."""
    metrics = {}
    for truth, stair in zip(p["information"], values.reshape(len(p["information"]), p["steps"]), strict=True):
        late = stair[-p["judged"] :]
        if np.isfinite(late).all():
            found = {"mean": late.mean(), "sd": late.std(), "rmse": np.sqrt(((late - truth) ** 2).mean())}
            metrics |= {f"{name}_{kind}_{truth:g}": float(value) for kind, value in found.items()}
    blocks = values.reshape(-1, p["shown_every"])
    with np.errstate(invalid="ignore"):
        curves = {"values": blocks[:, -1], "means": blocks.mean(1)}  # a raw value of one batch, and the block's mean
    series = {f"{name}_{kind}": [float(f"{v:.4g}") for v in curve] for kind, curve in curves.items()}
    finite = np.isfinite(values)
    where = "" if finite.all() else f"{name}: not finite from step {int(finite.argmin())} on"
    return Outcome(metrics, series, "diverged" if where else "ok", where)


def climb(name: str, p: dict[str, Any], seed: int, progress: Progress | None = None) -> NDArray[np.float64]:
    """Return the value of every batch on one estimator's way up."""
    settings = {"critic": p["critic"], "hidden": tuple(p["hidden"]), "rank": p["rank"], "lr": p["lr"]}
    if name == "interpolated":
        settings["alpha"] = p["alpha"]
    estimator = ESTIMATORS[name](seed=derive("infoshape", "staircase", name, seed), **settings)
    return estimator.stream(stairs(p, seed, progress), p["steps"] * len(p["information"]))


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Send every estimator up the stairs, each seed in turn; what is finished outlasts an interruption."""
    p = job.config.params
    check(job.config.cell.experiment, p)
    prepare("cpu", "fp32")  # the common core's stream draws on the CPU; a step of 64 rows gains nothing elsewhere
    checkpoint = Checkpoint(job.checkpoint_path(seeds))
    finished: dict[str, Tensor] = (checkpoint.resume() or ({}, {}))[0]
    steps = p["steps"] * len(p["information"])
    progress = Progress(f"infoshape staircase, seeds {seeds}", steps * len(seeds) * len(p["estimators"]))
    progress.resume_at(steps * len(finished))
    outcomes = {}
    for seed in seeds:
        parts = []
        for name in p["estimators"]:
            key = f"{seed}/{name}"
            if key not in finished:
                finished[key] = torch.from_numpy(climb(name, p, seed, progress))
                checkpoint.save(finished, {})
            parts.append(summarise(name, finished[key].numpy(), p))
        outcomes[seed] = merge(parts)
    progress.close()
    recipe = f"correlated_pairs dim={p['dim']} information={p['information']} batch={p['batch']} steps={p['steps']}"
    digest = hashlib.sha256(recipe.encode()).hexdigest()
    return outcomes, Origin(name="correlated-gaussians", kind="generated", sha256=digest), "fp32"


def merge(parts: Sequence[Outcome]) -> Outcome:
    """Return one outcome of several; diverged if any is."""
    metrics = {key: value for part in parts for key, value in part.metrics.items()}
    series = {key: value for part in parts for key, value in part.series.items()}
    messages = "; ".join(part.message for part in parts if part.message)
    return Outcome(metrics, series, "diverged" if messages else "ok", messages)


def work(experiment: str, p: dict[str, Any]) -> Work:  # noqa: ARG001
    """Return the optimiser steps and operations of one seed, for the plan."""
    wide = p["hidden"][-1]
    rows = 2 * p["batch"] * (p["dim"] * wide + (len(p["hidden"]) - 1) * wide**2 + wide * p["rank"])
    steps = len(p["estimators"]) * p["steps"] * len(p["information"])
    return Work(steps, steps * 6 * (rows + p["batch"] ** 2 * p["rank"]), stacked=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
