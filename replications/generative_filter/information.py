"""I(z~; y) of released codes and labels by nearest neighbours: Figure 9.

The paper uses Gao et al. (arXiv:1411.2003), whose published code takes scalars and returns their **total correlation**.
Labels do not fit among scalars: the result can exceed the label's own entropy (README, D10). So the mixed estimator of
Ross (2014) is the main one, and LNC stands beside it in a form that never mixes labels with volumes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from common.estimators.ksg import jitter
from common.estimators.lnc import LNC
from common.estimators.mixed_ksg import MixedKSG
from common.estimators.transforms import standardise


def mixed_information(z: NDArray[np.float64], y: NDArray[np.int64], k: int = 5) -> float:
    """Return I(z; y) in nats of codes (n, d) and labels (n,) by Ross's estimator."""
    return MixedKSG(k=k, workers=1).estimate(z, y)


def lnc_information(z: NDArray[np.float64], y: NDArray[np.int64], k: int = 5, seed: int = 0) -> float:
    """Return sum_j I(z_j; y) + sum_y p(y) TC(z | y) - TC(z), TC by LNC: the total-correlation difference for labels.

    It equals I(z; y), since H(z) = sum_j H(z_j) - TC(z) and the same holds within each label.
    """
    points = jitter(standardise(z), np.random.default_rng(seed))
    estimator = LNC(k=k, workers=1)
    total = sum(mixed_information(points[:, [j]], y, k) for j in range(points.shape[1]))
    for label in np.unique(y):
        rows = points[y == label]
        total += len(rows) / len(points) * estimator.total_correlation(rows)
    return total - estimator.total_correlation(points)


def lnc_literal(z: NDArray[np.float64], y: NDArray[np.int64], k: int = 5, seed: int = 0) -> float:
    """Return TC(z, y) - TC(z) with jittered labels among the scalars: what feeding the published code amounts to."""
    return LNC(k=k, form="difference", seed=seed, workers=1).estimate(z, y[:, None].astype(float))
