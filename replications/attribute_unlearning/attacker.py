"""The paper's attacker: ResNet-18 on the middle feature h, trained afresh on (h, z) pairs (section 4.2)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from common.evaluation.accuracy import balanced_accuracy
from common.training.batches import Batch, Batches
from common.training.in_turn import InTurn
from common.training.machine import Machine
from common.training.parts import Part
from common.training.progress import Progress
from common.training.routing import Route
from common.training.schedules import Cosine
from common.training.seeding import derive, generator
from common.training.trainer import Trainer
from replications.attribute_unlearning import networks
from replications.attribute_unlearning.data import UNIT
from replications.attribute_unlearning.training import frozen, read


@dataclass(frozen=True)
class Attack:
    """A fitted attacker and how it was fitted: on how many ``rows``, in how many ``steps``."""

    net: nn.Module
    trainer: Trainer
    rows: int
    steps: int


def epochs_of(p: Mapping[str, Any], rows: int) -> int:
    """Return the epochs of an attack on so many rows: ``p["epochs"]``, or as many as ``p["least_steps"]`` steps take.

    Equal classes of a rare attribute are few rows, and a set number of epochs on them is no fit.
    """
    return max(p["epochs"], math.ceil(p["least_steps"] / _batches(p, rows)))


def steps_of(p: Mapping[str, Any], rows: int) -> int:
    """Return the optimiser steps of an attack on so many rows."""
    return epochs_of(p, rows) * _batches(p, rows)


def _batches(p: Mapping[str, Any], rows: int) -> int:
    return max(1, rows // p["batch"])


def fit(
    turns: InTurn,
    name: str,
    extractor: nn.Module,
    data: Batch,
    classes: int,
    p: Mapping[str, Any],
    seed: int,
    machine: Machine,
    progress: Progress,
) -> Attack:
    """Train the attacker on ``data`` (x uint8, z) behind a frozen extractor: Adam, the last epoch counts.

    h is computed once where it fits ``p["cache_mb"]``, else batch by batch: the same values either way.
    """
    one = read(extractor, data["x"][:1], machine)
    net = networks.attacker(one.shape[1], classes, seed, machine)
    fits = one.numel() * one.element_size() * len(data["z"]) / 2**20 <= p["cache_mb"]
    tensors = {"h": read(extractor, data["x"], machine) if fits else data["x"], "z": data["z"]}

    def to_features(batch: Batch, _: Sequence[torch.Generator]) -> Batch:
        if fits:
            return batch
        with frozen(extractor, machine):
            return {**batch, "h": extractor(UNIT(batch["h"], torch.Generator()))}

    def learn(batch: Batch) -> list[Route]:
        return [Route(cross_entropy(net(batch["h"]).float(), batch["z"]), to=("attacker",), name="attacker")]

    order = generator("attribute_unlearning", "attack order", seed)
    rows = len(data["z"])
    trainer = Trainer(
        net,
        [Part("attacker", net, partial(torch.optim.Adam, lr=p["lr"]), Cosine())],
        learn,
        Batches(tensors, min(p["batch"], rows), order, transform=to_features, drop_last=True),
        epochs=epochs_of(p, rows),
        machine=machine,
        progress=progress,
        seed=derive("attribute_unlearning", "attack", name, seed),
    )
    return Attack(net, turns.run(name, trainer), rows, steps_of(p, rows))


def accuracies(attack: Attack, extractor: nn.Module, data: Batch, machine: Machine) -> tuple[float, float]:
    """Return the attacker's accuracy, and the mean of its recalls over the classes, on ``data`` (x uint8, z)."""
    guess = read(nn.Sequential(extractor, attack.net), data["x"], machine).argmax(1).cpu()
    truth: Tensor = data["z"].cpu()
    right = float((guess == truth).double().mean())
    return right, balanced_accuracy(truth.numpy(), guess.numpy())
