"""The thesis' Gaussian data (section 3.1.1) for a stack of seeds, one draw per seed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from common.data.gaussians import thesis_gaussians
from common.results import Origin
from common.training.seeding import generator
from common.workflow.job import Job

DIM = 20
RHOS = (-0.99, 0.99)


@dataclass(frozen=True)
class Sample:
    """``x (members, n, 20)`` and ``labels (members, n, 1)`` as the scalars 0 and 1; rows ordered by class."""

    x: Tensor
    labels: Tensor

    def head(self, share: float) -> Sample:
        """Return the first ``share`` of each class's rows."""
        half = self.x.shape[1] // 2
        keep = round(half * share)
        rows = torch.cat([torch.arange(keep), half + torch.arange(keep)])
        return Sample(self.x[:, rows], self.labels[:, rows])

    def tail(self, share: float) -> Sample:
        """Return the last ``share`` of each class's rows."""
        half = self.x.shape[1] // 2
        skip = half - round(half * share)
        rows = torch.cat([torch.arange(skip, half), half + torch.arange(skip, half)])
        return Sample(self.x[:, rows], self.labels[:, rows])

    def to(self, device: torch.device) -> Sample:
        """Move to a device."""
        return Sample(self.x.to(device), self.labels.to(device))


def draw(seeds: Sequence[int], n_per_class: int, role: str) -> Sample:
    """Draw each seed's sample; the same seed and role give the same rows in every experiment and variant."""
    drawn = [thesis_gaussians(n_per_class, DIM, RHOS, generator("infoshape", s, role)) for s in seeds]
    return Sample(
        torch.stack([x for x, _ in drawn]),
        torch.stack([labels.float()[:, None] for _, labels in drawn]),
    )


def origin(job: Job) -> Origin:
    """Return the data's origin: drawn, so its digest is that of the recipe."""
    recipe = f"thesis_gaussians n_per_class={job.config.params['n_per_class']} dim={DIM} rhos={RHOS}"
    return Origin(name="thesis-gaussians", kind="generated", sha256=hashlib.sha256(recipe.encode()).hexdigest())
