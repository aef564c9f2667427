"""Attacks frozen networks: the paper's ResNet-18 on h, and fresh attackers on the middle and the pooled feature.

``python -m replications.attribute_unlearning.evaluate results/quick/…/cifar10_attack/unlearn/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from common.evaluation.attackers import MLPSettings, attack
from common.results import Origin, Record
from common.training.batches import Batch
from common.training.history import series_of
from common.training.seeding import generator
from common.workflow.job import Job, Outcome, Run
from common.workflow.job import main as run_job
from replications.attribute_unlearning import area, attacker, method, networks
from replications.attribute_unlearning.cell import CellAtWork, named
from replications.attribute_unlearning.settings import check
from replications.attribute_unlearning.training import READ_BATCH, read

ROOT = Path(__file__).resolve().parents[2]
MIDDLE = 2  # h is averaged to 2x2 places for the attackers that are no convolutional networks
HEAD = ("head_loss", "head_blind")  # of the co-trained head, where the training had one


class Attacks(CellAtWork):
    """Attacks the network of each depth per seed."""

    def __init__(self, job: Job, seeds: list[int]) -> None:
        self.own = job.config.params
        (self.trained,) = job.config.needs
        super().__init__(job, seeds, job.needed(self.trained, seeds[0]).params)
        self.turns = self.in_turn()
        rows = len(self.drawn("train", 0))
        self.progress = self.expect(len(self.p["depths"]) * attacker.steps_of(self.own, rows))

    def drawn(self, split: str, seed: int) -> NDArray[np.int64]:
        """Return the rows that attackers learn from, or are judged on: of equal classes, or as the set has them."""
        draw = self.pictures.natural if self.own["sets"] == "natural" else self.pictures.balanced
        return draw(split, seed, self.own[f"{split}_images"])

    def parts(self, seed: int, weights: dict[str, Tensor]) -> dict[str, Batch]:
        """Return what an attacker learns from and is judged on, and the natural test set.

        With an area removed, it is so for the attacker, too.
        """
        rows = {split: self.drawn(split, seed) for split in ("train", "test")}
        rows["natural"] = self.pictures.rows("test", seed)
        parts = {name: self.pictures.part(found, self.machine.device) for name, found in rows.items()}
        if self.p["method"] != "area":
            return parts
        nets = area.attribute_net(self.p, seed, self.pictures.classes[1], self.machine)
        nets.load_state_dict(named(weights, "attribute/", self.machine.device))
        return {name: area.without_area(nets, part, self.p["share"], weights["colour"]) for name, part in parts.items()}

    def one_seed(self, seed: int) -> Outcome:
        """Attack each network of a seed that did not diverge; a record that lacks one says so."""
        trained = self.job.needed(self.trained, seed)
        weights = self.weights(seed, self.trained)
        parts = self.parts(seed, weights)
        metrics: dict[str, float] = {}
        series: dict[str, list[float | None]] = {}
        stopped = [] if trained.status == "ok" else [f"{self.trained}: {trained.message}"]
        for depth in finished(trained):
            nets = self.network(weights, depth, seed)
            fidelity = trained.metrics[f"fidelity_r{depth}"]
            found, curve, message = self.resnet(nets, parts, depth, seed, fidelity)
            series[f"attacker_r{depth}"] = curve
            stopped += [message] if message else []
            if depth in self.own["probed"]:
                found |= self.fresh(nets, parts, seed)
            found |= {f"trained_{name}": float(self.p[name]) for name in ("side", "epochs")}
            found["trained_images"] = trained.metrics["train_images"]
            found |= {name: trained.metrics[key] for name in HEAD if (key := f"{name}_r{depth}") in trained.metrics}
            metrics |= {f"{name}_r{depth}": value for name, value in found.items()}
        return Outcome(metrics, series, "diverged" if stopped else "ok", "; ".join(stopped))

    def resnet(
        self, nets: nn.ModuleDict, parts: dict[str, Batch], depth: int, seed: int, fidelity: float
    ) -> tuple[dict[str, float], list[float | None], str]:
        """Return the paper's attack and what it has to be held against, as fractions; its curve; why it stopped.

        ``chance`` is what a guess gets on the rows that efficacy is of: among equal classes, or of the commonest one.
        """
        classes = self.pictures.classes[1]
        name = f"seed {seed}, r{depth}"
        fitted = attacker.fit(
            self.turns, name, nets["extractor"], parts["train"], classes, self.own, seed, self.machine, self.progress
        )
        reads = {k: attacker.accuracies(fitted, nets["extractor"], part, self.machine) for k, part in parts.items()}
        efficacy = reads["test"][0]
        found = {
            "efficacy": efficacy,
            "attacker_train": reads["train"][0],
            "natural": reads["natural"][0],
            "balanced": reads["natural"][1],
            "chance": commonest(parts["test"]["z"]) if self.own["sets"] == "natural" else 1 / classes,
            "majority": commonest(parts["natural"]["z"]),
            "fidelity": fidelity,
            "aum": method.aum(efficacy, fidelity),
            "attack_rows": float(fitted.rows),
            "attack_steps": float(fitted.steps),
            "judged_rows": float(len(parts["test"]["z"])),
        }
        if self.pictures.floor_known:
            found["floor"] = 0.1 + max(0.0, 0.4 - (1 - fidelity)) / 4
        status, message = fitted.trainer.status()
        return found, series_of(fitted.trainer.history["attacker"]), message if status != "ok" else ""

    def fresh(self, nets: nn.ModuleDict, parts: dict[str, Batch], seed: int) -> dict[str, float]:
        """Return what linear and MLP attackers read at the middle and at the pooled feature.

        Fitted on the attacker's first ``probe_images`` rows, judged on all of its test rows.
        """
        most = self.own["probe_images"]
        some = {"train": {k: v[:most] for k, v in parts["train"].items()}, "test": parts["test"]}
        settings = MLPSettings(patience=self.own["patience"], most_epochs=self.own["most_epochs"])
        found: dict[str, float] = {}
        train, test = (self.features(nets, part["x"]) for part in some.values())
        for place in ("middle", "pooled"):
            seen, unseen = train[place], test[place]
            for kind in ("linear", "mlp"):
                random = generator("attribute_unlearning", "fresh", place, kind, seed)
                labels = some["train"]["z"], some["test"]["z"]
                reading = attack(seen, labels[0], unseen, labels[1], kind=kind, generator=random, settings=settings)
                found |= {
                    f"{place}_{kind}": reading.accuracy,
                    f"{place}_{kind}_nats": reading.information,
                    f"{place}_{kind}_converged": float(reading.converged),
                }
        return found

    def features(self, nets: nn.ModuleDict, x: Tensor) -> dict[str, Tensor]:
        """Return h averaged to 2x2 places, and the last pooled feature, as rows (n, d) in fp32.

        h itself is kept of one batch alone: of 10,000 images of 64x64 it is 21 GB in fp32 with ResNet-50.
        """
        found: dict[str, list[Tensor]] = {"middle": [], "pooled": []}
        for part in x.split(READ_BATCH):
            h = read(nets["extractor"], part, self.machine)
            found["middle"].append(adaptive_avg_pool2d(h.float(), MIDDLE).flatten(1))
            found["pooled"].append(read(networks.pooled(nets["classifier"]), h, self.machine, images=False).float())
        return {name: torch.cat(parts) for name, parts in found.items()}


def commonest(labels: Tensor) -> float:
    """Return the share of the commonest class."""
    return float(torch.bincount(labels).max() / len(labels))


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Run every seed of the cell."""
    return Attacks(job, seeds).run()


