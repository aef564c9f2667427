"""Columns that others determine: which to leave out of a side, and whether one side determines the other."""

from __future__ import annotations

import numpy as np
from scipy.linalg import qr

from common.estimators.gaussian import canonical_correlations, gaussian_information
from common.estimators.transforms import rank_gaussian

_LEAST = 1e-9  # share of a column's variance that must be its own: below lies what inverting a correlation loses
_MOST = 1e-4  # and what even few rows must not take for a copy


def independent_columns(values: np.ndarray) -> np.ndarray:
    """Return ``values`` (n, d) without columns that vary with the others to less than the ranks can tell.

    Measured on normal scores: constants, copies, monotone maps of a column, and columns of which a linear map of the
    others leaves less than a rank or two. Of such columns as many stay as are independent of each other.
    """
    scores = rank_gaussian(values)
    scores = scores / np.maximum(np.sqrt((scores**2).mean(0)), 1e-6)
    least = max(_LEAST, min(_MOST, (4 / len(values)) ** 2))  # neighbouring ranks lie 2.5 / n apart, more in the tails
    if np.linalg.eigvalsh(scores.T @ scores / len(values))[0] > least:
        return values
    triangle, order = qr(scores, mode="r", pivoting=True)
    own = np.zeros(values.shape[1])
    own[: min(triangle.shape)] = np.diag(triangle) ** 2 / len(values)
    return values[:, np.sort(order[own > least])]


def determines(x: np.ndarray, y: np.ndarray) -> bool:
    """Return whether, in normal scores, a direction of ``x`` (n, d_x) is one of ``y`` (n, d_y) to rounding.

    The columns of each side must be independent.
    """
    scores = rank_gaussian(np.hstack([x, y]))
    if np.linalg.eigvalsh(np.corrcoef(scores.T))[0] > _LEAST:  # cheap, and small wherever a correlation is 1
        return False
    correlations = canonical_correlations(scores[:, : x.shape[1]], scores[:, x.shape[1] :])[0]
    return bool(np.isinf(gaussian_information(correlations)))
