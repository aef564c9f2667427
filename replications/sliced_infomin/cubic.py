"""Cubic polynomials of slices for a stack of members: features, their covariance, and scores with slopes written out.

The same numbers as ``common.losses.sliced`` gives for one member: a score is a polynomial in u = tanh(slice), so that
neither its 3 S features nor a graph through them are needed, and of a covariance the lower half is all that is read.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from common.losses.sliced import standardise

_BLOCK = 128  # columns of the covariance at a time: half of it is left out at little loss of speed


def units(x: Tensor) -> Tensor:
    """Return (m, n, d) with columns of mean 0 and unbiased deviation 1 within each member."""
    return standardise(x.transpose(0, 1)).transpose(0, 1)


@torch.no_grad()
def centred_features(x: Tensor, directions: Tensor) -> Tensor:
    """Return u, u^2, u^3 less their means, (m, n, 3 S), for x (m, n, d) and directions (m, d, S)."""
    u = torch.tanh(units(x) @ directions)
    slices = u.shape[-1]
    features = u.new_empty(*u.shape[:2], 3 * slices)
    first, second, third = features.split(slices, -1)
    first.copy_(u)
    torch.mul(u, u, out=second)
    torch.mul(second, u, out=third)
    return features.sub_(features.mean(1, keepdim=True))


@torch.no_grad()
def ridge_solve(columns: Tensor, target: Tensor, ridge: float, refinements: int = 2) -> Tensor:
    """Return (F'F + ridge I)^-1 target for F (m, n, p) and a few target columns (m, p, q), all in fp64.

    The covariance is formed and factored in fp32, at half the time, and the solution refined against its fp64 residual:
    with the ridge of the max step each turn takes three to four digits off the error, from 1e-4 to 1e-8 to 1e-11.
    """
    members, _, p = columns.shape
    narrow = columns.float()
    gram = narrow.new_zeros(members, p, p)
    for start in range(0, p, _BLOCK):
        stop = min(start + _BLOCK, p)
        torch.bmm(narrow[..., start:stop].mT, narrow[..., :stop], out=gram[:, start:stop, :stop])
    gram.diagonal(dim1=-2, dim2=-1).add_(ridge)
    factor = torch.linalg.cholesky(gram)
    found = torch.cholesky_solve(target.float(), factor).double()
    for _ in range(refinements):
        left = target - ridge * found - times(columns.mT, times(columns, found))
        found += torch.cholesky_solve(left.float(), factor)
    return found


def times(matrix: Tensor, few: Tensor) -> Tensor:
    """Return the product with a few columns, as one of a few rows: three times faster."""
    return (few.mT @ matrix.mT).mT


def scores(x: Tensor, directions: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted sum of u, u^2, u^3 over slices, (m, n), for weights (m, 3 S); differentiable in x."""
    return _Scores.apply(x, directions, weights.unflatten(-1, (3, -1)))


class _Scores(torch.autograd.Function):
    """sum_s u (a + u (b + u c)) with u = tanh(x^ theta_s) and x^ in units; a, b, c and theta get no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, directions: Tensor, weights: Tensor) -> Tensor:
        inputs = units(x)
        u = torch.tanh(inputs @ directions)
        ctx.save_for_backward(x, inputs, u, directions, weights)
        a, b, c = weights[:, :, None].unbind(1)
        return (u * c).add_(b).mul_(u).add_(a).mul_(u).sum(-1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        x, inputs, u, directions, weights = ctx.saved_tensors
        a, b, c = weights[:, :, None].unbind(1)
        slope = (u * (3 * c)).add_(2 * b).mul_(u).add_(a).mul_(1 - u * u).mul_(grad[..., None])
        by_inputs = slope @ directions.mT
        rows = x.shape[1] - 1
        spread = (x - x.mean(1, keepdim=True)).square_().sum(1, keepdim=True).div_(rows).sqrt_()
        along = (by_inputs * inputs).sum(1, keepdim=True).div_(rows)
        found = by_inputs.sub_(by_inputs.mean(1, keepdim=True)).sub_(inputs * along).div_(spread)
        return torch.where(spread > 0, found, 0.0), None, None  # a constant column is nought, and stays it
