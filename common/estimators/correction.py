"""A neural correction on top of a parametric log density ratio, fitted by Donsker-Varadhan and judged on held-out rows.

T(x, y) = ratio(x, y) + g(x)'h(y) + a(x) + b(y): the parametric part carries what it can in closed form and the
networks learn only what is left, starting at nearly nothing. Every batch scores all pairs of its rows (Poole et al.,
arXiv:1905.06922, section 2), so the partition term sees thousands of product pairs per step at the cost of two
matrix products; training climbs the Donsker-Varadhan bound (MINE, arXiv:1801.04062).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from common.estimators.base import at_least
from common.estimators.copula import LogRatio
from common.estimators.fitted import cross_selected
from common.estimators.optimiser import FlatAdam, cosine_rate, make_generator
from common.losses.contrastive import donsker_varadhan_matrix
from common.models.stacked import StackedMLP


@dataclass(frozen=True)
class Correction:
    """What a fit found on its held-out rows, in nats.

    ``bound`` is the held-out Donsker-Varadhan value of the chosen critic; ``base_mean`` the ratio's held-out mean;
    ``gain`` = bound less the ratio's own, paired on the same rows and cross-selected, so that it is not a maximum over
    snapshots. ``curve`` holds the gain after each check.
    """

    bound: float
    base_mean: float
    gain: float
    curve: list[float]
    steps: int
    converged: bool


@dataclass(frozen=True)
class CorrectionFit:
    """The settings of a correction: two networks of ``hidden`` units with ``rank`` outputs each, ``batch`` rows a step.

    The learning rate rises for 5 % of ``steps`` and falls along a cosine. Every ``check`` steps both halves of the
    held-out rows are scored; a fit that has gained less than ``least`` nats by ``patience`` checks, or not improved
    for as many, stops.
    """

    hidden: tuple[int, ...] = (64, 64)
    rank: int = 32
    batch: int = 128
    steps: int = 1000
    lr: float = 8e-3
    check: int = 100
    patience: int = 4
    least: float = 0.01
    held_out: float = 0.25
    activation: str = "tanh"

    def train_rows(self, n: int) -> int:
        """Return how many leading rows of ``n`` train; the rest is held out."""
        return n - int(self.held_out * n)

    def run(
        self, inputs: tuple[Tensor, Tensor], scores: tuple[Tensor, Tensor], ratio: LogRatio, seed: int
    ) -> Correction:
        """Fit to rows in random order: network ``inputs`` (n, d), and the ratio's own coordinates ``scores``."""
        at_least(1, steps=self.steps, check=self.check)
        n = len(inputs[0])
        train = self.train_rows(n)
        half = (n - train) // 2
        halves = (slice(train, train + half), slice(train + half, n))
        data = _Rows(inputs, scores, ratio)
        generator = make_generator(seed)
        network = _network(data.inputs.shape[-1], self, generator, data.inputs.device)
        base = [data.bound(rows, None) for rows in halves]
        gains = [[0.0, 0.0]]
        taken = 0
        for step in self._train(data, network, train, generator):
            taken = step
            gains.append([data.bound(rows, network) - b for rows, b in zip(halves, base, strict=True)])
            if self._at_rest(gains):
                break
        table = np.array(gains)
        gain = float(cross_selected(table, table))
        mean = table.mean(1)
        base_mean = 0.5 * sum(data.base_mean(rows) for rows in halves)
        converged = bool(mean.argmax() < len(mean) - 1 or mean[-1] - mean[-2] < self.least)
        return Correction(0.5 * sum(base) + gain, base_mean, gain, mean.tolist(), taken, converged)

    def _at_rest(self, gains: list[list[float]]) -> bool:
        mean = [sum(pair) / 2 for pair in gains]
        if len(mean) <= self.patience:
            return False
        return max(mean) < self.least or max(mean[-self.patience :]) < max(mean)

    def _train(self, data: _Rows, network: StackedMLP, train: int, generator: torch.Generator) -> Iterator[int]:
        """Yield the number of steps taken, every ``check`` steps."""
        device = data.inputs.device
        batch, check = min(self.batch, train), min(self.check, self.steps)
        optimiser = FlatAdam(network, self.lr)
        order, position = torch.randperm(train, generator=generator).to(device), 0
        for step in range(self.steps):
            if position + batch > train:
                order, position = torch.randperm(train, generator=generator).to(device), 0
            rows = order[position : position + batch]
            position += batch
            optimiser.lr = cosine_rate(step, self.steps, self.lr)
            loss = -donsker_varadhan_matrix(data.matrix(rows, rows, network))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if (step + 1) % check == 0:
                yield step + 1


class _Rows:
    """Rows of both sides with the parts of the parametric ratio worked out once.

    Network inputs are padded to one width, so that both networks run as one stack of two.
    """

    def __init__(self, inputs: tuple[Tensor, Tensor], scores: tuple[Tensor, Tensor], ratio: LogRatio) -> None:
        width = max(v.shape[1] for v in inputs)
        pad = torch.nn.functional.pad
        self.inputs = torch.stack([pad(v, (0, width - v.shape[1])) for v in inputs])
        self.ratio, self.y = ratio, scores[1]
        self.terms = ratio.terms(*scores)

    def matrix(self, rows_x: Tensor | slice, rows_y: Tensor | slice, network: StackedMLP | None) -> Tensor:
        """Return T (rows_x, rows_y) for all pairs of the given rows; without a network the ratio alone."""
        side_x, side_y, joint_x, joint_y, mapped = self.terms
        terms = (side_x[rows_x], side_y[rows_y], joint_x[rows_x], joint_y[rows_y], mapped[rows_x])
        base = self.ratio.matrix(terms, self.y[rows_y])
        if network is None:
            return base
        if rows_x is rows_y:
            out = network(self.inputs[:, rows_x])
            left, right = out[0], out[1]
        else:
            left, right = network(torch.stack([self.inputs[0, rows_x], self.inputs[1, rows_y]])).unbind()
        base += right[:, -1]
        return torch.addmm(base, left[:, :-1], right[:, :-1].mT) + left[:, -1:]

    @torch.no_grad()
    def bound(self, rows: slice, network: StackedMLP | None) -> float:
        """Return the Donsker-Varadhan value of the given rows, all pairs."""
        return donsker_varadhan_matrix(self.matrix(rows, rows, network)).item()

    def base_mean(self, rows: slice) -> float:
        """Return the mean of the parametric ratio over joint pairs."""
        return self.ratio.pairs(tuple(t[rows] for t in self.terms), self.y[rows]).mean().item()


def _network(width: int, fit: CorrectionFit, generator: torch.Generator, device: torch.device) -> StackedMLP:
    """Return the pair of networks as a stack of two, their outputs small at first."""
    network = StackedMLP([width, *fit.hidden, fit.rank + 1], [generator, generator], fit.activation).to(device)
    with torch.no_grad():
        network.layers[-1].weight.mul_(0.1)
        network.layers[-1].bias.zero_()
    return network
