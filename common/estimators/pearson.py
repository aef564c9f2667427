"""Pearson correlation of vectors: the mean absolute correlation over all pairs of columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from common.estimators.base import Estimator, Unit
from common.estimators.transforms import standardise


@dataclass(frozen=True)
class Pearson(Estimator):
    """Mean over all pairs of columns of |corr(x_i, y_j)|, in [0, 1]; ``reduce="max"`` takes the largest pair.

    A constant column counts as 0. Bias: blind to what is not linear; |.| adds about 0.8 / sqrt(n) per pair when
    independent. Cost: O(n d_x d_y).
    """

    unit: ClassVar[Unit] = "correlation"
    bias: ClassVar[str] = "blind to non-linear dependence; high by 0.8/sqrt(n) when independent"

    reduce: str = "mean"

    def _estimate(self, x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, Any]]:
        if self.reduce not in {"mean", "max"}:
            raise ValueError(f"reduce must be 'mean' or 'max', got {self.reduce!r}")
        table = np.abs(standardise(x).T @ standardise(y)) / len(x)
        return float(min(getattr(table, self.reduce)(), 1.0)), {}
