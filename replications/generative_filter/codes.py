"""What every job after step 1 starts from: the frozen codes of each seed, and the labels of a case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from common.data import ImageSet, load
from common.results import Origin
from common.training.checkpoint import load_tensors
from common.workflow.job import Job

CIRCLES = (0, 6, 8, 9)  # "digit containing a circle"
LABELS = {  # name -> (classes, the label of each digit)
    "digit": (10, tuple(range(10))),
    "circle": (2, tuple(int(d in CIRCLES) for d in range(10))),
    "large": (2, tuple(int(d >= 5) for d in range(10))),
    "odd": (2, tuple(d % 2 for d in range(10))),
}


def label(name: str, digits: Tensor) -> Tensor:
    """Return one attribute of ``digits`` as class numbers."""
    return torch.tensor(LABELS[name][1])[digits]


@dataclass(frozen=True)
class Codes:
    """Codes of one split: mean and standard deviation of q(z|x), ``(seeds, n, d)``, and the digits ``(n,)``."""

    mean: Tensor
    deviation: Tensor
    digits: Tensor


def digits_of(job: Job) -> ImageSet:
    """Return MNIST, or what stands in for it."""
    return load(job.config.dataset, **job.sources)


def origin_of(job: Job, seeds: Sequence[int], digits: ImageSet) -> Origin:
    """Return the data behind the codes as the VAE's record names it: no later reader sees more rows than it did.

    Where the digits read now are others, their own origin: the job is then told from what it read, and refused.
    """
    made_on = job.needed(job.config.needs[0], seeds[0]).dataset
    return made_on if made_on.sha256 == digits.origin.sha256 else digits.origin


def read_moments(job: Job, seeds: Sequence[int], split: str, cell: str) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of q(z|x), (seeds, n, d) each, that job ``cell`` left for one split."""
    found = [load_tensors(job.weights_path(seed, cell))[0] for seed in seeds]
    mean, log_variance = (torch.stack([tensors[f"{name}_{split}"] for tensors in found]) for name in "ms")
    return mean, (0.5 * log_variance).exp()


def read_codes(job: Job, seeds: Sequence[int], digits: ImageSet, split: str, cell: str) -> Codes:
    """Return the codes that the VAE's job ``cell`` left for one split."""
    mean, deviation = read_moments(job, seeds, split, cell)
    whole = torch.from_numpy(digits.labels["digit"][digits.splits[split]].copy()).long()
    return Codes(mean, deviation, whole[: mean.shape[1]])


def class_statistics(mean_precision: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Return the labels' shares (seeds, classes) and 1 / sigma^2 averaged within each (seeds, classes, d).

    ``mean_precision (seeds, n, d)`` is 1 / sigma^2 of every row, ``labels (seeds, n)``.
    """
    member = torch.nn.functional.one_hot(labels, classes).to(mean_precision)
    counts = member.sum(1)
    sums = member.mT @ mean_precision
    return counts / labels.shape[1], sums / counts.clamp(min=1)[..., None]
