"""Nearest neighbours with a local correction for non-uniformity (LNC).

Source: Gao, Ver Steeg & Galstyan, *Efficient estimation of mutual information for strongly dependent variables*
(arXiv:1411.2003).
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import digamma

from common.estimators.base import Estimator, at_least
from common.estimators.ksg import jitter, ksg_information
from common.estimators.neighbours import count_within
from common.estimators.transforms import standardise

_TRUSTED_COLUMNS = 6  # of both sides: to here independent columns read about nothing


@dataclass(frozen=True)
class LNC(Estimator):
    """I = I_KSG(x; y) - <c_xy> + <c_x> + <c_y>, c the local corrections of the joint space and of each side.

    Where the neighbours of a point fill less than ``alpha`` of their axis-parallel box once it is turned to their
    principal axes, c is the log of that fraction, else 0. The published code takes scalar variables and returns their
    total correlation: ``form="difference"`` uses it literally, TC(x, y) - TC(x) - TC(y) with KSG's second form; the
    same for scalars, but high for vectors (0.1 nats on dependent 4 x 4 Gaussians), hence ``form="blocks"`` with KSG's
    first form on the two vectors. ``alpha=None`` calibrates it to neighbours and dimension, such that neighbours spread
    evenly over a box trip it in one case of 2,000. Axes need more neighbours than dimensions: max(k, 2 d) of them draw
    both boxes, while k of them make the estimate. Not for labels: jittered labels make the log-volumes explode (use
    ``mixed_ksg``). Bias: far less low than KSG under strong dependence. Beyond six columns in all it is high: boxes of
    so many sides look sparse, the joint space's above all. Independent columns read, at n = 2,000, 0.01 nats at 3 + 3,
    0.4 at 5 + 5 and 1.2 at 10 + 10, and five times the rows only halve that; a ``UserWarning`` says so. Cost:
    O(n log n + n d^3); calibrating ``alpha`` for 32 joint columns takes 16 s and 1.4 GB once.
    """

    bias: ClassVar[str] = "low under strong dependence, much less than ksg; high beyond 6 columns (1.2 nats at 10 + 10)"

    k: int = 5
    alpha: float | None = None
    seed: int = 0
    form: Literal["blocks", "difference"] = "blocks"
    workers: int = -1

    def _estimate(self, x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, Any]]:
        generator = np.random.default_rng(self.seed)
        x, y = jitter(standardise(x), generator), jitter(standardise(y), generator)
        both = np.hstack([x, y])
        if both.shape[1] > _TRUSTED_COLUMNS:
            warnings.warn(
                f"lnc is high in {both.shape[1]} columns, by 0.4 nats in ten and 1.2 in twenty: take ksg or auto",
                stacklevel=4,
            )
        if self.form == "difference":
            return self.total_correlation(both) - self.total_correlation(x) - self.total_correlation(y), {}
        if self.form != "blocks":
            raise ValueError(f"form must be 'blocks' or 'difference', got {self.form!r}")
        corrections = [self._mean_correction(_offsets(v, self.k, self.workers)) for v in (both, x, y)]
        plain = ksg_information(x, y, self.k, self.workers)
        return plain - corrections[0] + corrections[1] + corrections[2], {"ksg": plain}

    def total_correlation(self, points: np.ndarray) -> float:
        """Return TC in nats of the columns of ``points`` (n, d), without ties; 0 for one column."""
        n, d = points.shape
        if d == 1:
            return 0.0
        offsets = _offsets(points, self.k, self.workers)
        sides = np.abs(offsets[:, : self.k]).max(1)
        counts = [count_within(points[:, [j]], sides[:, j], strict=False) - 1 for j in range(d)]
        plain = digamma(self.k) - (d - 1) / self.k + (d - 1) * digamma(n)
        plain -= sum(digamma(np.maximum(c, 1)).mean() for c in counts)
        return float(plain - self._mean_correction(offsets))

    def _mean_correction(self, offsets: np.ndarray) -> float:
        _, neighbours, d = offsets.shape
        if d == 1:
            return 0.0
        floor = math.log(even_shrinkage(neighbours, d) if self.alpha is None else self.alpha)
        ratio = log_shrinkage(offsets)
        return float(np.where(ratio < floor, ratio, 0.0).mean())


def _offsets(points: np.ndarray, k: int, workers: int) -> np.ndarray:
    """Return each point's nearest neighbours relative to it, nearest first, (n, max(k, 2 d), d)."""
    n, d = points.shape
    shape = max(k, 2 * d)
    at_least(1, k=k)
    if shape >= n:
        raise ValueError(f"k = {k} in {d} dimensions needs more than {shape} rows, got {n}")
    tree = cKDTree(points, leafsize=32)
    neighbours = tree.query(points, k=shape + 1, p=np.inf, workers=workers)[1][:, 1:]
    return points[neighbours] - points[:, None]


def log_shrinkage(offsets: np.ndarray) -> np.ndarray:
    """Return ln(V_turned / V_box) (n,) of neighbours ``offsets`` (n, k, d) relative to their point."""
    _, axes = np.linalg.eigh(np.swapaxes(offsets, 1, 2) @ offsets)
    turned = np.abs(offsets @ axes).max(1)
    return np.log(turned).sum(1) - np.log(np.abs(offsets).max(1)).sum(1)


@cache
def even_shrinkage(neighbours: int, d: int, rate: float = 5e-4, draws: int = 20_000) -> float:
    """Return the ``rate`` quantile of V_turned / V_box for neighbours spread evenly over a box, by simulation."""
    offsets = np.random.default_rng(0).uniform(-1, 1, (draws, neighbours, d))
    return float(np.exp(np.quantile(log_shrinkage(offsets), rate)))
