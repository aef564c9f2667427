"""One training run of any method on any of the two data sets, and the paper's own reading of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from common.evaluation.accuracy import balanced_accuracy
from common.training.batches import Batch, Batches, Transform
from common.training.in_turn import InTurn
from common.training.machine import Machine
from common.training.parts import Part
from common.training.progress import Progress
from common.training.routing import Route
from common.training.schedules import Schedule
from common.training.seeding import derive, generator
from common.training.trainer import AfterEpoch, Trainer
from replications.irene import baselines, method, networks

READ_BATCH = 250


@dataclass(frozen=True)
class Setting:
    """One model to train: its name in the job, data (x, y, v), how a batch becomes floats, classes and schedule."""

    name: str
    seed: int
    train: Batch
    transform: Transform
    classes: tuple[int, int]
    schedule: Callable[[], Schedule]
    after_epoch: Callable[[nn.ModuleDict], AfterEpoch] | None = None


@dataclass(frozen=True)
class Trained:
    """A finished model and the run that made it."""

    nets: nn.ModuleDict
    trainer: Trainer


def train(turns: InTurn, setting: Setting, p: dict[str, Any], machine: Machine, progress: Progress) -> Trained:
    """Train one model with the method that ``p`` names."""
    nets = networks.model(p, setting.seed, setting.classes, machine)
    frozen = pretrain(turns, setting, p, machine, progress) if p["method"] == "learnedmixin" else None
    left_out = ("fusion",) if p["frozen_fusion"] else ()
    sgd = partial(torch.optim.SGD, lr=p["lr"], momentum=p["momentum"], weight_decay=p["weight_decay"])
    parts = [
        # H alone has no schedule (authors' code, D14)
        Part(name, net, sgd, None if name == "private" and not p["h_scheduled"] else setting.schedule())
        for name, net in nets.items()
        if name not in left_out
    ]
    trainer = Trainer(
        nets,
        parts,
        step(nets, p, setting.classes[1], frozen, left_out),
        source(setting, p, "order"),
        epochs=p["epochs"],
        machine=machine,
        after_epoch=setting.after_epoch(nets) if setting.after_epoch else None,
        progress=progress,
        seed=derive("irene", setting.name, setting.seed, "torch"),
    )
    return Trained(nets, turns.run(setting.name, trainer))


def pretrain(turns: InTurn, setting: Setting, p: dict[str, Any], machine: Machine, progress: Progress) -> nn.Module:
    """Return LearnedMixIn's biased network: some epochs of cross-entropy, then frozen."""
    net = networks.biased_net(setting.seed, setting.classes[0]).to(machine.device)
    sgd = partial(torch.optim.SGD, lr=p["lr"], momentum=p["momentum"], weight_decay=p["weight_decay"])

    def learn(batch: Batch) -> list[Route]:
        return [Route(cross_entropy(net(batch["x"])[1], batch["y"]), to=("biased",), name="biased")]

    trainer = Trainer(
        net,
        [Part("biased", net, sgd)],
        learn,
        source(setting, p, "biased order"),
        epochs=p["biased_epochs"],
        machine=machine,
        progress=progress,
        seed=derive("irene", setting.name, setting.seed, "torch"),
    )
    turns.run(f"{setting.name}/biased", trainer)
    return net.eval().requires_grad_(requires_grad=False)


def source(setting: Setting, p: dict[str, Any], role: str) -> Batches:
    """Return the batches of a run: the same order for every method of a seed."""
    order, noise = (generator("irene", setting.name, setting.seed, r) for r in (role, f"{role}, noise"))
    batch = min(p["batch"], len(setting.train["y"]))
    return Batches(setting.train, batch, order, transform=setting.transform, noise=noise, drop_last=True)


def step(
    nets: nn.ModuleDict, p: dict[str, Any], classes: int, frozen: nn.Module | None, left_out: Sequence[str] = ()
) -> Callable[[Batch], Iterator[list[Route]]]:
    """Return the step function of ``p["method"]``; ``classes`` of v. H trains beside every method, on detached z."""

    def turns_of(batch: Batch) -> Iterator[list[Route]]:
        x, y, v = batch["x"], batch["y"], batch["v"]
        z = nets["encoder"](x)
        if p["method"] in ("vanilla", "irene"):
            gamma = p["gamma"] if p["method"] == "irene" else 0.0
            settings = (p["alpha"], gamma, classes, p["normalised"], p["buggy"])
            yield method.irene(z, nets["target"], nets["private"], y, v, *settings)
            return
        private, logits = method.private_loss(z, nets["private"], v), nets["target"](z)
        if p["method"] == "rubi":
            yield [private, *baselines.rubi(logits, y, nets["biased"], nets["fusion"], x)]
        elif p["method"] == "rebias":
            turns = baselines.rebias(z, logits, y, nets["biased"], x)
            yield next(turns)
            yield [private, *next(turns)]
        elif p["method"] == "learnedmixin":
            yield [private, *baselines.learned_mixin(z, logits, y, frozen, nets["fusion"], x)]
        else:
            raise ValueError(f"unknown method {p['method']!r}; valid: vanilla, irene, {', '.join(networks.DEBIASED)}")

    def scaled(batch: Batch) -> Iterator[list[Route]]:
        for routes in turns_of(batch):
            yield [_kept(route, p, left_out) for route in routes]

    return scaled


def _kept(route: Route, p: dict[str, Any], left_out: Sequence[str]) -> Route:
    """Return the route without the parts that are not trained; a debiasing task loss at its scale (D7)."""
    scale = p["debias_scale"] if p["method"] in networks.DEBIASED and route.name == "task" else 1.0
    loss = route.loss if scale == 1.0 else scale * route.loss
    return Route(loss, tuple(name for name in route.to if name not in left_out), route.name)


@dataclass(frozen=True)
class Features:
    """What a frozen model makes of some rows: bottleneck, both heads' logits, and the rows' labels, on the CPU."""

    z: Tensor
    target: Tensor
    private: Tensor
    y: Tensor
    v: Tensor

    def accuracy(self, which: str) -> dict[str, float]:
        """Return accuracy and balanced accuracy in percent of ``target`` (G) or ``private`` (H)."""
        guess, truth = getattr(self, which).argmax(1), self.y if which == "target" else self.v
        return {
            "accuracy": 100 * float((guess == truth).double().mean()),
            "balanced": 100 * balanced_accuracy(truth.numpy(), guess.numpy()),
        }

    def task_loss(self) -> float:
        """Return the target's cross-entropy in nats, without alpha."""
        return float(cross_entropy(self.target.double(), self.y))


def features(nets: nn.ModuleDict, rows: Batch, transform: Transform, machine: Machine) -> Features:
    """Return what the model in eval mode makes of ``rows``."""
    was = nets.training
    nets.eval()
    found = []
    autocast = torch.autocast(machine.device.type, machine.autocast) if machine.autocast else nullcontext()
    for start in range(0, len(rows["y"]), READ_BATCH):
        part = {name: values[start : start + READ_BATCH] for name, values in rows.items()}
        with autocast:
            found.append([t.float().cpu() for t in networks.read(nets, transform(part, ())["x"])])
    nets.train(was)
    z, target, private = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Features(z, target, private, rows["y"].cpu(), rows["v"].cpu())
