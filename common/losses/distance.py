"""Distance correlation as a differentiable penalty.

Source: Székely & Rizzo, *Partial distance correlation* (arXiv:1310.2926), U-centring. The estimator with bounded memory
is ``common.estimators.distance_correlation``.
"""

from __future__ import annotations

import torch
from torch import Tensor


def distance_correlation(x: Tensor, y: Tensor, floor: float = 1e-8) -> Tensor:
    """Return sqrt(max(floor, dCor_U^2)) of rows x (..., n, d_x) and y (..., n, d_y), in [0, 1]; n >= 4.

    The unbiased square may be negative: there the value is sqrt(floor), with no gradient. Memory O(n^2).
    """
    a, b = (_u_centred(torch.cdist(v, v)) for v in (x, y))
    covariance = (a * b).sum((-1, -2))
    spread = a.square().sum((-1, -2)) * b.square().sum((-1, -2))
    return (covariance / spread.clamp_min(1e-30).sqrt()).clamp_min(floor).sqrt()


def _u_centred(distances: Tensor) -> Tensor:
    n = distances.shape[-1]
    rows = distances.sum(-1, keepdim=True)
    centred = distances - (rows + rows.mT) / (n - 2) + rows.sum(-2, keepdim=True) / ((n - 1) * (n - 2))
    return centred.masked_fill(torch.eye(n, dtype=torch.bool, device=distances.device), 0.0)
