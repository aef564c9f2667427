"""Images with a task y and an attribute z: CIFAR-10, FairFace and CelebA in the roles of section 4.1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from common.data import load
from common.data.framing import Framing
from common.data.sets import ImageSet
from common.results import Origin
from common.training.augment import crop, flip, images, normalise
from common.training.batches import Batch, Transform
from common.training.seeding import derive
from common.workflow.config import ConfigError
from common.workflow.job import Job

LIVING = (2, 3, 4, 5, 6, 7)  # bird, cat, deer, dog, frog, horse: the rest of CIFAR-10 are vehicles
UNIT = normalise(0.0, 1.0)  # uint8 to [0, 1]: the networks standardise themselves


@dataclass(frozen=True)
class Pictures:
    """One data set at one size, its task and its attribute, and the rows of each seed."""

    found: ImageSet
    p: Mapping[str, Any]

    @property
    def classes(self) -> tuple[int, int]:
        """How many classes task and attribute have."""
        return self._count(self.p["task"]), self._count(self.p["attribute"])

    @property
    def origin(self) -> Origin:
        """Origin of the data; a run that leaves images of the train or test split out is one on a subset."""
        splits = ("train", "test")
        used, whole = sum(len(self.rows(s, 0)) for s in splits), sum(len(self._split(s)) for s in splits)
        return self.found.origin.using(used, whole)

    @property
    def sizes(self) -> dict[str, float]:
        """Images and labels of the whole set as it lies here, and of its train and test split."""
        splits = {f"whole_{split}": float(len(self._split(split))) for split in ("train", "test")}
        return {"whole": float(len(self.found)), "labels": float(len(self.found.labels)), **splits}

    @property
    def floor_known(self) -> bool:
        """Whether the task is a function of the attribute, so that the task alone gives some of it away."""
        return (self.p["task"], self.p["attribute"]) == ("living", "class")

    def labels(self, name: str) -> NDArray[np.int64]:
        """Return a label of every image; ``living`` is CIFAR-10's animals against its vehicles."""
        if name == "living" and "class" in self.found.labels:
            return np.isin(self.found.labels["class"], LIVING).astype(np.int64)
        if name not in self.found.labels:
            raise ConfigError(f"{self.found.origin.name} has no label {name!r}; valid: {', '.join(self.found.labels)}")
        return self.found.labels[name]

    def rows(self, split: str, seed: int) -> NDArray[np.int64]:
        """Return the rows of ``train`` or ``test``: all, or a seed's draw of as many as the scale asks for."""
        rows, wanted = self._split(split), self.p[f"{split}_images"]
        return self._some(rows, wanted, split, seed) if wanted < len(rows) else rows

    def balanced(self, split: str, seed: int, most: int) -> NDArray[np.int64]:
        """Return rows with equally many of each attribute class, at most ``most``.

        Of each pair of task and attribute where both are binary (CelebA): the task then says nothing of the attribute.
        Drawn from the whole split: an attacker is not bound to the images that the network was trained on.
        """
        rows = self._split(split)
        cells = self.labels(self.p["attribute"])[rows]
        if self.classes == (2, 2):
            cells = cells + 2 * self.labels(self.p["task"])[rows]
        kinds = self.classes[1] if self.classes != (2, 2) else 4
        return equal_cells(rows, cells, kinds, most, derive("attribute_unlearning", "balanced", split, seed))

    def natural(self, split: str, seed: int, most: int) -> NDArray[np.int64]:
        """Return rows of the whole split with the shares of classes that it has, at most ``most``, in random order."""
        rows, random = self._split(split), np.random.default_rng(derive("attribute_unlearning", "natural", split, seed))
        return random.permutation(rows)[:most]

    def part(self, rows: NDArray[np.int64], device: torch.device) -> Batch:
        """Return images x (n, 3, side, side) uint8, task y and attribute z of some rows."""
        return {
            "x": torch.from_numpy(np.ascontiguousarray(self.found.images[rows])).to(device),
            "y": torch.from_numpy(self.labels(self.p["task"])[rows]).to(device),
            "z": torch.from_numpy(self.labels(self.p["attribute"])[rows]).to(device),
        }

    def augmented(self) -> Transform:
        """Return the training transform: random crop where the protocol has one, flip, [0, 1]."""
        changes = [crop(self.p["crop"])] if self.p["crop"] else []
        return images("x", *changes, flip(0.5), UNIT)

    def _split(self, split: str) -> NDArray[np.int64]:
        name = split if split in self.found.splits else "val"  # FairFace has no test images
        return self.found.splits[name]

    def _some(self, rows: NDArray[np.int64], wanted: int, split: str, seed: int) -> NDArray[np.int64]:
        random = np.random.default_rng(derive("attribute_unlearning", "rows", split, seed))
        return np.sort(random.permutation(rows)[:wanted])

    def _count(self, name: str) -> int:
        return 2 if name == "living" else len(self.found.classes[name])


def equal_cells(
    rows: NDArray[np.int64], cells: NDArray[np.int64], kinds: int, most: int, seed: int
) -> NDArray[np.int64]:
    """Return as many rows of each of ``kinds`` cells as the smallest has, no more than ``most`` together.

    They take turns, one of each cell, so that the first so many rounds are a balanced set, too.
    """
    counts = np.bincount(cells, minlength=kinds)
    if most < kinds:
        raise ConfigError(f"{most} images to attack with are less than one of each of {kinds} classes; ask for more")
    each = min(int(counts.min()), most // kinds)
    if each < 1:
        raise ConfigError(f"a class of task and attribute has no image to attack with: {counts.tolist()} of each")
    random = np.random.default_rng(seed)
    return np.stack([random.permutation(rows[cells == kind])[:each] for kind in range(kinds)]).T.flatten()


def read_pictures(job: Job, p: Mapping[str, Any]) -> Pictures:
    """Load the job's data set as ``p`` asks: the centred square, at one size."""
    found = load(job.config.dataset, **job.sources, framing=Framing(size=p["side"], square=True))
    assert isinstance(found, ImageSet)  # noqa: S101 - for the type checker
    pictures = Pictures(found, p)
    pictures.labels(p["task"])
    pictures.labels(p["attribute"])
    return pictures
