"""The image sets of both image tasks: two domains with shared classes, and pictures with an attribute to take out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from common.data import Framing, ImageSet, load
from common.data.decoded import open_picture
from common.data.files import digest_bytes
from common.data.splits import split_at_random
from common.results import Origin
from common.workflow.config import ConfigError
from common.workflow.job import Job

SHARED = ("airplane", "car", "bird", "cat", "deer", "dog", "horse", "ship", "truck")  # no frog, no monkey
PAIRS = {"mm": ("mnist", "mnist-m"), "cs": ("cifar10", "stl10")}
SPLIT = {"train": 0.64, "valid": 0.16, "test": 0.20}


@dataclass(frozen=True)
class Labelled:
    """Images (n, c, 32, 32) uint8 and their labels (n,)."""

    x: Tensor
    y: Tensor


@dataclass(frozen=True)
class Domains:
    """Source and target, each with a training and a test part, and the number of shared classes."""

    source: Labelled
    source_test: Labelled
    target: Labelled
    target_test: Labelled
    classes: int


@dataclass(frozen=True)
class Attributed:
    """Pictures with an attribute's class: training and test part, names of the classes."""

    train: Labelled
    test: Labelled
    names: tuple[str, ...]


def load_domains(job: Job) -> tuple[Domains, Origin]:
    """Return the two domains of the variant; the origin is the target's, whose completeness decides.

    Where one of the two is a stand-in, the origin is that one's: a transfer from drawn pictures is no real one. A pair
    whose target is not the cell's data set is a ConfigError.
    """
    p = job.config.params
    valid = [pair for pair, (_, target) in PAIRS.items() if target == job.config.dataset]
    if p["pair"] not in valid:
        where = f"{job.config.cell.experiment}: pair: {p['pair']!r}"
        raise ConfigError(f"{where}; valid: {', '.join(valid)} (its target is {job.config.dataset})")
    names = PAIRS[p["pair"]]
    sets = [load(name, **job.sources, framing=Framing(size=32)) for name in names]
    label = "digit" if p["pair"] == "mm" else "class"
    classes = tuple("0123456789") if p["pair"] == "mm" else SHARED
    parts, used, whole = [], 0, 0
    for found in sets:
        for split, limit in (("train", p["train_rows"]), ("test", p["test_rows"])):
            part, there = _chosen(found, label, classes, found.splits[split], limit)
            parts.append(part)
            used, whole = used + len(part.y), whole + there
    drawn = [found.origin for found in sets if found.origin.kind == "stand-in"]
    return Domains(*parts, len(classes)), [sets[1].origin, *drawn][-1].using(used, whole)


def _chosen(found: ImageSet, label: str, classes: tuple[str, ...], rows: NDArray, limit: int) -> tuple[Labelled, int]:
    """Return up to ``limit`` rows (0 = all) of the shared classes, numbered alike in both domains, as three colours.

    With them how many there are.
    """
    own = [{"automobile": "car"}.get(name, name) for name in found.classes[label]]
    number = np.array([classes.index(name) if name in classes else -1 for name in own])
    y = number[found.labels[label][rows]]
    rows, y = rows[y >= 0], y[y >= 0]
    there = len(rows)
    if limit and len(rows) > limit:  # spread over the whole part: some sets lie in the order of their classes
        pick = np.linspace(0, len(rows) - 1, limit).astype(int)
        rows, y = rows[pick], y[pick]
    x = torch.from_numpy(np.ascontiguousarray(found.images[rows]))
    return Labelled(x.expand(-1, 3, -1, -1).contiguous(), torch.from_numpy(y)), there


def load_sprites(job: Job, seed: int) -> tuple[Attributed, Origin]:
    """Return dSprites of the three largest scales at 32x32, T = shape, split 64 / 16 / 20 at random by seed.

    The sets of 64x64 are shrunk by an antialiased bilinear filter; ``rows`` (0 = all 368,640) are drawn at random.
    """
    p = job.config.params
    found = load("dsprites", **job.sources)
    rows = np.flatnonzero(found.labels["scale"] >= 3)
    whole = len(rows)
    generator = np.random.default_rng(seed)
    if p["rows"] and p["rows"] < len(rows):
        rows = np.sort(generator.permutation(rows)[: p["rows"]])
    images = torch.empty(len(rows), 1, 32, 32, dtype=torch.uint8)
    for start in range(0, len(rows), 4096):
        part = torch.from_numpy(found.images[rows[start : start + 4096]]).float() * 255
        small = interpolate(part, size=(32, 32), mode="bilinear", antialias=True, align_corners=False)
        images[start : start + 4096] = small.round().clamp(0, 255).to(torch.uint8)
    labels = torch.from_numpy(np.asarray(found.labels["shape"])[rows])
    return _split(images, labels, tuple(found.classes["shape"]), seed), found.origin.using(len(rows), whole)


def load_faces(job: Job, seed: int) -> tuple[Attributed, Origin]:
    """Return faces at 32x32, T = expression: CMU-PIE's crops where they are, else CelebA's *Smiling*, by its name."""
    p = job.config.params
    folder = job.root / "data" / "raw" / "cmu-pie"
    if (paths := pie_files(folder)) and job.config.data != "standin":
        origin = Origin(name="cmu-pie", kind="real", sha256=_digest(folder, paths))
        paths = [paths[k] for k in np.random.default_rng(seed).permutation(len(paths))[: len(paths) // 2]]
        framing = Framing(size=32, square=True)
        pixels = [framing.apply(open_picture(path.read_bytes(), str(path))) for path in paths]
        images = torch.from_numpy(np.stack(pixels))
        labels = torch.tensor([pie_expression(path) for path in paths])
        return _split(images, labels, ("expression 1", "expression 2"), seed), origin
    found = load("celeba", **job.sources, framing=Framing(size=32, square=True))
    rows = np.arange(len(found))[: p["rows"] or None]
    images = torch.from_numpy(np.ascontiguousarray(found.images[rows]))
    labels = torch.from_numpy(np.asarray(found.labels["Smiling"])[rows])
    return _split(images, labels, ("not smiling", "smiling"), seed), found.origin.using(len(rows), len(found))


def _digest(folder: Path, paths: list[Path]) -> str:
    """Return one sha256 over the names and contents of files below a folder."""
    lines = [f"{path.relative_to(folder)} {digest_bytes(path.read_bytes())}\n" for path in paths]
    return digest_bytes("".join(lines).encode())


def pie_files(folder: Path) -> list[Path]:
    """Return the CR-GAN crops of CMU-PIE below a folder.

    ``*/*/<subject>_<session>_<expression>_<camera>_<light>_crop*.png``.
    """
    return sorted(path for path in folder.glob("*/*/*.png") if _PIE.search(path.name))


_PIE = re.compile(r"\d+_\d+_(\d+)_\d+_\d+_crop.*\.png")


def pie_expression(path: Path) -> int:
    """Return the expression's class from 0 of a crop, by its name."""
    found = _PIE.search(path.name)
    if found is None:
        raise ConfigError(f"{path}: not the name of a CMU-PIE crop")
    return int(found.group(1)) - 1


def _split(images: Tensor, labels: Tensor, names: tuple[str, ...], seed: int) -> Attributed:
    rows = split_at_random(len(images), SPLIT, seed)
    train, test = (Labelled(images[rows[k]], labels[rows[k]].long()) for k in ("train", "test"))
    return Attributed(train, test, names)
