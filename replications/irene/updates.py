"""Section 3.2's updates on the smallest F, G and H: does H's softmax go to 1/C (section 3.3, claims C8b and C8c)?

``python -m replications.irene.updates results/quick/irene/updates/exact/config.json``
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.functional import one_hot

from common.models.initial import build, linear
from common.results import Origin
from common.training.batches import Batch, Batches
from common.training.machine import Machine
from common.training.parts import Part
from common.training.routing import Route
from common.training.schedules import MultiStep
from common.training.seeding import derive, generator
from common.training.trainer import Trainer
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.irene import method
from replications.irene.settings import check

ROOT = Path(__file__).resolve().parents[2]
CLASSES = {"ten": 10, "two": 2}  # of v: as many as colours, as genders
WIDTH = 16  # of z
NOISE = 0.3  # sd on the one-hot labels that x holds


def rows(count: int, classes: int, random: torch.Generator) -> Batch:
    """Return x = [y, v] one-hot with noise, a target y of two classes and, apart from it, equally many of each v."""
    y = torch.randint(0, 2, (count,), generator=random)
    v = (torch.arange(count) % classes)[torch.randperm(count, generator=random)]
    x = torch.cat([one_hot(y, 2), one_hot(v, classes)], 1).float()
    return {"x": x + NOISE * torch.randn(x.shape, generator=random), "y": y, "v": v}


def play(seed: int, name: str, p: dict[str, Any]) -> dict[str, float]:
    """Train by Algorithm 1; return how far H's softmax is from 1/C on fresh rows, and what H and G read there.

    F is one linear layer and Tanh: it can drop v and keep y.
    """
    classes = CLASSES[name]
    start, order, drawn = (generator("irene", "updates", name, role, seed) for role in ("start", "order", "rows"))
    encoder = build(lambda: nn.Sequential(nn.Linear(2 + classes, WIDTH), nn.Tanh()), start)
    heads = {"target": linear(WIDTH, 2, start), "private": linear(WIDTH, classes, start)}
    nets = nn.ModuleDict({"encoder": encoder, **heads})
    sgd = partial(torch.optim.SGD, lr=p["lr"], momentum=p["momentum"], weight_decay=p["weight_decay"])
    constant = () if p["h_scheduled"] else ("private",)
    parts = [Part(n, net, sgd, None if n in constant else MultiStep(p["milestones"])) for n, net in nets.items()]

    def step(batch: Batch) -> Iterator[list[Route]]:
        settings = (p["alpha"], p["gamma"], classes)
        yield method.irene(encoder(batch["x"]), nets["target"], nets["private"], batch["y"], batch["v"], *settings)

    source = Batches(rows(p["rows"], classes, drawn), p["batch"], order, drop_last=True)
    machine = Machine(torch.device("cpu"), None)
    torch_seed = derive("irene", "updates", name, seed, "torch")
    Trainer(nets, parts, step, source, epochs=p["epochs"], machine=machine, seed=torch_seed).train()
    with torch.no_grad():
        fresh = rows(p["rows"], classes, drawn)
        z = encoder(fresh["x"])
        logits = nets["private"](z)
        soft = torch.softmax(logits, 1)
        away = (soft - 1 / classes).abs().amax(1)  # of each row, at its farthest class
        guess = {"h": (soft, fresh["v"]), "g": (nets["target"](z), fresh["y"])}
        found = {n: 100 * float((t.argmax(1) == truth).double().mean()) for n, (t, truth) in guess.items()}
        found |= {"away": float(away.mean()), "most_away": float(away.max())}
        found["proxy"] = float(method.mutual_information(logits, fresh["v"], classes, normalised=False))
    return {f"{metric}_{name}": value for metric, value in found.items()}


def one_seed(seed: int, p: dict[str, Any]) -> Outcome:
    """Play with ten classes of v and with two."""
    metrics: dict[str, float] = {}
    for name in CLASSES:
        metrics |= play(seed, name, p)
    return Outcome(metrics)


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Run every seed; ConfigError where a setting is none."""
    p = job.config.params
    check(job.config.cell.experiment, p)
    recipe = f"irene updates rows={p['rows']} noise={NOISE}"
    origin = Origin(name="known-tables", kind="generated", sha256=hashlib.sha256(recipe.encode()).hexdigest())
    return {seed: one_seed(seed, p) for seed in seeds}, origin, "fp32"


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
