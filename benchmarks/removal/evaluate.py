"""One battery and one utility probe for every method: released codes in, records out; a new attacker retrains nothing.

``python -m benchmarks.removal.evaluate results/quick/removal/adult_attack/irene/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from benchmarks.removal.settings import check
from common.evaluation.attackers import MLPSettings
from common.evaluation.battery import BatterySettings, Findings, assail
from common.evaluation.kinds import KINDS
from common.results import Origin
from common.training.checkpoint import load_tensors
from common.training.progress import Progress
from common.training.seeding import generator
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job

ROOT = Path(__file__).resolve().parents[2]
PROBES = tuple(kind for kind in KINDS if kind.startswith(("linear", "mlp")))  # of the utility: the best on known rows
LABELS = {"s": "private", "y": "utility"}


class Evaluation:
    """One cell at work: every strength of every seed."""

    def __init__(self, job: Job, seeds: list[int]) -> None:
        check(job)
        self.job, self.p = job, job.config.params
        (self.cell,) = job.config.needs
        self.strengths = [f"{s:g}" for s in job.needed(self.cell, seeds[0]).params["strengths"]]
        p = self.p
        mlp = MLPSettings(patience=p["patience"], most_epochs=p["most_epochs"])
        self.settings = BatterySettings(folds=p["folds"], mlp=mlp, rounds=p["rounds"])
        cell = job.config.cell
        label = f"removal {cell.experiment}/{cell.variant}, seeds {seeds}"
        self.progress = Progress(label, len(seeds) * len(self.strengths))

    def one_seed(self, seed: int) -> tuple[Outcome, Origin]:
        """Attack and probe what a seed released; a strength that released nothing has no reading."""
        trained = self.job.needed(self.cell, seed)
        tensors, _ = load_tensors(self.job.weights_path(seed, self.cell))
        metrics: dict[str, float] = {}
        for strength in self.strengths:
            if f"{strength}/known" in tensors:
                attacked = self.read(tensors, strength, "s", seed, KINDS)
                probed = self.read(tensors, strength, "y", seed, PROBES)
                metrics |= {f"{name}_{strength}": value for name, value in attacked.metrics().items()}
                best = {"utility": probed.readings[probed.worst]}
                for name, reading in {**{f"utility_{k}": v for k, v in probed.readings.items()}, **best}.items():
                    metrics |= {f"{key}_{strength}": value for key, value in reading.metrics(name).items()}
                metrics[f"utility_majority_{strength}"] = 100 * probed.majority
            self.progress.advance(1)
        return Outcome(metrics, {}, trained.status, trained.message), trained.dataset

    def read(self, tensors: dict[str, Tensor], strength: str, which: str, seed: int, kinds: Sequence[str]) -> Findings:
        """Return what fresh attackers read of one label; their random start is the same for every method."""
        return assail(
            tensors[f"{strength}/known"],
            tensors[f"{which}_known"],
            tensors[f"{strength}/test"],
            tensors[f"{which}_test"],
            generator=generator("removal", LABELS[which], seed),
            kinds=kinds,
            settings=self.settings,
        )


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Run every seed of the cell."""
    work = Evaluation(job, seeds)
    found = {seed: work.one_seed(seed) for seed in seeds}
    work.progress.close()
    return {seed: outcome for seed, (outcome, _) in found.items()}, found[seeds[0]][1], "fp32"


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "", judges_diverged=True)


if __name__ == "__main__":
    sys.exit(main())
