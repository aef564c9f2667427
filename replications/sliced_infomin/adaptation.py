"""Domain adaptation: content features that carry nothing of the domain, MNIST to MNIST-M and CIFAR-10 to STL-10.

``python -m replications.sliced_infomin.adaptation results/quick/sliced_infomin/domains/mm_slice/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from common.results import Origin
from common.training.augment import crop, flip, images, normalise
from common.training.batches import Batch, Batches
from common.training.checkpoint import Checkpoint
from common.training.in_turn import InTurn
from common.training.machine import Machine, prepare
from common.training.parts import Part
from common.training.progress import Progress
from common.training.routing import Route
from common.training.schedules import MultiStep
from common.training.seeding import generator
from common.training.trainer import Trainer
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.sliced_infomin.conv_nets import classifier, domain_encoder
from replications.sliced_infomin.pictures import Domains, Labelled, load_domains
from replications.sliced_infomin.rivals import make_infomin, penalty_of
from replications.sliced_infomin.settings import check

ROOT = Path(__file__).resolve().parents[2]
DIM = 128  # of z_content and of z_domain


class DomainNet(nn.Module):
    """Two encoders, a classifier of content and one of domain, and the infomin proxy between their features."""

    def __init__(self, classes: int, p: Mapping, draws: torch.Generator) -> None:
        super().__init__()
        self.content, self.domain = (domain_encoder(DIM, draws, p["width"]) for _ in range(2))
        self.content_head, self.domain_head = classifier(DIM, classes, draws), classifier(DIM, 2, draws)
        self.infomin = make_infomin(p["method"], DIM, DIM, [draws], slices=p["slices"], l2=p["l2"], lr=p["inner_lr"])

    def trained(self) -> list[nn.Module]:
        """Return what the outer loss trains: all but the adversary."""
        return [self.content, self.domain, self.content_head, self.domain_head]


class Paired:
    """Batches of the source with batches of the target beside them; the shorter target begins anew when it ends."""

    def __init__(self, source: Batches, target: Batches) -> None:
        self.source, self.target = source, target

    def __len__(self) -> int:
        """Return the batches of the source."""
        return len(self.source)

    def start_epoch(self) -> None:
        """Begin both."""
        self.source.start_epoch()
        self.target.start_epoch()

    def take(self) -> Batch:
        """Return the next batch of both, the target's images as ``x2``."""
        if self.target.position >= len(self.target):
            self.target.start_epoch()
        batch = self.source.take()
        return {"x1": batch["x"], "y1": batch["y"], "x2": self.target.take()["x"]}

    def state_dict(self) -> dict[str, Tensor]:
        """Return where both stand."""
        own = {"source": self.source, "target": self.target}
        return {f"{name}.{k}": v for name, part in own.items() for k, v in part.state_dict().items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on where both stood."""
        for name, part in (("source", self.source), ("target", self.target)):
            own = {k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(f"{name}.")}
            part.load_state_dict(own)


class Adaptation:
    """One seed's training: alpha CE_source + beta CE_domain + gamma I(z_content; z_domain)."""

    def __init__(self, job: Job, seed: int, data: Domains, machine: Machine) -> None:
        self.job, self.seed, self.p, self.machine = job, seed, job.config.params, machine
        device = machine.device
        self.data = Domains(*(_to(d, device) for d in _parts(data)), data.classes)
        self.net = DomainNet(data.classes, self.p, self.draws("init")).to(device)
        self.noise = [self.draws("max-step")]
        changes = [crop(4), flip()] if self.p["augment"] else []
        transform = images("x", *changes, normalise())
        self.plain = images("x", normalise())
        made = [
            Batches(
                {"x": part.x, "y": part.y},
                min(2 * self.p["batch"], len(part.x)),
                self.draws(f"{name}/order"),
                transform=transform,
                noise=self.draws(f"{name}/noise"),
                drop_last=True,
            )
            for name, part in (("source", self.data.source), ("target", self.data.target))
        ]
        self.source = Paired(*made)

    def draws(self, role: str) -> torch.Generator:
        """Return this seed's generator for a role."""
        cell = self.job.config.cell
        return generator(cell.paper, cell.experiment, cell.variant, self.seed, role)

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z_content and z_domain (n, 128)."""
        return self.net.content(x), self.net.domain(x)

    def max_step(self) -> None:
        """Make a max step on ``max_rows`` random training images of each domain, encoders as they train."""
        parts = []
        for part in (self.data.source, self.data.target):
            rows = torch.randperm(len(part.x), generator=self.noise[0])[: self.p["max_rows"]]
            parts.append(part.x[rows.to(part.x.device)])
        x = torch.cat(parts)
        x = x[torch.randperm(len(x), generator=self.noise[0]).to(x.device)]
        with torch.no_grad():
            found = [self.features(self.plain({"x": rows}, ())["x"]) for rows in x.split(512)]
        z, t = (torch.cat(v).float()[None] for v in zip(*found, strict=True))
        with torch.autocast(z.device.type, enabled=False):
            self.net.infomin.max_step(z, t, self.noise)

    def step(self, batch: Batch) -> Iterator[list[Route]]:
        """Make a max step, then two min steps: the batch drawn holds both of them."""
        if self.p["gamma"]:
            self.max_step()
        for x1, y1, x2 in zip(*(batch[name].chunk(2) for name in ("x1", "y1", "x2")), strict=True):
            yield self.min_step(x1, y1, x2)

    def min_step(self, x1: Tensor, y1: Tensor, x2: Tensor) -> list[Route]:
        """Return the losses of one mini-batch of each domain."""
        x = torch.cat([x1, x2])
        content, domain = self.features(x)
        of_domain = (torch.arange(len(x), device=x.device) < len(x1)).long()
        task = cross_entropy(self.net.content_head(content[: len(x1)]), y1)
        told = cross_entropy(self.net.domain_head(domain), of_domain)
        infomin = self.net.infomin
        t = domain if infomin.attached else domain.detach()  # the adversaries do not converge attached
        penalty = penalty_of(infomin, content[None], t[None], self.noise)[0].float() if self.p["gamma"] else task * 0
        loss = task + told + self.p["gamma"] * penalty
        tracked = (("task", task), ("domain", told), ("penalty", penalty))
        return [Route(loss, to=("net",)), *(Route(v.detach(), to=(), name=name) for name, v in tracked)]

    def trainer(self, progress: Progress) -> Trainer:
        """Return the trainer of this seed."""
        adam = partial(torch.optim.Adam, lr=self.p["lr"], betas=(0.5, 0.999))
        parts = [Part("net", self.net.trained(), adam, MultiStep(self.p["milestones"]))]
        return Trainer(
            self.net,
            parts,
            self.step,
            self.source,
            epochs=self.p["epochs"],
            machine=self.machine,
            generators={"max-step": self.noise[0]},
            progress=progress,
        )

    @torch.no_grad()
    def encode(self, trainer: Trainer, part: Labelled) -> tuple[Tensor, Tensor, Tensor]:
        """Return z_content, the predicted class and the predicted domain of a test part."""
        found = []
        with trainer.evaluating():
            for x in part.x.split(512):
                content, domain = self.features(self.plain({"x": x}, ())["x"])
                heads = self.net.content_head(content).argmax(1), self.net.domain_head(domain).argmax(1)
                found.append((content.float(), *heads))
        return tuple(torch.cat(v) for v in zip(*found, strict=True))

    def outcome(self, trainer: Trainer) -> Outcome:
        """Return accuracies on the test parts, and the t-SNE of z_content."""
        status, message = trainer.status()
        if status != "ok":
            return Outcome({}, {}, status, message)
        z1, y1, d1 = self.encode(trainer, self.data.source_test)
        z2, y2, d2 = self.encode(trainer, self.data.target_test)
        metrics = {
            "source_accuracy": _percent(y1 == self.data.source_test.y),
            "target_accuracy": _percent(y2 == self.data.target_test.y),
            "domain_accuracy": _percent(torch.cat([d1 == 1, d2 == 0])),
            "penalty": trainer.history["penalty"][-1][0],
            "steps": 2.0 * trainer.steps,
        }
        points = min(self.p["tsne_points"], len(z1), len(z2))
        z = torch.cat([v[np.linspace(0, len(v) - 1, points).astype(int)] for v in (z1, z2)]).cpu().numpy()
        x, y = t_sne(z, self.seed)
        of = [1.0] * points + [2.0] * points
        return Outcome(metrics, {"tsne_x": x, "tsne_y": y, "tsne_domain": of})


def t_sne(z: np.ndarray, seed: int) -> tuple[list[float], list[float]]:
    """Return the two coordinates of t-SNE with perplexity 30 (or a third of the points, if fewer)."""
    from sklearn.manifold import TSNE

    flat = TSNE(perplexity=min(30, len(z) // 3), random_state=seed, init="pca").fit_transform(z)
    return tuple([round(float(v), 2) for v in column] for column in flat.T)


def _parts(data: Domains) -> tuple[Labelled, ...]:
    return data.source, data.source_test, data.target, data.target_test


def _to(part: Labelled, device: torch.device) -> Labelled:
    return Labelled(part.x.to(device), part.y.to(device))


def _percent(hit: Tensor) -> float:
    return 100 * float(hit.float().mean())


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Train the seeds in turn."""
    check(job)
    machine = prepare(job.config.device, job.config.precision)
    data, origin = load_domains(job)
    tasks = {seed: Adaptation(job, seed, data, machine) for seed in seeds}
    p, cell = job.config.params, job.config.cell
    total = sum(p["epochs"] * len(task.source) for task in tasks.values())
    progress = Progress(f"{cell.paper} {cell.experiment}/{cell.variant}", total)
    turns = InTurn(Checkpoint(job.checkpoint_path(seeds), job.config.checkpoint_seconds))
    outcomes = {}
    for seed, task in tasks.items():
        outcomes[seed] = task.outcome(turns.run(f"seed {seed}", task.trainer(progress)))
    return outcomes, origin, machine.dtype


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
