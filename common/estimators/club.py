"""CLUB's contrastive upper bound with a fitted Gaussian conditional (Cheng et al., arXiv:2006.12013)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from common.estimators.base import Estimator
from common.estimators.optimiser import FlatAdam, cosine_rate, make_generator
from common.estimators.transforms import rank_gaussian, standardise
from common.losses.club import club, gaussian_log_likelihood
from common.models.stacked import StackedMLP


@dataclass(frozen=True)
class CLUB(Estimator):
    """E_P[ln q(y|x)] - E_PxP[ln q(y|x)] on held-out rows, q a diagonal Gaussian fitted by likelihood.

    Mean and log-variance of q come from a network, the log-variance through tanh times 3. Half of the held-out rows
    pick by likelihood the snapshot that values the other half, and the reverse. Bias: high (an upper bound) where q
    is the true conditional, else of either sign and unbounded below. Cost: ``steps`` batches through the network.
    """

    bias: ClassVar[str] = "high where q is right, else either sign and unbounded"

    hidden: tuple[int, ...] = (64, 64)
    batch: int = 256
    steps: int = 1000
    lr: float = 3e-3
    check: int = 100
    held_out: float = 0.25
    copula: bool = False
    seed: int = 0
    device: str = "cpu"

    def _estimate(self, x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, Any]]:
        n, held = len(x), int(self.held_out * len(x))
        if held < 4 or n - held < 4:
            raise ValueError(f"a neural estimator needs rows to train on and to hold out, got {n} rows")
        generator = make_generator(self.seed)
        order = torch.randperm(n, generator=generator)
        prepare = rank_gaussian if self.copula else standardise
        left, right = (torch.as_tensor(prepare(v), dtype=torch.float32)[order].to(self.device)[None] for v in (x, y))
        network = StackedMLP([left.shape[-1], *self.hidden, 2 * right.shape[-1]], [generator]).to(self.device)
        train, half = n - held, held // 2
        halves = (slice(train, train + half), slice(train + half, n))
        likelihoods, values = [], []
        for _ in self._train(network, left[:, :train], right[:, :train], generator):
            with torch.no_grad():
                parts = [(right[:, rows], *_conditional(network, left[:, rows])) for rows in halves]
                likelihoods.append([gaussian_log_likelihood(*part).mean().item() for part in parts])
                values.append([club(*part).item() for part in parts])
        likelihood, value = np.array(likelihoods), np.array(values)
        estimate = 0.5 * (value[likelihood[:, 1].argmax(), 0] + value[likelihood[:, 0].argmax(), 1])
        curve = likelihood.mean(1)
        converged = bool(curve[-1] - curve[max(len(curve) - 3, 0)] < 0.01)
        info = {"curve": value.mean(1).tolist(), "log_likelihood": curve.tolist(), "converged": converged}
        return float(estimate), info

    def _train(
        self, network: StackedMLP, x: torch.Tensor, y: torch.Tensor, generator: torch.Generator
    ) -> Iterator[int]:
        """Climb the likelihood, stopping for breath every ``check`` steps."""
        optimiser = FlatAdam(network, self.lr)
        for step in range(self.steps):
            rows = torch.randint(x.shape[1], (min(self.batch, x.shape[1]),), generator=generator).to(x.device)
            optimiser.lr = cosine_rate(step, self.steps, self.lr)
            optimiser.zero_grad()
            (-gaussian_log_likelihood(y[:, rows], *_conditional(network, x[:, rows])).mean()).backward()
            optimiser.step()
            if (step + 1) % self.check == 0 or step + 1 == self.steps:
                yield step + 1


def _conditional(network: StackedMLP, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    mean, raw = network(x).chunk(2, -1)
    return mean, 3 * torch.tanh(raw)
