"""Runs CelebA: one method on the three targets (Table 1).

``python -m replications.irene.celeba results/quick/irene/celeba/baseline/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from common.results import Origin
from common.training.arrange import prepare_for_convolutions
from common.training.batches import Batch
from common.training.checkpoint import Checkpoint, save_tensors
from common.training.history import series_of
from common.training.in_turn import InTurn
from common.training.progress import Progress
from common.training.schedules import Plateau
from common.training.trainer import AfterEpoch, Trainer
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.irene import faces
from replications.irene.settings import check
from replications.irene.training import Setting, features, train

ROOT = Path(__file__).resolve().parents[2]


class Experiment:
    """One cell at work: every seed and target in turn, under one checkpoint."""

    def __init__(self, job: Job, seeds: list[int]) -> None:
        self.job, self.p, self.seeds = job, job.config.params, seeds
        self.machine = prepare_for_convolutions(job.config.device, job.config.precision)  # nearly all of it is 3x3
        self.faces = faces.read_faces(job, self.p)
        self.turns = InTurn(Checkpoint(job.checkpoint_path(seeds), job.config.checkpoint_seconds))
        cell = job.config.cell
        epochs = self.p["epochs"] + (self.p["biased_epochs"] if self.p["method"] == "learnedmixin" else 0)
        per_epoch = len(self.faces.rows("train", self.p["targets"][0], 0)) // self.p["batch"]
        total = max(1, len(seeds) * len(self.p["targets"]) * epochs * per_epoch)
        self.progress = Progress(f"irene {cell.experiment}/{cell.variant}, seeds {seeds}", total)

    def schedule(self) -> Plateau:
        """Return the plateau rule: a tenth of the rate after so many epochs without a lower validation loss."""
        p = self.p
        return Plateau("validation", p["patience"], cooldown=p["cooldown"], stop_below=p["stop_below"])

    def one_target(self, seed: int, target: str) -> tuple[dict[str, float], dict[str, list], dict[str, Tensor], str]:
        """Train one model; return its metrics, curves and networks, and why it stopped if it diverged."""
        device = self.machine.device
        parts: dict[str, Batch] = {s: self.faces.part(s, target, seed, device) for s in faces.SPLITS}

        def validate(nets: nn.ModuleDict) -> AfterEpoch:
            def after_epoch(_: Trainer) -> dict[str, float]:
                return {"validation": features(nets, parts["valid"], faces.PLAIN, self.machine).task_loss()}

            return after_epoch

        setting = Setting(
            name=f"seed {seed}, {target}",
            seed=seed,
            train=parts["train"],
            transform=faces.AUGMENTED,
            classes=faces.CLASSES,
            schedule=self.schedule,
            after_epoch=validate,
        )
        found = train(self.turns, setting, self.p, self.machine, self.progress)
        status, message = found.trainer.status()
        curves = {f"{n}_{target}": series_of(v) for n, v in found.trainer.history.epochs.items()}
        kept = {f"{target}/{name}": value for name, value in found.nets.state_dict().items()}
        if status != "ok":
            return {}, curves, kept, f"{target}: {message}"
        read = features(found.nets, parts["test"], faces.PLAIN, self.machine)
        g, h = read.accuracy("target"), read.accuracy("private")
        male, has = (float(labels.double().mean()) for labels in (read.v, read.y))
        metrics = {
            f"g_{target}": g["accuracy"],
            f"h_{target}": h["accuracy"],
            f"g_balanced_{target}": g["balanced"],
            f"h_balanced_{target}": h["balanced"],
            f"prior_{target}": 100 * max(male, 1 - male),
            f"majority_{target}": 100 * max(has, 1 - has),
            f"floor_{target}": faces.guess_from_target([parts["train"]], parts["test"]),
            f"floor_balanced_{target}": faces.guess_from_target([parts["train"]], parts["test"], balanced=True),
            f"epochs_{target}": float(found.trainer.epoch),
            f"images_{target}": float(len(parts["train"]["y"])),
        }
        return metrics, curves, kept, ""

    def one_seed(self, seed: int) -> Outcome:
        """Train a seed on every target, and leave the networks for the attackers."""
        sizes = {split: float(len(self.faces.found.splits[split])) for split in faces.SPLITS}
        metrics = {"total": sum(sizes.values()), **sizes}
        series: dict[str, list] = {}
        kept: dict[str, Tensor] = {}
        stopped = []
        for target in self.p["targets"]:
            found, curves, nets, message = self.one_target(seed, target)
            metrics |= found
            series |= curves
            kept |= nets
            stopped += [message] if message else []
        save_tensors(self.job.weights_path(seed), kept)
        return Outcome(metrics, series, "diverged" if stopped else "ok", "; ".join(stopped))


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Run every seed of the cell; ConfigError where a setting is none."""
    check(job.config.cell.experiment, job.config.params)
    work = Experiment(job, seeds)
    outcomes = {seed: work.one_seed(seed) for seed in seeds}
    work.progress.close()
    return outcomes, work.faces.origin, work.machine.dtype


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
