"""Runs BiasedMNIST: one method at every rho (Figure 4).

``python -m replications.irene.experiment results/quick/irene/biased_mnist/irene/config.json``
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from common.results import Origin
from common.training.checkpoint import Checkpoint, save_tensors
from common.training.history import series_of
from common.training.in_turn import InTurn
from common.training.machine import prepare
from common.training.progress import Progress
from common.training.schedules import MultiStep
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.irene.digits import CLASSES, Digits, colour, read_digits
from replications.irene.settings import check
from replications.irene.training import Setting, Trained, features, train

ROOT = Path(__file__).resolve().parents[2]


class Experiment:
    """One cell at work: every seed and rho in turn, under one checkpoint."""

    def __init__(self, job: Job, seeds: list[int]) -> None:
        self.job, self.p, self.seeds = job, job.config.params, seeds
        self.machine = prepare(job.config.device, job.config.precision)
        self.digits: Digits = read_digits(job, self.p)
        self.turns = InTurn(Checkpoint(job.checkpoint_path(seeds), job.config.checkpoint_seconds))
        cell = job.config.cell
        per_epoch = len(self.digits.rows("train", 0)) // self.p["batch"]
        epochs = self.p["epochs"] + (self.p["biased_epochs"] if self.p["method"] == "learnedmixin" else 0)
        total = len(seeds) * len(self.p["rhos"]) * epochs * per_epoch
        self.progress = Progress(f"irene {cell.experiment}/{cell.variant}, seeds {seeds}", total)

    def train(self, seed: int, rho: float) -> Trained:
        """Train one model."""
        setting = Setting(
            name=f"seed {seed}, rho {rho}",
            seed=seed,
            train=self.digits.train(seed, rho, self.machine.device),
            transform=colour,
            classes=CLASSES,
            schedule=lambda: MultiStep(self.p["milestones"]),
        )
        return train(self.turns, setting, self.p, self.machine, self.progress)

    def one_seed(self, seed: int) -> Outcome:
        """Train a seed at every rho, read both heads as the paper does, and leave the networks for the attackers."""
        test = self.digits.test(seed, self.machine.device)
        shares = Counter(test["v"].tolist())
        metrics = {"chance": 100 * max(shares.values()) / len(test["v"])}
        series: dict[str, list[float | None]] = {}
        kept: dict[str, Tensor] = {}
        stopped = []
        for rho in self.p["rhos"]:
            found = self.train(seed, rho)
            status, message = found.trainer.status()
            series |= {f"{n}_{rho}": series_of(v) for n, v in found.trainer.history.epochs.items()}
            kept |= {f"{rho}/{name}": value for name, value in found.nets.state_dict().items()}
            if status != "ok":
                stopped.append(f"rho {rho}: {message}")
                continue
            read = features(found.nets, test, colour, self.machine)
            metrics |= {f"g_{rho}": read.accuracy("target")["accuracy"]}
            metrics |= {f"h_{rho}": read.accuracy("private")["accuracy"]}
        if gaps := [abs(value - 10) for name, value in metrics.items() if name.startswith("h_")]:
            metrics["h_gap"] = max(gaps)  # how far H is from chance, at its worst rho
        save_tensors(self.job.weights_path(seed), kept)
        return Outcome(metrics, series, "diverged" if stopped else "ok", "; ".join(stopped))


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Run every seed of the cell; ConfigError where a setting is none."""
    check(job.config.cell.experiment, job.config.params)
    work = Experiment(job, seeds)
    outcomes = {seed: work.one_seed(seed) for seed in seeds}
    work.progress.close()
    return outcomes, work.digits.origin, work.machine.dtype


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
