"""The proxy of eq. (2) on tables whose answer is known: claims C7 and C8, and the bias of a small batch.

``python -m replications.irene.proxy results/quick/irene/proxy/paper/config.json``
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from common.results import Origin
from common.training.seeding import generator
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.irene.method import mutual_information
from replications.irene.settings import check

ROOT = Path(__file__).resolve().parents[2]
SURE = 60.0  # a logit that makes a softmax one-hot in fp64


def hard(classes: Tensor, count: int) -> Tensor:
    """Return logits that are certain of the given classes."""
    return SURE * one_hot(classes, count).double()


def minimise(labels: Tensor, classes: int, steps: int, lr: float, random: torch.Generator) -> Tensor:
    """Return the softmax (n, classes) that gradient descent on eq. (2) makes of H's logits, started off-centre."""
    start = 2 * torch.randn(1, classes, generator=random, dtype=torch.float64)
    logits = (start + torch.randn(len(labels), classes, generator=random, dtype=torch.float64)).requires_grad_()
    for _ in range(steps):
        (slope,) = torch.autograd.grad(mutual_information(logits, labels, classes, normalised=False), [logits])
        logits = (logits - lr * slope).detach().requires_grad_()
    return torch.softmax(logits.detach(), 1)


def one_seed(seed: int, p: dict) -> Outcome:
    """Evaluate eq. (2), in nats, where the answer is known."""
    random = generator("irene", "proxy", seed)
    half = torch.arange(p["batch"]) % 2
    ten = torch.arange(p["batch"]) % 10

    def nats(logits: Tensor, labels: Tensor, classes: int) -> float:
        return float(mutual_information(logits, labels, classes, normalised=False))

    prior = torch.randn(1, 10, generator=random, dtype=torch.float64).expand(p["batch"], 10)
    guesses = [torch.randint(0, 10, (p["batch"],), generator=random) for _ in range(p["batches"])]
    pairs = [torch.randint(0, 2, (p["batch"],), generator=random) for _ in range(p["batches"])]
    soft = minimise(ten, 10, p["steps"], p["lr"], random)
    return Outcome(
        {
            "right": nats(hard(half, 2), half, 2),
            "wrong": nats(hard(1 - half, 2), half, 2),
            "constant": nats(prior, ten, 10),
            "chance_ten": sum(nats(hard(g, 10), ten, 10) for g in guesses) / len(guesses),
            "chance_two": sum(nats(hard(g, 2), half, 2) for g in pairs) / len(pairs),
            "minimised": nats(soft.log(), ten, 10),
            "from_uniform": float((soft - 0.1).abs().max()),
            "ln2": math.log(2),
        }
    )


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Run every seed; ConfigError where a setting is none."""
    p = job.config.params
    check(job.config.cell.experiment, p)
    recipe = f"irene proxy tables batch={p['batch']} batches={p['batches']}"
    origin = Origin(name="known-tables", kind="generated", sha256=hashlib.sha256(recipe.encode()).hexdigest())
    return {seed: one_seed(seed, p) for seed in seeds}, origin, "fp64"


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
