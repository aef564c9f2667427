"""Neural maximal correlation (Hirschfeld-Gebelein-Rényi).

Sources: Grari et al. (arXiv:1911.04929), Baharlouei et al. (arXiv:1906.12005).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from common.estimators.base import Unit
from common.estimators.fitted import FittedEstimator, cross_selected, split
from common.estimators.optimiser import make_generator
from common.losses.correlation import correlation
from common.models.stacked import StackedMLP


@dataclass(frozen=True)
class Renyi(FittedEstimator):
    """sup over f and g of corr(f(x), g(y)), networks trained on part of the rows and scored on the others, in [0, 1].

    ``two_sided=False`` keeps y as it is (mean over its columns of sup_f corr(f(x), y_j)): the correlation ratio, a
    lower bound of the maximal correlation, equal to it where y is binary. ``two_sided=True`` learns g too. Half of
    the held-out rows pick the snapshot that scores the other half. Signs are the networks' own, so that
    held-out values scatter around 0 when independent, and the positive part of their mean is returned. Bias: low (what
    the networks miss). Cost: ``steps`` batches through the networks.
    """

    unit: ClassVar[Unit] = "correlation"
    bias: ClassVar[str] = "low; a positive part, so slightly high when independent"

    batch: int = 512
    steps: int = 600
    check: int = 50
    two_sided: bool = True

    def _estimate(self, x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, Any]]:
        train, halves = split(len(x), self.held_out, least=8)
        generator = make_generator(self.seed)
        left, right = self._shuffled(generator, x, y)
        outputs = 1 if self.two_sided else right.shape[1]
        networks = nn.ModuleDict({"f": StackedMLP([left.shape[1], *self.hidden, outputs], [generator])})
        if self.two_sided:
            networks["g"] = StackedMLP([right.shape[1], *self.hidden, 1], [generator])
        networks.to(self.device)

        def unlike(rows: Tensor) -> Tensor:
            return -_score(networks, left[rows], right[rows])

        table = []
        for _ in self._fit(networks, train, unlike, generator):
            with torch.no_grad():
                table.append([_score(networks, left[rows], right[rows]).item() for rows in halves])
        scores = np.array(table)
        value = float(cross_selected(scores, scores))
        curve = scores.mean(1)
        converged = bool(curve[-1] - curve[max(len(curve) - 3, 0)] < 0.02)
        return min(max(value, 0.0), 1.0), {"curve": curve.tolist(), "converged": converged}


def _score(networks: nn.ModuleDict, x: Tensor, y: Tensor) -> Tensor:
    """Return the mean correlation of f's outputs with g(y) or the columns of y: the networks choose the signs."""
    f = networks["f"](x[None])[0]
    g = networks["g"](y[None])[0] if "g" in networks else y
    return correlation(f.T, g.T).mean()
