"""One training run of any method on any of the data sets, and how a frozen network is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from common.training.batches import Batch, Batches, Transform
from common.training.in_turn import InTurn
from common.training.machine import Machine
from common.training.parts import Part
from common.training.progress import Progress
from common.training.routing import Route
from common.training.schedules import Cosine
from common.training.seeding import derive, generator
from common.training.trainer import Trainer
from replications.attribute_unlearning import method
from replications.attribute_unlearning.data import UNIT

READ_BATCH = 250
Step = Callable[[Batch], list[Route]]


def step(nets: Mapping[str, nn.Module], p: Mapping[str, Any]) -> Step:
    """Return the step function of ``p["method"]``: one forward pass of Phi serves every loss."""
    lambdas = method.Lambdas(p["lambda1"], p["lambda2"], p["lambda3"], p["literal"])

    def routes(batch: Batch) -> list[Route]:
        x, y, z = batch["x"], batch["y"], batch["z"]
        h = nets["extractor"](x)
        if p["method"] != "unlearn":  # before, and on images with an area removed: plain end-to-end training
            return [method.task(nets["classifier"], h, y, end_to_end=True)]
        found = method.detachment(nets, h, x, y, z, lambdas, p["entropy"])
        return [*found, method.task(nets["classifier"], h, y, p["end_to_end"])]

    return routes


def train(
    turns: InTurn,
    name: str,
    nets: nn.ModuleDict,
    p: Mapping[str, Any],
    data: Batch,
    transform: Transform,
    seed: int,
    machine: Machine,
    progress: Progress,
) -> Trainer:
    """Train ``nets`` by ``p["method"]`` with SGD, a part each; ``data`` has x (uint8), y, z. The last epoch counts."""
    sgd = partial(torch.optim.SGD, lr=p["lr"], momentum=p["momentum"], nesterov=True, weight_decay=p["weight_decay"])
    order, noise = (generator("attribute_unlearning", role, seed) for role in ("order", "noise"))
    source = Batches(data, min(p["batch"], len(data["y"])), order, transform=transform, noise=noise, drop_last=True)
    trainer = Trainer(
        nets,
        [Part(key, net, sgd, Cosine(p["warm_up"])) for key, net in nets.items()],
        step(nets, p),
        source,
        epochs=p["epochs"],
        machine=machine,
        progress=progress,
        seed=derive("attribute_unlearning", name, seed),
    )
    return turns.run(name, trainer)


def steps_of(p: Mapping[str, Any], rows: int) -> int:
    """Return the optimiser steps of a training on so many rows."""
    return p["epochs"] * max(1, rows // p["batch"])


@contextmanager
def frozen(net: nn.Module, machine: Machine) -> Iterator[nn.Module]:
    """Give a network in eval mode, without gradients, in the machine's precision."""
    was = net.training
    net.eval()
    try:
        with torch.no_grad(), torch.autocast(machine.device.type, machine.autocast, enabled=bool(machine.autocast)):
            yield net
    finally:
        net.train(was)


def read(net: nn.Module, x: Tensor, machine: Machine, images: bool = True) -> Tensor:
    """Return what a frozen network makes of ``x`` (uint8 images, or features as they are), batch by batch."""
    nothing = torch.Generator()
    with frozen(net, machine):
        return torch.cat([net(UNIT(part, nothing) if images else part) for part in x.split(READ_BATCH)])


def head_losses(nets: Mapping[str, nn.Module], data: Batch, p: Mapping[str, Any], machine: Machine) -> dict[str, float]:
    """Return what the attribute's head costs in the end, and what one that sees nothing would, in nats.

    Means over the batches of ``data`` (x uint8, z) as they lie, as many images each as in training: a contrast depends
    on how many there are. A head that is as bad as a blind one has lost the attribute, or was never able to read it:
    that of ``lambda3`` = 0, which nobody flees, tells which.
    """
    size = min(p["batch"], len(data["z"]))
    found = []
    for x, z in zip(data["x"].split(size), data["z"].split(size), strict=True):
        if len(z) == size:
            read_off = read(nn.Sequential(nets["extractor"], nets["attribute_head"]), x, machine)
            found.append([float(part) for part in method.attribute_loss(read_off, z, p["entropy"])])
    loss, blind = torch.tensor(found, dtype=torch.float64).mean(0).tolist()
    return {"head_loss": loss, "head_blind": blind}


def guesses(nets: Mapping[str, nn.Module], x: Tensor, machine: Machine) -> Tensor:
    """Return the likeliest task class of each image (n,)."""
    whole = nn.Sequential(nets["extractor"], nets["classifier"])
    return read(whole, x, machine).argmax(1)
