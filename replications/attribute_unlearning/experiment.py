"""Trains the task network: before unlearning, by representation detachment, or on images with an area removed.

``python -m replications.attribute_unlearning.experiment results/quick/…/cifar10/unlearn/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from common.results import Origin
from common.training.batches import Batch
from common.training.checkpoint import save_tensors
from common.training.history import series_of
from common.training.trainer import Trainer
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.attribute_unlearning import area, networks
from replications.attribute_unlearning.cell import CellAtWork, named
from replications.attribute_unlearning.settings import check_start
from replications.attribute_unlearning.training import guesses, head_losses, steps_of, train

ROOT = Path(__file__).resolve().parents[2]
PHI_OMEGA = ("extractor", "classifier")  # what attackers get; the auxiliary network was for training
SHOWN = 6  # images that a record keeps for Figure 3


class Experiment(CellAtWork):
    """Trains a network of each depth per seed."""

    def __init__(self, job: Job, seeds: list[int]) -> None:
        super().__init__(job, seeds, job.config.params)
        self.start = next(iter(job.config.needs), None)  # the cell whose networks are trained further (D16), or none
        if self.start:
            check_start(job.config.cell.experiment, self.p, self.start, job.needed(self.start, seeds[0]).params)
        self.turns = self.in_turn()
        trainings = len(self.p["depths"]) + (self.p["method"] == "area")
        self.progress = self.expect(trainings * steps_of(self.p, len(self.pictures.rows("train", 0))))

    def one_seed(self, seed: int) -> Outcome:
        """Train a network of each depth, read its accuracy on the task, and leave it for the attackers."""
        device = self.machine.device
        parts = {s: self.pictures.part(self.pictures.rows(s, seed), device) for s in ("train", "test")}
        metrics: dict[str, float] = {}
        series: dict[str, list[float | None]] = {}
        kept: dict[str, Tensor] = {}
        stopped: list[str] = []
        if self.p["method"] == "area":
            nets, found, message = self.attribute(seed, parts)
            if message:  # there are no areas to paint over, and so nothing to train the task on
                save_tensors(self.job.weights_path(seed), kept)
                return Outcome(found, series, "diverged", message)
            kept |= {f"attribute/{name}": value for name, value in nets.state_dict().items()}
            kept["colour"] = area.mean_colour(parts["train"]["x"])
            gone = area.key_area(area.maps(nets, parts["test"]["x"], parts["test"]["z"]), self.p["share"])
            metrics |= found | {"removed": float(gone.double().mean())}
            metrics["map_side"] = float(area.stage(nets, self.p["side"])[1])
            series |= shown(nets, parts["test"], self.p["share"], kept["colour"])
            parts = {s: area.without_area(nets, part, self.p["share"], kept["colour"]) for s, part in parts.items()}
        for depth in self.p["depths"]:
            nets, trainer = self.train(seed, depth, parts["train"])
            status, message = trainer.status()
            series |= {f"{n}_r{depth}": series_of(v) for n, v in trainer.history.epochs.items()}
            kept |= {f"r{depth}/{name}": v for name, v in nets.state_dict().items() if name.startswith(PHI_OMEGA)}
            if status != "ok":
                stopped.append(f"ResNet-{depth}: {message}")
                continue
            right = guesses(nets, parts["test"]["x"], self.machine) == parts["test"]["y"]
            metrics[f"fidelity_r{depth}"] = float(right.double().mean())
            if self.p["method"] == "unlearn":
                found = head_losses(nets, parts["train"], self.p, self.machine)
                metrics |= {f"{name}_r{depth}": value for name, value in found.items()}
        metrics["majority"] = float(torch.bincount(parts["test"]["y"]).max() / len(parts["test"]["y"]))
        metrics |= {f"{s}_images": float(len(part["y"])) for s, part in parts.items()}
        metrics |= self.pictures.sizes
        save_tensors(self.job.weights_path(seed), kept)
        return Outcome(metrics, series, "diverged" if stopped else "ok", "; ".join(stopped))

    def train(self, seed: int, depth: int, data: Batch) -> tuple[nn.ModuleDict, Trainer]:
        """Train one network of the cell's method."""
        nets = networks.model(self.p, depth, seed, self.pictures.classes, self.machine)
        if self.start:
            trained = named(self.weights(seed, self.start), f"r{depth}/", self.machine.device)
            nets.load_state_dict({**nets.state_dict(), **trained})  # the auxiliary network is new
        name, transform = f"seed {seed}, r{depth}", self.pictures.augmented()
        return nets, train(self.turns, name, nets, self.p, data, transform, seed, self.machine, self.progress)

    def attribute(self, seed: int, parts: dict[str, Batch]) -> tuple[nn.ModuleDict, dict[str, float], str]:
        """Train the attribute's classifier that names the areas; return it, its accuracy and why it stopped."""
        nets = area.attribute_net(self.p, seed, self.pictures.classes[1], self.machine)
        data = {**parts["train"], "y": parts["train"]["z"]}
        name, transform = f"seed {seed}, attribute", self.pictures.augmented()
        trainer = train(self.turns, name, nets, self.p, data, transform, seed, self.machine, self.progress)
        right = guesses(nets, parts["test"]["x"], self.machine) == parts["test"]["z"]
        message = trainer.status()[1]
        return nets, {"attribute_accuracy": float(right.double().mean())}, f"attribute: {message}" if message else ""


def shown(nets: nn.ModuleDict, data: Batch, share: float, colour: Tensor) -> dict[str, list[float | None]]:
    """Return the first test images, their maps and what is left of them, for Figure 3."""
    some = {name: values[:SHOWN] for name, values in data.items()}
    cams, left = area.maps(nets, some["x"], some["z"]), area.without_area(nets, some, share, colour)["x"]
    found: dict[str, list[float | None]] = {}
    for k in range(len(cams)):
        found[f"image_{k}"] = some["x"][k].flatten().tolist()
        found[f"cam_{k}"] = [round(v, 3) for v in cams[k].flatten().tolist()]
        found[f"removed_{k}"] = left[k].flatten().tolist()
    return found


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Run every seed of the cell."""
    return Experiment(job, seeds).run()


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
