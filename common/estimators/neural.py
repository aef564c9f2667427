"""The common frame of the neural estimators: a stack of critics trained on part of the rows, valued on the others.

A subclass gives two functions of a score matrix: what training climbs and what is reported
(:class:`ScoreEstimator`), or binds them to what else a fit trains and remembers (:meth:`NeuralEstimator.with_parts`).
Several seeds, or several data sets of one shape, train as one stacked model (:meth:`NeuralEstimator.estimate_stack`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from common.estimators.base import ArrayLike, Estimator, at_least, refuse_settings
from common.estimators.fitted import cross_selected, split
from common.estimators.optimiser import FlatAdam, cosine_rate, make_generator
from common.estimators.pairs import take_rows
from common.estimators.transforms import rank_gaussian, standardise
from common.models.critics import make_critic

_EVALUATION_ROWS = 1024  # rows whose pairs are all scored at a time when a fit is valued, or less than twice as many


Function = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Climb:
    """What training climbs and what is reported, as functions of (scores, the batch's x)."""

    objective: Function
    value: Function


@dataclass(frozen=True)
class Fit:
    """What a stack of fits gave: held-out ``values`` (members,) and their ``curves`` (members, checks)."""

    values: np.ndarray
    curves: np.ndarray
    converged: np.ndarray


@dataclass(frozen=True)
class NeuralEstimator(Estimator):
    """Settings shared by the critics' estimators.

    ``critic``: one of ``common.models.critics.CRITICS``; ``hidden`` layers of it; ``rank`` of its products. ``batch``
    rows a step give ``batch`` (``batch`` - 1) product pairs. ``held_out`` of the rows are never trained on: each
    half of them is valued at the snapshot (every ``check`` steps) that the other half scored best, so overfitting
    is cut off and no maximum is reported. ``copula`` takes columns to normal scores, which changes no information and
    keeps heavy tails from ruling the scores; else they are standardised.
    """

    critic: str = "separable"
    hidden: tuple[int, ...] = (64, 64)
    rank: int = 32
    batch: int = 128
    steps: int = 1000
    lr: float = 3e-3
    check: int = 100
    held_out: float = 0.25
    copula: bool = True
    seed: int = 0
    device: str = "cpu"

    def extra_modules(self, d_x: int, generators: Sequence[torch.Generator]) -> dict[str, nn.Module]:
        """Return what is trained beside the critic (a baseline), none by default."""
        del d_x, generators
        return {}

    @abstractmethod
    def with_parts(self, parts: nn.ModuleDict) -> Climb:
        """Return the functions of scores bound to one fit's modules and state."""

    def _estimate(self, x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, Any]]:
        fit = self._fit(x[None], y[None], [self.seed])
        return float(fit.values[0]), {"curve": fit.curves[0].tolist(), "converged": bool(fit.converged[0])}

    def estimate_stack(self, pairs: Sequence[tuple[ArrayLike, ArrayLike]], seeds: Sequence[int]) -> Fit:
        """Estimate several data sets of one shape, or one data set under several seeds, as one stacked fit.

        ``pairs`` holds one (x, y) per seed, or a single one for all seeds. Raises ValueError where they
        are of another number or differ in shape.
        """
        pairs = list(pairs) * len(seeds) if len(pairs) == 1 else list(pairs)
        if len(pairs) != len(seeds):
            raise ValueError(f"{len(pairs)} data sets for {len(seeds)} seeds: give one for each, or one for all")
        columns = [self._validate(x, y) for x, y in pairs]
        if len({(x.shape, y.shape) for x, y in columns}) > 1:
            raise ValueError("stacked data sets must share their shapes")
        return self._fit(np.stack([x for x, _ in columns]), np.stack([y for _, y in columns]), seeds)

    def _fit(self, x: np.ndarray, y: np.ndarray, seeds: Sequence[int]) -> Fit:
        at_least(2, batch=self.batch)  # a product pair takes two rows
        train, halves = split(x.shape[1], self.held_out)
        generators = [make_generator(seed) for seed in seeds]
        left, right = (self._shuffled(v, seeds) for v in (x, y))
        parts = self._parts(left.shape[-1], right.shape[-1], generators)
        climb = self.with_parts(parts)
        table = []
        for _ in self._train(parts, climb, left[:, :train], right[:, :train], generators):
            table.append([_valued(parts["critic"], climb, left[:, rows], right[:, rows]) for rows in halves])
        return _summary(np.array(table))

    def stream(self, draw: Callable[[int], tuple[Tensor, Tensor]], steps: int) -> np.ndarray:
        """Train on fresh batches, ``draw(step)`` giving (x, y) (batch, d) fp32, and return the value of each batch.

        Every batch is valued before the critic has seen it, so no value is fitted to its own sample; the learning
        rate stays at ``lr``. This is the protocol of staircases, whose information changes while training goes on.
        """
        refuse_settings(self.parameters())
        values = np.empty(steps)
        for step in range(steps):
            x, y = (v[None] for v in draw(step))
            if step == 0:
                parts = self._parts(x.shape[-1], y.shape[-1], [make_generator(self.seed)])
                climb, optimiser = self.with_parts(parts), FlatAdam(parts, self.lr)
            scores = parts["critic"].matrix(x, y)
            optimiser.zero_grad()
            (-climb.objective(scores, x).sum()).backward()
            optimiser.step()
            with torch.no_grad():
                values[step] = climb.value(scores, x).item()
        return values

    def _parts(self, d_x: int, d_y: int, generators: Sequence[torch.Generator]) -> nn.ModuleDict:
        parts = nn.ModuleDict(self.extra_modules(d_x, generators))
        parts["critic"] = make_critic(self.critic, d_x, d_y, self.hidden, generators, "relu", self.rank)
        return parts.to(self.device)

    def _shuffled(self, values: np.ndarray, seeds: Sequence[int]) -> Tensor:
        """Return transformed rows as fp32 (members, n, d), each member in its own order, both sides alike."""
        prepare = rank_gaussian if self.copula else standardise
        orders = [np.random.default_rng(seed).permutation(values.shape[1]) for seed in seeds]
        rows = np.stack([prepare(v)[order] for v, order in zip(values, orders, strict=True)])
        return torch.as_tensor(rows, dtype=torch.float32, device=self.device)

    def _train(
        self, parts: nn.ModuleDict, climb: Climb, x: Tensor, y: Tensor, generators: Sequence[torch.Generator]
    ) -> Iterator[int]:
        """Train, stopping for breath every ``check`` steps."""
        rows, batch = x.shape[1], min(self.batch, x.shape[1])
        optimiser = FlatAdam(parts, self.lr)
        order, position = None, rows
        for step in range(self.steps):
            if position + batch > rows:
                order = torch.stack([torch.randperm(rows, generator=g) for g in generators]).to(x.device)
                position = 0
            chosen = order[:, position : position + batch]
            position += batch
            optimiser.lr = cosine_rate(step, self.steps, self.lr)
            x_rows = take_rows(x, chosen)
            optimiser.zero_grad()
            (-climb.objective(parts["critic"].matrix(x_rows, take_rows(y, chosen)), x_rows).sum()).backward()
            optimiser.step()
            if (step + 1) % self.check == 0 or step + 1 == self.steps:
                yield step + 1


