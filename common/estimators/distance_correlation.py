"""Distance correlation with U-centring.

Sources: Székely, Rizzo & Bakirov, *Measuring and testing dependence by correlation of distances*
(arXiv:0803.4101); Székely & Rizzo, *Partial distance correlation* (arXiv:1310.2926), for the unbiased form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.spatial.distance import cdist

from common.estimators.base import Estimator, Unit
from common.estimators.transforms import standardise

_BLOCK = 512  # rows of the distance matrices held at a time


@dataclass(frozen=True)
class DistanceCorrelation(Estimator):
    """sqrt(max(0, dCov_U(x, y)^2 / sqrt(dVar_U(x) dVar_U(y)))), in [0, 1].

    0 exactly under independence (in the population), 1 for a similarity map. Columns are standardised. Bias: the
    squared form is unbiased; the root of its positive part is slightly high when independent. Needs n >= 4. Cost:
    O(n^2 (d_x + d_y)) time, O(n) memory.
    """

    unit: ClassVar[Unit] = "correlation"
    bias: ClassVar[str] = "slightly high when independent (root of the positive part)"

    def _estimate(self, x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, Any]]:
        if len(x) < 4:
            raise ValueError(f"distance correlation needs at least 4 rows, got {len(x)}")
        squared = distance_correlation_squared(standardise(x), standardise(y))
        return math.sqrt(min(max(squared, 0.0), 1.0)), {"squared": squared}


def distance_correlation_squared(x: np.ndarray, y: np.ndarray) -> float:
    """Return the U-centred squared distance correlation (may be negative).

    0 where one side has no distance variance but rounding: its rows are equal, or all but one.
    """
    n = len(x)
    products = np.zeros(3)  # sums of a b, a a, b b over all pairs
    rows_a, rows_b = np.empty(n), np.empty(n)
    for start in range(0, n, _BLOCK):
        rows = slice(start, start + _BLOCK)
        a, b = cdist(x[rows], x), cdist(y[rows], y)
        rows_a[rows], rows_b[rows] = a.sum(1), b.sum(1)
        products += [np.vdot(a, b), np.vdot(a, a), np.vdot(b, b)]

    def u_product(total: float, left: np.ndarray, right: np.ndarray) -> float:
        centred = total - 2 / (n - 2) * (left @ right) + left.sum() * right.sum() / ((n - 1) * (n - 2))
        return float(centred / (n * (n - 3)))

    covariance = u_product(products[0], rows_a, rows_b)
    variances = u_product(products[1], rows_a, rows_a), u_product(products[2], rows_b, rows_b)
    floors = n * np.finfo(float).eps * products[1:] / n**2  # n roundings of the mean square distance
    if any(variance <= floor for variance, floor in zip(variances, floors, strict=True)):
        return 0.0
    return covariance / math.sqrt(variances[0] * variances[1])
