"""The shared grounds: Adult, biased MNIST and CelebA-10k as inputs x, what is wanted y, and what must not be read s.

Three sets of rows that share none: *train* for the encoder, *known* for attackers and probes, *test* to judge them on.
An attacker who learnt on the encoder's own rows would read what the encoder remembers, not what it does to new rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.data import DataError, load
from common.data.biased_mnist import assign_colours, colour_images
from common.data.framing import Framing
from common.data.sets import ImageSet, TableSet
from common.results import Origin
from common.training.batches import Batch
from common.training.seeding import derive, generator
from common.workflow.config import ConfigError
from common.workflow.job import Job
from replications.generative_filter.adult import binarise

INDEPENDENT = 0.1  # of ten colours each digit has its own as often as any other
SMILING, MALE = "Smiling", "Male"


@dataclass(frozen=True)
class Ground:
    """One seed's rows: ``train``, ``known``, ``test`` with x (n, …) uint8, y (n,) and s (n,).

    ``classes``: of y, of s. ``scale`` is what 1 is in x: 1 for bits, 255 for pixels.
    """

    parts: Mapping[str, Batch]
    classes: tuple[int, int]
    scale: int
    origin: Origin

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return tuple(self.parts["train"]["x"].shape[1:])

    def unit(self, batch: Batch, noise: object = ()) -> Batch:  # noqa: ARG002
        """Return a batch with x in [0, 1]."""
        return {**batch, "x": batch["x"].float() / self.scale}


class Grounds:
    """A data set read once, and the ground that each seed draws from it."""

    def __init__(self, job: Job) -> None:
        self.p, self.name = job.config.params, job.config.cell.experiment
        if self.name not in _MAKERS:
            raise ConfigError(f"no ground {self.name!r}; valid: {', '.join(_MAKERS)}")
        config = job.config
        framing = Framing(size=self.p["side"], square=True) if self.name == "celeba" else None
        try:
            self.found = load(
                config.dataset, policy=config.data, root=job.root, mirrors=config.data_mirrors, framing=framing
            )
        except DataError as error:
            raise ConfigError(str(error)) from None

    def of(self, seed: int, device: torch.device) -> Ground:
        """Return the rows of a seed: the same for every method."""
        ground = _MAKERS[self.name](self.found, self.p, seed)
        parts = {name: {key: v.to(device) for key, v in part.items()} for name, part in ground.parts.items()}
        return Ground(parts, ground.classes, ground.scale, ground.origin)


def split(fitting: NDArray[np.int64], judging: NDArray[np.int64], p: Mapping[str, Any], *role: str | int) -> dict:
    """Return rows by part: train and known from ``fitting``, test from ``judging``, each a draw of its own.

    Raises :class:`ConfigError` where a set has fewer rows than the settings ask for.
    """
    train, known, test = p["train_rows"], p["known_rows"], p["test_rows"]
    if train + known > len(fitting) or test > len(judging):
        have = f"{len(fitting)} rows to learn on, {len(judging)} to judge on"
        raise ConfigError(f"train_rows {train} + known_rows {known}, test_rows {test}: the set has {have}")
    mixed = np.random.default_rng(derive("removal", *role, "fitting")).permutation(fitting)
    judged = np.random.default_rng(derive("removal", *role, "judging")).permutation(judging)
    return {"train": mixed[:train], "known": mixed[train : train + known], "test": judged[:test]}


def _origin(found: ImageSet | TableSet, rows: Mapping[str, NDArray]) -> Origin:
    """Return a set's origin, marked as a subset where some of its rows were left out."""
    return found.origin.using(sum(map(len, rows.values())), sum(map(len, found.splits.values())))


def _adult(table: TableSet, p: Mapping[str, Any], seed: int) -> Ground:
    """Return 102 binary inputs; y: income above 50K; s: male. Neither is among the inputs."""
    bits = binarise(table)
    learn, judge = bits["train"], bits["test"]
    rows = split(np.arange(len(learn.x)), np.arange(len(judge.x)), p, "adult", seed)
    parts = {}
    for name, chosen in rows.items():
        of = judge if name == "test" else learn
        parts[name] = {"x": of.x[chosen], "y": of.utility[chosen], "s": of.private[chosen]}
    return Ground(parts, (2, 2), 1, _origin(table, rows))


def _biased_mnist(digits: ImageSet, p: Mapping[str, Any], seed: int) -> Ground:
    """Return digits on coloured ground; y: the digit; s: the colour, which in the encoder's rows follows the digit.

    In the rows of attackers and probes colour and digit are independent: what is read there is read from z, and not
    guessed from the other label.
    """
    rows = split(digits.splits["train"], digits.splits["test"], p, "biased_mnist", seed)
    parts = {}
    for name, chosen in rows.items():
        rho = p["rho"] if name == "train" else INDEPENDENT
        grey = torch.from_numpy(np.ascontiguousarray(digits.images[chosen]))
        y = torch.from_numpy(digits.labels["digit"][chosen])
        s = assign_colours(y, rho, generator("removal", "colours", name, seed))
        parts[name] = {"x": colour_images(grey, s), "y": y, "s": s}
    return Ground(parts, (10, 10), 255, _origin(digits, rows))


def _celeba(faces: ImageSet, p: Mapping[str, Any], seed: int) -> Ground:
    """Return faces; y: smiling; s: male. Nobody among the judged is among those learnt on (split by identity)."""
    judging = np.concatenate([faces.splits["valid"], faces.splits["test"]])
    rows = split(faces.splits["train"], judging, p, "celeba", seed)
    parts = {}
    for name, chosen in rows.items():
        x: Tensor = torch.from_numpy(np.ascontiguousarray(faces.images[chosen]))
        y, s = (torch.from_numpy(faces.labels[label][chosen]) for label in (SMILING, MALE))
        parts[name] = {"x": x, "y": y, "s": s}
    return Ground(parts, (2, 2), 255, _origin(faces, rows))


_MAKERS = {"adult": _adult, "biased_mnist": _biased_mnist, "celeba": _celeba}