class ScoreEstimator(NeuralEstimator):
    """An estimator whose objective and value are functions of the scores alone."""

    @abstractmethod
    def objective(self, scores: Tensor) -> Tensor:
        """Return what training climbs for score matrices (members, K, K): one value per member."""

    def value(self, scores: Tensor) -> Tensor:
        """Return the estimate that score matrices (members, K, K) give: one value per member."""
        return self.objective(scores)

    def with_parts(self, parts: nn.ModuleDict) -> Climb:
        """Return both functions as they are: a fit has no state of its own."""
        del parts
        return Climb(lambda scores, _: self.objective(scores), lambda scores, _: self.value(scores))


@torch.no_grad()
def _valued(critic: nn.Module, climb: Climb, x: Tensor, y: Tensor) -> np.ndarray:
    """Return the value per member of rows, all pairs within blocks of equal size (1,024 to 2,047 rows) averaged."""
    blocks = max(1, x.shape[1] // _EVALUATION_ROWS)
    size = x.shape[1] // blocks
    values = []
    for start in range(0, blocks * size, size):
        rows = slice(start, start + size)
        values.append(climb.value(critic.matrix(x[:, rows], y[:, rows]), x[:, rows]))
    return torch.stack(values).mean(0).cpu().double().numpy()


def _summary(table: np.ndarray) -> Fit:
    """Return the fit that values (checks, 2, members) of both halves of the held-out rows amount to."""
    finite = np.where(np.isfinite(table), table, -np.inf)
    curves = table.mean(1).T
    scale = np.maximum(np.abs(curves[:, -1]), 0.1)
    late = curves[:, -1] - curves[:, max(len(table) - 3, 0)]
    return Fit(cross_selected(finite, table), curves, late < 0.05 * scale)
