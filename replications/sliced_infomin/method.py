"""Sliced infomin (Chen, Sun, Li & Weller, arXiv:2302.10701): the max step solved analytically, the min step by SGD.

    min_f L(f(X); Y) + beta SI(f(X); T),   SI(Z; T) = sup_{theta, phi, h, g} rho(h(theta'Z), g(phi'T))

*Max step*: draw S slices a side from unit spheres, take cubic polynomials of tanh of each slice as h and g, and solve
for their joint weights w, v by an eigendecomposition: the first canonical pair. *Min step*: hold slices and weights,
and lower the correlation of the two scores on the mini-batch. Fresh slices are drawn at every max step, so that over
mini-batches every direction is pressed upon in turn.

The slides write sup_{i,j}, the best single pair of slices; the authors' code solves over all slices jointly, and so
does this (README, D1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from common.losses.sliced import Slices, fit_slices, random_directions, slice_features, standardise

RIDGE = 1e-3  # on both covariances, as in the authors' code
FIT_SHARE = 0.8  # of D' that the slices are fitted on; the rest is theirs to be checked on

Generators = Sequence[torch.Generator]


class Infomin(nn.Module):
    """A proxy of I(Z; T) for a stack of models: a max step that fits it to codes, a min step that the encoder descends.

    Codes are (members, n, d_z), attributes (members, n, d_t). ``learns`` says that the max step trains a network, whose
    last state rather than its best counts; ``attached`` that the min step may send a gradient to T as well.
    """

    learns = False
    attached = False

    def max_step(self, z: Tensor, t: Tensor, generators: Generators) -> None:
        """Fit the proxy to codes, on detached tensors; what has nothing to fit does nothing."""

    def forward(self, z: Tensor, t: Tensor, generators: Generators) -> Tensor:  # noqa: ARG002
        """Return the proxy on a mini-batch, one value per member, differentiable in z."""
        raise TypeError(f"{type(self).__name__} has no min step")


@dataclass(frozen=True)
class ScalarSlices:
    """The solution for a scalar T, per member: slices Theta (m, d, S), weights w (m, 3 S) and v (m, 3), feature means.

    ``value`` (m,) is the correlation that the ridge leaves, on the rows fitted.
    """

    theta: Tensor
    w: Tensor
    v: Tensor
    mean_z: Tensor
    mean_t: Tensor
    value: Tensor

    def correlation(self, z: Tensor, t: Tensor) -> Tensor:
        """Return |rho| of the two scores per member, each batch standardised by itself."""
        left = (torch.vmap(slice_features)(z, self.theta) - self.mean_z) @ self.w[..., None]
        right = (_features_of_scalar(t, self.theta.shape[-1]) - self.mean_t) @ self.v[..., None]
        return (torch.vmap(standardise)(left) * torch.vmap(standardise)(right)).mean((-1, -2)).abs()


def _features_of_scalar(t: Tensor, slices: int) -> Tensor:
    """Return (m, n, 3): the slices of a scalar are +-t, so S of them span tanh(t), its square and its cube.

    S equal columns under the ridge r I are one column, scaled by sqrt(S), under r: the solution is the same.
    """
    return math.sqrt(slices) * torch.vmap(slice_features, in_dims=(0, None))(t, torch.ones(1, 1).to(t))


def solve_scalar(z: Tensor, t: Tensor, slices: int, generators: Generators, ridge: float = RIDGE) -> ScalarSlices:
    """Solve the max step for codes z (m, n, d) and scalars t (m, n, 1), all members at once, without gradient.

    The same pair as ``common.losses.sliced.fit_slices`` gives. With only three features on the side of T the
    eigenproblem is 3 x 3 once the regression of those features on the slices is solved, by Cholesky, over features or
    over rows, whichever are fewer.
    """
    with torch.no_grad():
        z, t = z.detach().double(), t.detach().double()
        theta = torch.stack([random_directions(slices, z.shape[-1], g, z.dtype) for g in generators]).to(z.device)
        f, g = torch.vmap(slice_features)(z, theta), _features_of_scalar(t, slices)
        mean_f, mean_g = f.mean(1, keepdim=True), g.mean(1, keepdim=True)
        f, g = f - mean_f, g - mean_g
        n = z.shape[1]
        if f.shape[-1] <= n:
            c_zt = f.mT @ g / n
            back = torch.cholesky_solve(c_zt, torch.linalg.cholesky(_ridged(f.mT @ f / n, ridge)))  # C_zz^-1 C_zt
            explained = c_zt.mT @ back
        else:
            rows = f @ f.mT / n
            dual = torch.cholesky_solve(g, torch.linalg.cholesky(_ridged(rows, ridge)))
            back, explained = f.mT @ dual / n, g.mT @ (rows @ dual) / n
        root = torch.linalg.cholesky(_ridged(g.mT @ g / n, ridge))  # C_tt = root root'
        half = torch.linalg.solve_triangular(root, explained, upper=False)
        inner = torch.linalg.solve_triangular(root, half.mT, upper=False)
        values, vectors = torch.linalg.eigh((inner + inner.mT) / 2)
        value = values[:, -1].clamp_min(0).sqrt()
        v = torch.linalg.solve_triangular(root.mT, vectors[..., -1:], upper=True)
        w = back @ v / value.clamp_min(1e-300)[:, None, None]
        return ScalarSlices(theta, w[..., 0], v[..., 0], mean_f, mean_g, value)


def _ridged(matrix: Tensor, ridge: float) -> Tensor:
    return matrix + ridge * torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)


class SlicedInfomin(Infomin):
    """SI-hat: no parameters to train; the max step is one solve on the first ``fit_share`` of its rows."""

    attached = True

    def __init__(self, slices: int, fit_share: float = FIT_SHARE) -> None:
        super().__init__()
        self.slices, self.fit_share = slices, fit_share
        self.solution: ScalarSlices | list[Slices] | None = None

    def max_step(self, z: Tensor, t: Tensor, generators: Generators) -> None:
        """Draw fresh slices Theta, Phi and solve for w, v on the first ``fit_share`` of the rows."""
        fit = int(self.fit_share * z.shape[1])
        z, t = z[:, :fit], t[:, :fit]
        if t.shape[-1] == 1:
            self.solution = solve_scalar(z, t, self.slices, generators)
        else:
            self.solution = [fit_slices(a, b, self.slices, g) for a, b, g in zip(z, t, generators, strict=True)]

    def forward(self, z: Tensor, t: Tensor, generators: Generators = ()) -> Tensor:  # noqa: ARG002
        """Return SI-hat of the mini-batch with slices and weights held."""
        if self.solution is None:
            raise RuntimeError("a max step comes before the first min step")
        z, t = z.double(), t.double()
        if isinstance(self.solution, ScalarSlices):
            return self.solution.correlation(z, t)
        return torch.stack([one.correlation(a, b) for one, a, b in zip(self.solution, z, t, strict=True)])
