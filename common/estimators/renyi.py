"""Neural maximal correlation (Hirschfeld-Gebelein-Rényi).

Sources: Grari et al. (arXiv:1911.04929), Baharlouei et al. (arXiv:1906.12005).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from common.estimators.base import Estimator, Unit
from common.estimators.optimiser import FlatAdam, cosine_rate, make_generator
from common.estimators.transforms import rank_gaussian, standardise
from common.losses.correlation import correlation
from common.models.stacked import StackedMLP


@dataclass(frozen=True)
class Renyi(Estimator):
    """sup over f and g of corr(f(x), g(y)), networks trained on part of the rows and scored on the others, in [0, 1].

    ``two_sided=False`` keeps y as it is (mean over its columns of sup_f corr(f(x), y_j)): the correlation ratio, a
    lower bound of the maximal correlation, equal to it where y is binary. ``two_sided=True`` learns g too. Half of
    the held-out rows pick the snapshot that scores the other half. Signs are the networks' own, so that
    held-out values scatter around 0 when independent, and the positive part of their mean is returned. Bias: low (what
    the networks miss). Cost: ``steps`` batches through the networks.
    """

    unit: ClassVar[Unit] = "correlation"
    bias: ClassVar[str] = "low; a positive part, so slightly high when independent"

    two_sided: bool = True
    hidden: tuple[int, ...] = (64, 64)
    batch: int = 512
    steps: int = 600
    lr: float = 3e-3
    check: int = 50
    held_out: float = 0.25
    copula: bool = False
    seed: int = 0
    device: str = "cpu"

    def _estimate(self, x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, Any]]:
        n, held = len(x), int(self.held_out * len(x))
        if held < 8 or n - held < 4:
            raise ValueError(f"a neural estimator needs rows to train on and to hold out, got {n} rows")
        generator = make_generator(self.seed)
        order = torch.randperm(n, generator=generator)
        left, right = (
            torch.as_tensor(prepare(v), dtype=torch.float32)[order].to(self.device)
            for prepare, v in ((rank_gaussian if self.copula else standardise, v) for v in (x, y))
        )
        outputs = 1 if self.two_sided else right.shape[1]
        networks = nn.ModuleDict({"f": StackedMLP([left.shape[1], *self.hidden, outputs], [generator])})
        if self.two_sided:
            networks["g"] = StackedMLP([right.shape[1], *self.hidden, 1], [generator])
        networks.to(self.device)
        train, half = n - held, held // 2
        halves = (slice(train, train + half), slice(train + half, n))
        table = []
        for _ in self._train(networks, left[:train], right[:train], generator):
            with torch.no_grad():
                table.append([_score(networks, left[rows], right[rows]).item() for rows in halves])
        scores = np.array(table)
        value = 0.5 * (scores[scores[:, 1].argmax(), 0] + scores[scores[:, 0].argmax(), 1])
        curve = scores.mean(1)
        converged = bool(curve[-1] - curve[max(len(curve) - 3, 0)] < 0.02)
        return float(min(max(value, 0.0), 1.0)), {"curve": curve.tolist(), "converged": converged}

    def _train(self, networks: nn.ModuleDict, x: Tensor, y: Tensor, generator: torch.Generator) -> Iterator[int]:
        """Climb the correlation of the batch, stopping for breath every ``check`` steps."""
        optimiser = FlatAdam(networks, self.lr)
        for step in range(self.steps):
            rows = torch.randint(len(x), (min(self.batch, len(x)),), generator=generator).to(x.device)
            optimiser.lr = cosine_rate(step, self.steps, self.lr)
            optimiser.zero_grad()
            (-_score(networks, x[rows], y[rows])).backward()
            optimiser.step()
            if (step + 1) % self.check == 0 or step + 1 == self.steps:
                yield step + 1


def _score(networks: nn.ModuleDict, x: Tensor, y: Tensor) -> Tensor:
    """Return the mean correlation of f's outputs with g(y) or the columns of y: the networks choose the signs."""
    f = networks["f"](x[None])[0]
    g = networks["g"](y[None])[0] if "g" in networks else y
    return correlation(f.T, g.T).mean()
