"""Fresh attackers on frozen bottlenecks: what can be read from z, whatever the co-trained H says (both data sets).

``python -m replications.irene.evaluate results/quick/irene/biased_mnist_attack/irene/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from common.evaluation.attackers import MLPSettings, attack
from common.results import Origin
from common.training.arrange import prepare_for_convolutions
from common.training.batches import Batch, Transform
from common.training.checkpoint import load_tensors
from common.training.machine import Machine, prepare
from common.training.progress import Progress
from common.training.seeding import generator
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.irene import digits, faces, networks
from replications.irene.settings import check
from replications.irene.training import Features, features

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("linear", "mlp")


@dataclass(frozen=True)
class Model:
    """One frozen model: its name in the weights, and the rows an attacker learns from, by name, and is judged on."""

    name: str
    known: dict[str, Batch]
    test: Batch
    transform: Transform


class Attacks:
    """One cell at work: every model of every seed."""

    def __init__(self, job: Job, seeds: list[int]) -> None:
        self.job, self.seeds = job, seeds
        (self.trained,) = job.config.needs
        # the rows, sizes and colours are those of the training, as its record says
        self.p = job.needed(self.trained, seeds[0]).params
        is_faces = "targets" in self.p
        chosen = prepare_for_convolutions if is_faces else prepare  # as they were trained
        self.machine: Machine = chosen(job.config.device, job.config.precision)
        self.data = faces.read_faces(job, self.p) if is_faces else digits.read_digits(job, self.p)
        self.classes = faces.CLASSES if is_faces else digits.CLASSES
        own = job.config.params
        self.settings = MLPSettings(patience=own["patience"], most_epochs=own["most_epochs"])
        cell = job.config.cell
        names = self.p["targets" if is_faces else "rhos"]
        self.progress = Progress(f"irene {cell.experiment}/{cell.variant}, seeds {seeds}", len(seeds) * len(names))

    @property
    def origin(self) -> Origin:
        """Origin of the data."""
        return self.data.origin

    def models(self, seed: int) -> Iterator[Model]:
        """Yield the models of a seed with the rows to attack them with."""
        device, data = self.machine.device, self.data
        if isinstance(data, faces.Faces):
            for target in self.p["targets"]:
                known, test = (data.part(split, target, seed, device) for split in ("train", "test"))
                yield Model(target, {"": known}, test, faces.PLAIN)
            return
        test = data.test(seed, device)
        for rho in self.p["rhos"]:
            # "free": the attacker colours his digits himself, so that the digit tells him nothing of the colour
            known = {"": data.train(seed, rho, device), "free_": data.recoloured(seed, device)}
            yield Model(str(rho), known, test, digits.colour)

    def one_seed(self, seed: int) -> Outcome:
        """Attack each model of a seed."""
        weights, _ = load_tensors(self.job.weights_path(seed, self.trained))
        # only encoder and heads are read: the method decides what else was saved, not what is attacked
        settings = {**self.job.needed(self.trained, seed).params, "method": "vanilla"}
        metrics: dict[str, float] = {}
        for model in self.models(seed):
            nets = networks.model(settings, seed, self.classes, self.machine)
            wanted = nets.state_dict()
            nets.load_state_dict({name: weights[f"{model.name}/{name}"].to(self.machine.device) for name in wanted})
            test = features(nets, model.test, model.transform, self.machine)
            for way, rows in model.known.items():
                known = features(nets, rows, model.transform, self.machine)
                metrics |= self.read(known, test, seed, model.name, way)
            self.progress.advance(1)
        return Outcome(metrics)

    def read(self, known: Features, test: Features, seed: int, name: str, way: str) -> dict[str, float]:
        """Return what each attacker reads from z, and a linear one from G's output."""
        found: dict[str, float] = {}
        inputs: dict[str, tuple[str, Tensor, Tensor]] = {kind: (kind, known.z, test.z) for kind in KINDS}
        inputs["output"] = ("linear", known.target, test.target)
        for label, (kind, seen, unseen) in inputs.items():
            random = generator("irene", "attack", name, way, label, seed)
            reading = attack(seen, known.v, unseen, test.v, kind=kind, generator=random, settings=self.settings)
            found |= {f"{k}_{name}": v for k, v in reading.metrics(f"{way}{label}").items()}
        return found


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Run every seed of the cell; ConfigError where a setting is none."""
    check(job.config.cell.experiment, job.config.params)
    work = Attacks(job, seeds)
    outcomes = {seed: work.one_seed(seed) for seed in seeds}
    work.progress.close()
    return outcomes, work.origin, work.machine.dtype


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
