"""What the fitted estimators share: networks trained on part of the rows, and a value from rows held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from common.estimators.base import Estimator
from common.estimators.optimiser import FlatAdam, cosine_rate
from common.estimators.transforms import rank_gaussian, standardise


@dataclass(frozen=True)
class FittedEstimator(Estimator):
    """Settings of networks of ``hidden`` units trained for ``steps`` batches on all but ``held_out`` of the rows.

    The learning rate rises to ``lr`` and falls along a cosine; every ``check`` steps both halves of the held-out rows
    are looked at. ``copula`` takes columns to normal scores, which changes no information; else they are standardised.
    """

    hidden: tuple[int, ...] = (64, 64)
    batch: int = 256
    steps: int = 1000
    lr: float = 3e-3
    check: int = 100
    held_out: float = 0.25
    copula: bool = False
    seed: int = 0
    device: str = "cpu"

    def _shuffled(self, generator: torch.Generator, *sides: np.ndarray) -> list[Tensor]:
        """Return the transformed rows (n, d) of each side as fp32, all in one random order."""
        order = torch.randperm(len(sides[0]), generator=generator)
        prepare = rank_gaussian if self.copula else standardise
        return [torch.as_tensor(prepare(v), dtype=torch.float32)[order].to(self.device) for v in sides]

    def _fit(
        self, networks: nn.Module, rows: int, loss: Callable[[Tensor], Tensor], generator: torch.Generator
    ) -> Iterator[int]:
        """Lower ``loss(chosen)`` on batches of the first ``rows``, stopping for breath every ``check`` steps."""
        optimiser = FlatAdam(networks, self.lr)
        for step in range(self.steps):
            chosen = torch.randint(rows, (min(self.batch, rows),), generator=generator).to(self.device)
            optimiser.lr = cosine_rate(step, self.steps, self.lr)
            optimiser.zero_grad()
            loss(chosen).backward()
            optimiser.step()
            if (step + 1) % self.check == 0 or step + 1 == self.steps:
                yield step + 1


def split(n: int, held_out: float, least: int = 4) -> tuple[int, tuple[slice, slice]]:
    """Return how many of ``n`` rows train, and the two halves of the rest.

    Raises ValueError where fewer than ``least`` are held out, or fewer than 4 train.
    """
    held = int(held_out * n)
    if held < least or n - held < 4:
        raise ValueError(f"a neural estimator needs rows to train on and to hold out, got {n} rows")
    train, half = n - held, held // 2
    return train, (slice(train, train + half), slice(train + half, n))


def cross_selected(scores: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the mean of both halves' ``values (checks, 2, ...)``, each at the check the other half scored best.

    So no maximum is reported. ``scores`` has the same shape, (...) is that of the result.
    """
    best = scores[:, ::-1].argmax(0)
    first, second = np.take_along_axis(values, best[None], 0)[0]
    return 0.5 * (first + second)
