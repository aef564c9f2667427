"""BiasedMNIST for one seed and one rho: grey digits once, coloured batch by batch on the device (section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from common.data import load
from common.data.biased_mnist import PALETTE, assign_colours, colour_images
from common.results import Origin
from common.training.augment import normalise
from common.training.batches import Batch
from common.training.seeding import generator
from common.workflow.config import ConfigError
from common.workflow.job import Job

CLASSES = (10, len(PALETTE))
TEST_RHO = 0.1  # the test set's colours are independent of its digits, whatever the training set's
_SCALE = normalise(0.5, 0.5)


def colour(batch: Batch, noise: object = ()) -> Batch:  # noqa: ARG001
    """Return the batch with its grey digits on their background colour, in [-1, 1]."""
    return {**batch, "x": _SCALE(colour_images(batch["x"], batch["v"]), torch.Generator())}


@dataclass(frozen=True)
class Digits:
    """Grey images (n, 1, side, side) uint8 and digits (n,) of the train and test rows of every seed."""

    grey: dict[str, Tensor]
    labels: dict[str, Tensor]
    origin: Origin
    p: dict[str, Any]

    def rows(self, split: str, seed: int) -> Tensor:
        """Return the rows of a seed: all in order, or a draw of as many as the scale asks for."""
        n, wanted = len(self.labels[split]), self.p[f"{split}_images"]
        if wanted >= n:
            return torch.arange(n)
        return torch.randperm(n, generator=generator("irene", "rows", split, seed))[:wanted]

    def coloured(self, split: str, seed: int, rho: float, role: str, device: torch.device) -> Batch:
        """Return grey images, digits y and colours v; ``role`` names the colouring."""
        rows = self.rows(split, seed)
        y = self.labels[split][rows]
        v = assign_colours(y, rho, generator("irene", "colours", role, seed))
        return {"x": self.grey[split][rows].to(device), "y": y.to(device), "v": v.to(device)}

    def train(self, seed: int, rho: float, device: torch.device) -> Batch:
        """Return the training set of a seed at rho."""
        return self.coloured("train", seed, rho, f"train {rho}", device)

    def test(self, seed: int, device: torch.device) -> Batch:
        """Return the test set: one colouring per seed, the same for every method and rho (D9)."""
        return self.coloured("test", 0 if self.p["fixed_test"] else seed, TEST_RHO, "test", device)

    def recoloured(self, seed: int, device: torch.device) -> Batch:
        """Return the training digits in colours that are independent of them: what an attacker can make himself."""
        return self.coloured("train", seed, TEST_RHO, "attacker", device)


def read_digits(job: Job, p: dict[str, Any]) -> Digits:
    """Load MNIST as ``p`` asks; at a side of 14 every second pixel is kept (D10)."""
    found = load(job.config.dataset, **job.sources)
    step = 28 // p["side"]
    if step * p["side"] != 28:
        raise ConfigError(f"side: {p['side']} does not divide 28")
    parts = {split: found.part(split) for split in ("train", "test")}
    grey = {s: torch.from_numpy(part.images[:, :, ::step, ::step].copy()) for s, part in parts.items()}
    labels = {s: torch.from_numpy(next(iter(part.labels.values())).copy()) for s, part in parts.items()}
    used = sum(min(p[f"{split}_images"], len(y)) for split, y in labels.items())
    return Digits(grey, labels, found.origin.using(used, sum(map(len, labels.values()))), p)
