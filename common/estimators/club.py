"""CLUB's contrastive upper bound with a fitted Gaussian conditional (Cheng et al., arXiv:2006.12013)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from common.estimators.fitted import FittedEstimator, cross_selected, split
from common.estimators.optimiser import make_generator
from common.losses.club import club, gaussian_log_likelihood
from common.models.stacked import StackedMLP


@dataclass(frozen=True)
class CLUB(FittedEstimator):
    """E_P[ln q(y|x)] - E_PxP[ln q(y|x)] on held-out rows, q a diagonal Gaussian fitted by likelihood.

    Mean and log-variance of q come from a network, the log-variance through tanh times 3. Half of the held-out rows
    pick by likelihood the snapshot that values the other half, and the reverse. Bias: high (an upper bound) where q
    is the true conditional, else of either sign and unbounded below. Cost: ``steps`` batches through the network.
    """

    bias: ClassVar[str] = "high where q is right, else either sign and unbounded"

    def _estimate(self, x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, Any]]:
        train, halves = split(len(x), self.held_out)
        generator = make_generator(self.seed)
        left, right = (v[None] for v in self._shuffled(generator, x, y))
        network = StackedMLP([left.shape[-1], *self.hidden, 2 * right.shape[-1]], [generator]).to(self.device)

        def unlikely(rows: torch.Tensor) -> torch.Tensor:
            return -gaussian_log_likelihood(right[:, rows], *_conditional(network, left[:, rows])).mean()

        likelihoods, values = [], []
        for _ in self._fit(network, train, unlikely, generator):
            with torch.no_grad():
                parts = [(right[:, rows], *_conditional(network, left[:, rows])) for rows in halves]
                likelihoods.append([gaussian_log_likelihood(*part).mean().item() for part in parts])
                values.append([club(*part).item() for part in parts])
        likelihood, value = np.array(likelihoods), np.array(values)
        curve = likelihood.mean(1)
        converged = bool(curve[-1] - curve[max(len(curve) - 3, 0)] < 0.01)
        info = {"curve": value.mean(1).tolist(), "log_likelihood": curve.tolist(), "converged": converged}
        return float(cross_selected(likelihood, value)), info


def _conditional(network: StackedMLP, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    mean, raw = network(x).chunk(2, -1)
    return mean, 3 * torch.tanh(raw)
