"""The divergences and privacy statements of sections 6.2 and 6.3: as they are, and as the paper prints them.

Sources: Dwork & Roth (2014), theorem A.1, for the Gaussian mechanism; Balle & Wang (arXiv:1805.06530), theorem 8, for
its exact delta. Everything is in nats; variances are diagonals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def gaussian_kl(mean_2: ArrayLike, cov_2: ArrayLike, mean_1: ArrayLike, cov_1: ArrayLike) -> float:
    """Return D_KL(N(mean_2, cov_2) || N(mean_1, cov_1)), the display before eq. (10)."""
    mean_1, mean_2 = np.atleast_1d(mean_1).astype(float), np.atleast_1d(mean_2).astype(float)
    cov_1, cov_2 = np.atleast_2d(cov_1).astype(float), np.atleast_2d(cov_2).astype(float)
    shift = mean_1 - mean_2
    log_ratio = np.linalg.slogdet(cov_1)[1] - np.linalg.slogdet(cov_2)[1]
    trace = np.trace(np.linalg.solve(cov_1, cov_2))
    return float(0.5 * (log_ratio - len(shift) + trace + shift @ np.linalg.solve(cov_1, shift)))


def shift_kl(squared_distance: float) -> float:
    """Return the KL of two Gaussians of one covariance, eq. (10): half their squared Mahalanobis distance."""
    return 0.5 * squared_distance  # eq. (10)


def shift_renyi(squared_distance: float, order: float) -> float:
    """Return the Rényi divergence of two Gaussians of one covariance: order / 2 times their squared distance."""
    return 0.5 * order * squared_distance


def shift_half_chi2(squared_distance: float) -> float:
    """Return 1/2 E_q1[(q2/q1 - 1)^2] of two Gaussians of one covariance: (exp(d^2) - 1) / 2, without bound."""
    return 0.5 * math.expm1(squared_distance)


def shift_half_chi2_printed(squared_distance: float) -> float:
    """Return section 6.2.1's (e^-s - 1)^2 / 2 with s = d^2 / 2: a slip, it never exceeds 1/2."""
    return 0.5 * math.expm1(-0.5 * squared_distance) ** 2


def half_chi2_bound(budget: float) -> float:
    """Return the largest d^2 that 1/2 chi^2 <= b admits: log(1 + 2 b)."""
    return math.log1p(2 * budget)


def half_chi2_bound_printed(budget: float) -> float:
    """Return section 6.2.1's -2 log((1 - sqrt(2 b))_+), the slip of the form above inherited: none from b = 1/2 on."""
    return -2 * math.log(1 - math.sqrt(2 * budget)) if budget < 0.5 else math.inf


def mechanism_kl(noise_variance: float, variances: ArrayLike) -> float:
    """Return D_KL(N(mu, S + sigma^2 I) || N(mu, S)), eq. (14), for S = diag(variances)."""
    ratio = noise_variance / np.asarray(variances, dtype=float)
    return float(0.5 * np.sum(ratio - np.log1p(ratio)))  # eq. (14)


def mechanism_kl_printed(noise_variance: float, variances: ArrayLike) -> float:
    """Return eq. (16) as printed: log-determinants replaced by sums of variances, a slip (0 at variance 1)."""
    return float(0.5 * noise_variance * np.sum(1 / np.asarray(variances, dtype=float) - 1))  # eq. (16)


def mechanism_shift(noise_variance: float, variances: ArrayLike) -> float:
    """Return the mean of eq. (10) over realised noise, sigma^2 / 2 sum(1 / s_j^2): always above eq. (14)."""
    return float(0.5 * noise_variance * np.sum(1 / np.asarray(variances, dtype=float)))


def private_sigma(sensitivity: float, epsilon: float, delta: float) -> float:
    """Return theorem 6.1's least sigma: L sqrt(2 ln(1.25 / delta)) / epsilon, for epsilon and delta in (0, 1)."""
    if not (0 < epsilon < 1 and 0 < delta < 1):
        raise ValueError(f"theorem 6.1 needs epsilon and delta in (0, 1), got {epsilon} and {delta}")
    return sensitivity * math.sqrt(2 * math.log(1.25 / delta)) / epsilon


def exact_delta(sigma: float, sensitivity: float, epsilon: float) -> float:
    """Return the least delta for which the Gaussian mechanism is (epsilon, delta)-private: what theorem 6.1 bounds."""
    from scipy.stats import norm  # 0.7 s to import, which the filters' training jobs need not pay

    half, tilt = sensitivity / (2 * sigma), epsilon * sigma / sensitivity
    return float(norm.cdf(half - tilt) - math.exp(epsilon) * norm.cdf(-half - tilt))


def private_budget(sensitivity: float, epsilon: float, delta: float, variances: ArrayLike) -> float:
    """Return the KL that theorem 6.1's noise spends: what proposition 1 should compare the budget b with."""
    return mechanism_kl(private_sigma(sensitivity, epsilon, delta) ** 2, variances)


def private_budget_printed(sensitivity: float, epsilon: float, delta: float, variances: Sequence[float]) -> float:
    """Return eq. (17)'s left side as printed, eq. (16)'s slip inherited."""
    return mechanism_kl_printed(private_sigma(sensitivity, epsilon, delta) ** 2, variances)  # eq. (17)
