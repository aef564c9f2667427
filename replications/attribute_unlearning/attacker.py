"""The paper's attacker: ResNet-18 on the middle feature h, trained afresh on (h, z) pairs (section 4.2)."""

from __future__ import annotations

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
    """A fitted attacker and how it was fitted."""

    net: nn.Module
    trainer: Trainer


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
    batch = min(p["batch"], len(data["z"]))
    trainer = Trainer(
        net,
        [Part("attacker", net, partial(torch.optim.Adam, lr=p["lr"]), Cosine())],
        learn,
        Batches(tensors, batch, order, transform=to_features, drop_last=True),
        epochs=p["epochs"],
        machine=machine,
        progress=progress,
        seed=derive("attribute_unlearning", "attack", name, seed),
    )
    return Attack(net, turns.run(name, trainer))


def accuracies(attack: Attack, extractor: nn.Module, data: Batch, machine: Machine) -> tuple[float, float]:
    """Return the attacker's accuracy, and the mean of its recalls over the classes, on ``data`` (x uint8, z)."""
    guess = read(nn.Sequential(extractor, attack.net), data["x"], machine).argmax(1).cpu()
    truth: Tensor = data["z"].cpu()
    right = float((guess == truth).double().mean())
    return right, balanced_accuracy(truth.numpy(), guess.numpy())
