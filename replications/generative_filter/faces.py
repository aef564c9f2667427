"""CelebA's images, private labels and split: the paper's where the whole set is at hand, else one by identity."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from common.data import Framing, ImageSet, load
from common.workflow.job import Job

PRIVATE = {
    "male": "Male",
    "young": "Young",
    "attractive": "Attractive",
    "cheekbones": "High_Cheekbones",
    "lips": "Big_Lips",
    "nose": "Big_Nose",
    "eyeglasses": "Eyeglasses",
    "hair": "Wavy_Hair",
}
UTILITY = "Smiling"
PAPERS_TRAINING_SET = 182_000  # the first images; the remaining 20,599 test


def load_faces(job: Job, size: int) -> ImageSet:
    """Return CelebA cropped to its central square and resized."""
    return load(job.config.dataset, **job.sources, framing=Framing(size, square=True))


def split_rows(faces: ImageSet) -> dict[str, np.ndarray]:
    """Return training and test rows: the paper's cut of the whole set, else the set's own parts by identity."""
    if len(faces) > PAPERS_TRAINING_SET:
        rows = np.arange(len(faces))
        return {"train": rows[:PAPERS_TRAINING_SET], "test": rows[PAPERS_TRAINING_SET:]}
    test = np.sort(np.concatenate([faces.splits["valid"], faces.splits["test"]]))
    return {"train": faces.splits["train"], "test": test}


def pictures(faces: ImageSet, rows: np.ndarray, most: int) -> Tensor:
    """Return images of the first ``most`` of ``rows`` (0 = all) as uint8 (n, 3, h, w)."""
    return torch.from_numpy(np.array(faces.images[rows[: most or None]]))


def attribute(faces: ImageSet, name: str, rows: np.ndarray, most: int) -> Tensor:
    """Return one attribute of the same rows as 0/1."""
    return torch.from_numpy(faces.labels[name][rows[: most or None]].copy())
