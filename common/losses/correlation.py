"""Correlations as differentiable functions of tensors: the objectives behind maximal correlation.

Sources: Hirschfeld, Gebelein & Rényi's maximal correlation; Baharlouei et al. (arXiv:1906.12005) and Grari et al.
(arXiv:1911.04929) for its neural form.
"""

from __future__ import annotations

import torch
from torch import Tensor


def correlation(a: Tensor, b: Tensor, epsilon: float = 1e-8) -> Tensor:
    """Return Pearson's correlation of a and b (..., n), in [-1, 1]; 0 where a side is constant.

    ``epsilon`` holds the slope where a side collapses, so the value is free of scale only while the product of both
    deviations stays well above it: at 10 epsilon the value is short by half a per cent, at epsilon by a third. Nor may
    the product of the variances leave the dtype's range (fp32: 1e38): bring the sides to about unit scale first.
    """
    a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
    spread = a.square().mean(-1) * b.square().mean(-1)
    return (a * b).mean(-1) / (spread + epsilon**2).sqrt()


def mean_correlation(x: Tensor, y: Tensor) -> Tensor:
    """Return the mean |corr(x_i, y_j)| over all pairs of columns of x (..., n, d_x) and y (..., n, d_y), in [0, 1]."""
    return correlation(x.mT[..., :, None, :], y.mT[..., None, :, :]).abs().mean((-1, -2))


def maximal_correlation(table: Tensor) -> Tensor:
    """Return the exact HGR coefficient of a discrete joint table p(x, y): its second singular value, normalised.

    The matrix p(x, y) / sqrt(p(x) p(y)) has first singular value 1 (constants); the second is the maximal correlation.
    0 for a table of one row or one column: a constant tells nothing.
    """
    if min(table.shape) < 2:
        return table.new_zeros(())
    rows, columns = table.sum(1, keepdim=True), table.sum(0, keepdim=True)
    scale = (rows * columns).sqrt()
    return torch.linalg.svdvals(torch.where(scale > 0, table / scale.clamp_min(1e-300), 0.0))[1]
