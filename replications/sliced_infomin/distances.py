"""Distance correlation of codes and an attribute, its slope written out, and in blocks where there is none to take.

The same value as ``common.losses.distance`` (Székely & Rizzo, arXiv:1310.2926). U-centring P projects, so that the
inner product <PA, PB> has the slope PB in A, and <PA, PA> the slope 2 PA: no graph through the n x n tables, and the
slope in Z, through A_ij = |z_i - z_j|, is one product of an n x n table with Z.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

FLOOR = 1e-8  # of the square: where the unbiased square is below, the value is its root, without slope
_BLOCK = 256  # rows of a table at a time where only sums are wanted


def distance_correlation(z: Tensor, t: Tensor) -> Tensor:
    """Return sqrt(max(FLOOR, dCor_U^2)) per member for z (m, n, d_z) and t (m, n, d_t); the slope goes to z alone.

    Memory O(n^2) of one member with a slope, O(n) without.
    """
    if t.requires_grad:
        raise ValueError("the slope of the distance correlation in t is not written out: give t detached")
    if torch.is_grad_enabled() and z.requires_grad:
        return _DistanceCorrelation.apply(z, t)
    return torch.stack([_value(a, b) for a, b in zip(z, t, strict=True)]).to(z.dtype)


def _distances(rows: Tensor, others: Tensor) -> Tensor:
    """Return |x_i - y_j| of rows (n, d) and (k, d); where d = 1 it is exact."""
    if rows.shape[1] == 1:
        return (rows - others.T).abs_()
    squares = torch.addmm(rows.square().sum(1, keepdim=True), rows, others.T, alpha=-2)
    return squares.add_(others.square().sum(1)).clamp_(min=0).sqrt_()


class _DistanceCorrelation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, t: Tensor) -> Tensor:
        found = [_value_and_slope(a, b) for a, b in zip(z, t, strict=True)]
        ctx.save_for_backward(torch.stack([slope for _, slope in found]))
        return torch.stack([value for value, _ in found])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (slopes,) = ctx.saved_tensors
        return slopes * grad[:, None, None], None


def _value_and_slope(z: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Return the value of one member and its slope in z (n, d)."""
    n, z = len(z), z - z.mean(0)  # distances are the same, and less is lost in the squares
    lengths, b = _distances(z, z), _distances(t, t)
    shifts = lengths.mean(), b.mean()
    a, b = lengths.sub(shifts[0]).fill_diagonal_(0), b.sub_(shifts[1]).fill_diagonal_(0)
    sums = _Sums(n, z)
    sums.add(a, b, 0)
    covariance, of_a, of_b = sums.inner().to(z.dtype)
    scale = (of_a * of_b).clamp_min(1e-30).sqrt()
    square = covariance / scale
    value = square.clamp_min(FLOOR).sqrt()
    # d square = <P(B / scale - square A / <PA, PA>), dA>, and dA_ij = (z_i - z_j)(dz_i - dz_j) / A_ij
    weights = torch.stack([-square / of_a.clamp_min(1e-30), 1 / scale])
    rows = weights @ sums.rows.to(z.dtype)
    rows = (rows - rows.sum() / (2 * (n - 1))) / (n - 2)
    h = b.mul_(weights[1]).addcmul_(a, weights[0]).sub_(rows[:, None]).sub_(rows)
    h.div_(lengths.fill_diagonal_(0).masked_fill_(lengths == 0, torch.inf))  # rows that are equal have no direction
    slope = (z * h.sum(1, keepdim=True)).sub_(h @ z).mul_(2)
    return value, slope * torch.where(square > FLOOR, 0.5 / value, 0.0)


def _value(z: Tensor, t: Tensor) -> Tensor:
    """Return the value of one member without forming a table: blocks of rows, right of the diagonal."""
    n, z = len(z), z - z.mean(0)
    shifts = [_distances(v[:_BLOCK], v).mean() for v in (z, t)]
    sums = _Sums(n, z)
    for start in range(0, n, _BLOCK):
        a, b = (_distances(v[start : start + _BLOCK], v[start:]) - s for v, s in zip((z, t), shifts, strict=True))
        sums.add(a.fill_diagonal_(0), b.fill_diagonal_(0), start)
    covariance, of_a, of_b = sums.inner()
    return (covariance / (of_a * of_b).clamp_min(1e-30).sqrt()).clamp_min(FLOOR).sqrt()


class _Sums:
    """Row sums A_i, B_i and inner products of two symmetric tables of no diagonal, given as blocks of rows.

    <PA, PB> = <A, B> - 2 sum_i A_i B_i / (n - 2) + A.. B.. / ((n - 1)(n - 2)). A constant off the diagonal is nought
    under P: tables less about their means give the same with less cancelled.
    """

    def __init__(self, n: int, like: Tensor) -> None:
        self.rows = torch.zeros(2, n, dtype=torch.float64, device=like.device)
        self.products = torch.zeros(3, dtype=torch.float64, device=like.device)

    def add(self, a: Tensor, b: Tensor, start: int) -> None:
        """Add the rows from ``start`` on, with their columns from ``start`` on."""
        k = len(a)
        for own, table in zip(self.rows, (a, b), strict=True):
            own[start : start + k] += table.sum(1)
            own[start + k :] += table[:, k:].sum(0)
        for i, (v, w) in enumerate(((a, b), (a, a), (b, b))):
            whole = torch.linalg.vecdot(v, w).sum()
            self.products[i] += whole if v.shape[1] == k else 2 * whole - torch.linalg.vecdot(v[:, :k], w[:, :k]).sum()

    def inner(self) -> Tensor:
        """Return <PA, PB>, <PA, PA>, <PB, PB>."""
        (a, b), n = self.rows, self.rows.shape[1]
        of_rows = [v.sum() * w.sum() / ((n - 1) * (n - 2)) - 2 * (v @ w) / (n - 2) for v, w in ((a, b), (a, a), (b, b))]
        return self.products + torch.stack(of_rows)
