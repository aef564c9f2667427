"""Mutual information of jointly Gaussian variables, by canonical correlations.

Sources: Kay, *Elements of the information bottleneck* form I = -1/2 sum ln(1 - rho_i^2) over the canonical
correlations; the expected log-determinant of a Wishart matrix (Misra, Singh & Demchuk 2005) for the bias; normal
scores (nonparanormal, Liu et al., arXiv:0903.0649) for the copula option.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import digamma

from common.estimators.base import Estimator
from common.estimators.transforms import rank_gaussian, standardise


@dataclass(frozen=True)
class Gaussian(Estimator):
    """I = -1/2 sum_i ln(1 - rho_i^2), rho_i the canonical correlations of ``x`` and ``y``.

    ``bias_correction`` subtracts the exact finite-sample bias under Gaussian data (about d_x d_y / 2n), so the value
    may fall slightly below 0. ``copula`` replaces each column by its normal scores first: exact for any strictly
    monotone map of Gaussian coordinates. Bias: none if the (copula-)joint law is Gaussian; otherwise what only
    higher moments carry is missed, so mostly low. Infinite where a column of one side is a linear function of the
    other side. Raises ValueError unless n > d_x + d_y + 1 (ranks of both sides). Cost: O(n (d_x + d_y)^2).
    """

    bias: ClassVar[str] = "unbiased for Gaussian data, else mostly low"

    copula: bool = False
    bias_correction: bool = True

    def _estimate(self, x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, Any]]:
        if self.copula:
            x, y = rank_gaussian(x), rank_gaussian(y)
        correlations, rank_x, rank_y = canonical_correlations(x, y)
        require_rows(len(x), rank_x, rank_y)
        value = gaussian_information(correlations)
        if self.bias_correction:
            value -= wishart_bias(len(x), rank_x, rank_y)
        return value, {"canonical_correlations": correlations.tolist()}


def canonical_correlations(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Return the canonical correlations, largest first, and the ranks of ``x`` and ``y`` (constants left out)."""
    basis_x, basis_y = orthonormal_basis(standardise(x)), orthonormal_basis(standardise(y))
    correlations = np.linalg.svd(basis_x.T @ basis_y, compute_uv=False)
    return np.clip(correlations, 0.0, 1.0), basis_x.shape[1], basis_y.shape[1]


def orthonormal_basis(centred: np.ndarray) -> np.ndarray:
    """Return orthonormal columns (n, rank) that span the columns of ``centred`` (n, d)."""
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    return u[:, s > 1e-10 * max(s[0], 1e-300)] if s[0] > 0 else u[:, :0]


def canonical_bases(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both sides (n, d_x), (n, d_y) whitened and turned to canonical axes, strongest pair first."""

    def whiten(v: np.ndarray) -> np.ndarray:
        values, axes = np.linalg.eigh(np.cov(v.T).reshape(v.shape[1], v.shape[1]))
        # Directions of almost no spread are rounding or near copies: floored, not blown up.
        return (v - v.mean(0)) @ (axes / np.sqrt(np.maximum(values, 1e-4)))

    white_x, white_y = whiten(x), whiten(y)
    left, _, right = np.linalg.svd(white_x.T @ white_y / len(x))
    return white_x @ left, white_y @ right.T


def gaussian_information(correlations: np.ndarray) -> float:
    """Return -1/2 sum ln(1 - rho^2) in nats; infinite where a correlation is 1 to rounding."""
    if np.any(correlations >= 1 - 1e-14):
        return float("inf")
    return float(-0.5 * np.log1p(-(correlations**2)).sum())


def require_rows(n: int, d_x: int, d_y: int) -> None:
    """Raise ValueError where n rows are too few for d_x + d_y columns: they would fit each other whatever they hold."""
    if n <= d_x + d_y + 1:
        raise ValueError(f"{d_x} + {d_y} columns: needs more than d_x + d_y + 1 rows, got {n}; fewer columns will do")


def wishart_bias(n: int, d_x: int, d_y: int) -> float:
    """Return E[plug-in] - I for Gaussian samples of size n: half a difference of sums of digammas.

    E ln|S_d| = ln|Sigma| + sum_{i=1..d} digamma((n - i) / 2) + constants that cancel. Raises ValueError where n is too
    small for the covariance to have full rank, for no correction exists there.
    """
    require_rows(n, d_x, d_y)

    def log_det(d: int) -> float:
        return float(digamma((n - np.arange(1, d + 1)) / 2).sum())

    return 0.5 * (log_det(d_x) + log_det(d_y) - log_det(d_x + d_y))
