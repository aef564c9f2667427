"""CelebA for IRENE: three targets, the gender as v, the official split (by identity on a subset) (section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from common.data import load
from common.data.framing import Framing
from common.data.sets import ImageSet
from common.evaluation.accuracy import balanced_accuracy
from common.results import Origin
from common.training.augment import flip, images, normalise
from common.training.batches import Batch
from common.training.seeding import derive
from common.workflow.config import ConfigError
from common.workflow.job import Job

TARGETS = {"blond": "Blond_Hair", "makeup": "Heavy_Makeup", "glasses": "Eyeglasses"}
PRIVATE = "Male"  # the authors flip it, which moves no accuracy
CLASSES = (2, 2)
_IMAGENET = normalise((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
AUGMENTED = images("x", flip(0.5), _IMAGENET)
PLAIN = images("x", _IMAGENET)
BALANCING_SEED = 42  # the authors' draw of the validation cells
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Faces:
    """CelebA at one size, squashed to a square as the authors do, with the splits of one seed."""

    found: ImageSet
    p: dict[str, Any]

    @property
    def origin(self) -> Origin:
        """Origin of the faces; a run that leaves some of a split out is one on a subset."""
        lengths = {split: len(self.found.splits[split]) for split in SPLITS}
        used = sum(min(n, self._wanted(split)) for split, n in lengths.items())
        return self.found.origin.using(used, sum(lengths.values()))

    def _wanted(self, split: str) -> int:
        return self.p["train_images"] if split == "train" else self.p["test_images"]

    def rows(self, split: str, target: str, seed: int) -> NDArray[np.int64]:
        """Return the rows of a split: all, or as many as the scale asks for, or equal (target x gender) cells."""
        rows = self.found.splits[split]
        wanted = self._wanted(split)
        if wanted < len(rows):
            random = np.random.default_rng(derive("irene", "faces", split, seed))
            rows = np.sort(random.permutation(rows)[:wanted])
        balanced = {"train": self.p["balanced_train"], "valid": self.p["balanced_val"], "test": False}[split]
        return equal_cells(rows, self.cells(rows, target), BALANCING_SEED + seed) if balanced else rows

    def cells(self, rows: NDArray[np.int64], target: str) -> NDArray[np.int64]:
        """Return 2 target + gender of each row."""
        return 2 * self.found.labels[TARGETS[target]][rows] + self.found.labels[PRIVATE][rows]

    def part(self, split: str, target: str, seed: int, device: torch.device) -> Batch:
        """Return images (n, 3, side, side) uint8, the target y and the gender v."""
        rows = self.rows(split, target, seed)
        return {
            "x": torch.from_numpy(np.ascontiguousarray(self.found.images[rows])).to(device),
            "y": torch.from_numpy(self.found.labels[TARGETS[target]][rows]).to(device),
            "v": torch.from_numpy(self.found.labels[PRIVATE][rows]).to(device),
        }


def read_faces(job: Job, p: dict[str, Any]) -> Faces:
    """Load CelebA, or what stands for it here, as ``p`` asks."""
    return Faces(load(job.config.dataset, **job.sources, framing=Framing(size=p["side"])), p)


def equal_cells(rows: NDArray[np.int64], cells: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return rows with as many of each cell as the smallest has; a cell without rows leaves none to train on."""
    values, counts = np.unique(cells, return_counts=True)
    if len(values) < 4:
        told = "a combination of target and gender has no image: it cannot be balanced; take more images"
        raise ConfigError(f"balanced_train, balanced_val: {told}, or false")
    random = np.random.default_rng(seed)
    return np.sort(np.concatenate([random.permutation(rows[cells == value])[: counts.min()] for value in values]))


def guess_from_target(train: Sequence[Batch], test: Batch, balanced: bool = False) -> float:
    """Return with which accuracy (percent) the true target alone gives the gender away on ``test``.

    Whoever reads the target off G's output comes this close, less G's own errors: an H below has not looked.
    ``balanced``: of the gender likeliest under equal priors, as fresh attackers are judged.
    """
    y = torch.cat([part["y"] for part in train]).cpu()
    v = torch.cat([part["v"] for part in train]).cpu()
    prior = torch.bincount(v, minlength=2).clamp_min(1) if balanced else torch.ones(2)
    likely = torch.stack([(torch.bincount(v[y == k], minlength=2) / prior).argmax() for k in (0, 1)])
    guess, truth = likely[test["y"].cpu()], test["v"].cpu()
    if balanced:
        return 100 * balanced_accuracy(truth.numpy(), guess.numpy())
    return 100 * float((guess == truth).double().mean())
