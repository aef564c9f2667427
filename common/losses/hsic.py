"""The Hilbert-Schmidt independence criterion as a pure function of two kernel matrices.

Sources: Gretton et al., *Measuring statistical dependence with Hilbert-Schmidt norms* (2005); Song et al.,
*Feature selection via dependence maximization* (2012, eq. 5) for the unbiased form.
"""

from __future__ import annotations

import torch
from torch import Tensor

from common.losses.offset import far_offset


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

    0 where a kernel is constant off its diagonal: rounding is all that both forms would hold.
    """
    spread = unbiased_hsic(k, k) * unbiased_hsic(l, l)
    value = unbiased_hsic(k, l) / spread.clamp_min(1e-24).sqrt()
    return torch.where(_constant(k) | _constant(l), torch.zeros_like(value), value)


def _constant(kernel: Tensor) -> Tensor:
    """Return whether all entries (n, n) off the diagonal are the same to rounding."""
    off = kernel.detach()[~torch.eye(len(kernel), dtype=torch.bool, device=kernel.device)]
    return off.max() - off.min() <= 16 * torch.finfo(kernel.dtype).eps * off.abs().max()