def finished(trained: Record) -> list[int]:
    """Return the depths whose training ended well: a cell of two depths may lose one of them."""
    return [depth for depth in trained.params["depths"] if f"fidelity_r{depth}" in trained.metrics]


def run_what_is_left(attacks: Run, job: Job, seeds: list[int]) -> tuple[Mapping[int, Outcome], Origin, str]:
    """Run the seeds of which a network is left; the others have a record without numbers that says why."""
    check(job.config.cell.experiment, job.config.params)
    (cell,) = job.config.needs
    trained = {seed: job.needed(cell, seed) for seed in seeds}
    gone = {seed: record for seed, record in trained.items() if record.status != "ok" and not finished(record)}
    outcomes = {seed: Outcome({}, {}, record.status, f"{cell}: {record.message}") for seed, record in gone.items()}
    if not gone:
        return attacks(job, seeds)
    left = [seed for seed in seeds if seed not in gone]
    if not left:
        return outcomes, trained[seeds[0]].dataset, trained[seeds[0]].provenance.dtype
    found, origin, dtype = attacks(job, left)
    job.checkpoint_path(left).unlink(missing_ok=True)  # the job itself knows of one for all its seeds only
    return {**outcomes, **found}, origin, dtype


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, partial(run_what_is_left, run), ROOT, __doc__ or "", judges_diverged=True)


if __name__ == "__main__":
    sys.exit(main())
