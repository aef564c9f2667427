"""The Hilbert-Schmidt independence criterion as a pure function of two kernel matrices.

Sources: Gretton et al., *Measuring statistical dependence with Hilbert-Schmidt norms* (2005); Song et al.,
*Feature selection via dependence maximization* (2012, eq. 5) for the unbiased form.
"""

from __future__ import annotations

import torch
from torch import Tensor

from common.losses.offset import far_offset

_ROUNDING = 128.0  # in units of eps sum K_ij^2: rounding of the sums is below half of it, for up to thousands of rows


def gaussian_kernel(x: Tensor, bandwidth: float | Tensor | None = None) -> Tensor:
    """Return exp(-||x_i - x_j||^2 / 2 s^2) of the rows (n, d); s defaults to the median distance, held constant."""
    x = x - far_offset(x)
    squared = torch.cdist(x, x).square()
    if bandwidth is None:
        off = squared.detach()[~torch.eye(len(x), dtype=torch.bool, device=x.device)]
        spread = off.median() / 2
        bandwidth = torch.where(spread > 0, spread, torch.ones_like(spread)).mul(2).sqrt()
    return torch.exp(-squared / (2 * bandwidth**2))


def unbiased_hsic(k: Tensor, l: Tensor) -> Tensor:  # noqa: E741  # K and L are the source's names
    """Return HSIC_1 of kernel matrices (n, n): mean 0 under independence, so it may be negative.

    (tr K'L' + 1'K'1 1'L'1 / ((n-1)(n-2)) - 2 / (n-2) 1'K'L'1) / (n (n-3)), K' and L' with zero diagonals.
    Raises ValueError for n < 4.
    """
    n = len(k)
    if n < 4:
        raise ValueError(f"the unbiased HSIC needs at least 4 rows, got {n}")
    k, l = k - torch.diag(k.diagonal()), l - torch.diag(l.diagonal())  # noqa: E741
    rows_k, rows_l = k.sum(1), l.sum(1)
    product = (k * l).sum() + rows_k.sum() * rows_l.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (rows_k @ rows_l)
    return product / (n * (n - 3))


def hsic_alignment(k: Tensor, l: Tensor) -> Tensor:  # noqa: E741
    """Return HSIC_1(K, L) / sqrt(HSIC_1(K, K) HSIC_1(L, L)): 1 for equal kernels, about 0 when independent.

    0, without slope, where centring leaves of a kernel no more than rounding, as where all rows are equal, or all but
    one.
    """
    of_k, of_l = unbiased_hsic(k, k), unbiased_hsic(l, l)
    value = unbiased_hsic(k, l) / (of_k * of_l).clamp_min(1e-24).sqrt()
    return torch.where(_is_rounding(of_k, k) | _is_rounding(of_l, l), torch.zeros_like(value), value)


def _is_rounding(own: Tensor, kernel: Tensor) -> Tensor:
    """Return whether ``own``, HSIC_1 of a kernel (n, n) with itself, is nought to within the rounding of its sums."""
    n, kernel = len(kernel), kernel.detach()
    squares = kernel.square().sum() - kernel.diagonal().square().sum()
    return own * (n * (n - 3)) <= _ROUNDING * torch.finfo(kernel.dtype).eps * squares
