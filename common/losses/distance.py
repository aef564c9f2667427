"""Distance correlation as a differentiable penalty, its slope written out, and in blocks where there is none to take.

Source: Székely & Rizzo, *Partial distance correlation* (arXiv:1310.2926). U-centring P projects, so that the inner
product <PA, PB> has the slope PB in A, and <PA, PA> the slope 2 PA: no graph through the n x n tables, and the slope in
X, through A_ij = |x_i - x_j|, is one product of an n x n table with X. The estimator, in numpy, is
``common.estimators.distance_correlation``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from common.losses.offset import far_offset
from common.losses.once import first_slope_only

FLOOR = 1e-8  # of the square: where the unbiased square is below, the value is its root, without slope
_BLOCK = 256  # rows of a table at a time where only sums are wanted
_ROUNDING = 32.0  # in units of eps <A, A>: of a <PA, PA> that is nought, rounding leaves less than a third of it


def distance_correlation(x: Tensor, y: Tensor) -> Tensor:
    """Return sqrt(max(FLOOR, dCor_U^2)) of rows x (..., n, d_x) and y (..., n, d_y), in [0, 1]; n >= 4.

    The slope goes to x alone; raises ``ValueError`` where y wants one. The unbiased square may be negative: there the
    value is sqrt(FLOOR), with no slope, and so it is where U-centring leaves of a side's distances no more than
    rounding (all rows are equal, or all but one). Fewer rows raise ``ValueError``. Not differentiable a second time
    (``RuntimeError``). Memory O(n^2) of one member with a slope, O(n) without.
    """
    if x.shape[-2] < 4:
        raise ValueError(f"the distance correlation needs at least 4 rows, got {x.shape[-2]}")
    if y.requires_grad:
        raise ValueError("the slope of the distance correlation in y is not written out: give y detached")
    members = [v.reshape(-1, *v.shape[-2:]) for v in (x, y - far_offset(y))]
    if torch.is_grad_enabled() and x.requires_grad:
        found = _DistanceCorrelation.apply(*members)
    else:
        found = torch.stack([_value(a, b) for a, b in zip(*members, strict=True)]).to(x.dtype)
    return found.reshape(x.shape[:-2])


def _distances(rows: Tensor, others: Tensor) -> Tensor:
    """Return |x_i - y_j| of rows (n, d) and (k, d); where d = 1 it is exact."""
    if rows.shape[1] == 1:
        return (rows - others.T).abs_()
    squares = torch.addmm(rows.square().sum(1, keepdim=True), rows, others.T, alpha=-2)
    return squares.add_(others.square().sum(1)).clamp_(min=0).sqrt_()


class _DistanceCorrelation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        found = [_value_and_slope(a, b) for a, b in zip(x, y, strict=True)]
        ctx.save_for_backward(torch.stack([slope for _, slope in found]))
        return torch.stack([value for value, _ in found])

    @staticmethod
    @first_slope_only
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (slopes,) = ctx.saved_tensors
        return slopes * grad[:, None, None], None


def _value_and_slope(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the value of one member and its slope in x (n, d)."""
    n, x = len(x), x - x.mean(0)  # distances are the same, and less is lost in the squares
    lengths, b = _distances(x, x), _distances(y, y)
    shifts = lengths.mean(), b.mean()
    a, b = lengths.sub(shifts[0]).fill_diagonal_(0), b.sub_(shifts[1]).fill_diagonal_(0)
    sums = _Sums(n, x)
    sums.add(a, b, 0)
    covariance, of_a, of_b = sums.inner(torch.finfo(x.dtype).eps).to(x.dtype)
    scale = (of_a * of_b).sqrt()
    square = covariance / scale
    value = square.clamp(FLOOR, 1).sqrt()
    # d square = <P(B / scale - square A / <PA, PA>), dA>, and dA_ij = (x_i - x_j)(dx_i - dx_j) / A_ij
    weights = torch.stack([-square / of_a, 1 / scale])
    rows = weights @ sums.rows.to(x.dtype)
    rows = (rows - rows.sum() / (2 * (n - 1))) / (n - 2)
    h = b.mul_(weights[1]).addcmul_(a, weights[0]).sub_(rows[:, None]).sub_(rows)
    h.div_(lengths.fill_diagonal_(0).masked_fill_(lengths == 0, torch.inf))  # rows that are equal have no direction
    slope = (x * h.sum(1, keepdim=True)).sub_(h @ x).mul_(2)
    return value, slope * torch.where(square > FLOOR, 0.5 / value, 0.0)


def _value(x: Tensor, y: Tensor) -> Tensor:
    """Return the value of one member without forming a table: blocks of rows, right of the diagonal."""
    n, x = len(x), x - x.mean(0)
    shifts = [_distances(v[:_BLOCK], v).mean() for v in (x, y)]
    sums = _Sums(n, x)
    for start in range(0, n, _BLOCK):
        a, b = (_distances(v[start : start + _BLOCK], v[start:]) - s for v, s in zip((x, y), shifts, strict=True))
        sums.add(a.fill_diagonal_(0), b.fill_diagonal_(0), start)
    covariance, of_a, of_b = sums.inner(torch.finfo(x.dtype).eps)
    return (covariance / (of_a * of_b).sqrt()).clamp(FLOOR, 1).sqrt()


class _Sums:
    """Row sums A_i, B_i and inner products of two symmetric tables of no diagonal, given as blocks of rows.

    <PA, PB> = <A, B> - 2 sum_i A_i B_i / (n - 2) + A.. B.. / ((n - 1)(n - 2)). A constant off the diagonal is nought
    under P: tables less about their means give the same with less cancelled.
    """

    def __init__(self, n: int, like: Tensor) -> None:
        self.rows = torch.zeros(2, n, dtype=torch.float64, device=like.device)
        self.products = torch.zeros(3, dtype=torch.float64, device=like.device)

    def add(self, a: Tensor, b: Tensor, start: int) -> None:
        """Add the rows (k, n - start) from ``start`` on, with their columns from ``start`` on."""
        k = len(a)
        for own, table in zip(self.rows, (a, b), strict=True):
            own[start : start + k] += table.sum(1)
            own[start + k :] += table[:, k:].sum(0)
        for i, (v, w) in enumerate(((a, b), (a, a), (b, b))):
            whole = torch.linalg.vecdot(v, w).sum()
            self.products[i] += whole if v.shape[1] == k else 2 * whole - torch.linalg.vecdot(v[:, :k], w[:, :k]).sum()

    def inner(self, eps: float) -> Tensor:
        """Return <PA, PB>, <PA, PA>, <PB, PB>; 0, 1, 1 where PA or PB is rounding of tables with this ``eps``.

        So it is also where their product is too small for fp32 to divide by.
        """
        (a, b), n = self.rows, self.rows.shape[1]
        of_rows = [v.sum() * w.sum() / ((n - 1) * (n - 2)) - 2 * (v @ w) / (n - 2) for v, w in ((a, b), (a, a), (b, b))]
        found = self.products + torch.stack(of_rows)
        nought = (found[1:] <= _ROUNDING * eps * self.products[1:]).any() | (found[1] * found[2] < 1e-30)
        return torch.where(nought, found.new_tensor([0.0, 1.0, 1.0]), found)
