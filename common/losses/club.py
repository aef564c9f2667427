"""CLUB: a contrastive upper bound from a fitted conditional law.

Source: Cheng et al., *CLUB: a contrastive log-ratio upper bound of mutual information* (arXiv:2006.12013).
"""

from __future__ import annotations

from torch import Tensor

from common.losses.offset import far_offset


def gaussian_log_likelihood(y: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return ln q(y | x) (..., n) of a diagonal Gaussian, less the constant d/2 ln 2 pi that cancels in the bound."""
    return -0.5 * ((y - mean).square() * (-log_variance).exp() + log_variance).sum(-1)


def club(y: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return E_P[ln q(y|x)] - E_PxP[ln q(y|x)] for all n^2 product pairs, from the first two moments of y.

    ``y``, ``mean``, ``log_variance`` are (..., n, d). Bias: an upper bound only where q is the true conditional; else
    of either sign and unbounded below. For q the true conditional of a Gaussian pair: rho^2 / (1 - rho^2) a dimension.
    """
    offset = far_offset(y, jointly=False)  # a shift of y and of its mean changes neither term
    y, mean = y - offset, mean - offset
    precision = (-log_variance).exp()
    first, second = y.mean(-2, keepdim=True), y.square().mean(-2, keepdim=True)
    # E_y (y - m)^2 = E y^2 - 2 m E y + m^2 for each x, so no n^2 table is needed.
    across = second - 2 * mean * first + mean.square()
    return 0.5 * ((across - (y - mean).square()) * precision).sum(-1).mean(-1)
