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

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from common.losses.sliced import Slices, fit_slices, random_directions
from replications.sliced_infomin.cubic import centred_features, ridge_solve, scores, times, units

RIDGE = 1e-3  # on both covariances, as in the authors' code
FIT_SHARE = 0.8  # of D' that the slices are fitted on; the rest is theirs to be checked on

Generators = Sequence[torch.Generator]


class Infomin(nn.Module):
    """A proxy of I(Z; T) for a stack of models: a max step that fits it to codes, a min step that the encoder descends.

    Codes are (members, n, d_z), attributes (members, n, d_t). ``fitted``: there is a max step; ``learns``: it trains a
    network, whose last state rather than its best counts; ``attached``: the min step may send a gradient to T as well.
    """

    fitted = True
    learns = False
    attached = False

    def max_step(self, z: Tensor, t: Tensor, generators: Generators) -> None:
        """Fit the proxy to codes, on detached tensors; what has nothing to fit does nothing."""

    def forward(self, z: Tensor, t: Tensor, generators: Generators) -> Tensor:  # noqa: ARG002
        """Return the proxy on a mini-batch, one value per member, differentiable in z."""
        raise TypeError(f"{type(self).__name__} has no min step")


@dataclass(frozen=True)
class ScalarSlices:
    """The solution for a scalar T, per member: slices Theta (m, d, S), weights w (m, 3 S) and v (m, 3).

    ``value`` (m,) is the correlation that the ridge leaves, on the rows fitted.
    """

    theta: Tensor
    w: Tensor
    v: Tensor
    value: Tensor

    def correlation(self, z: Tensor, t: Tensor) -> Tensor:
        """Return |rho| of the two scores per member, each batch standardised by itself."""
        theta, w, v = (part.to(z) for part in (self.theta, self.w, self.v))
        left = scores(z, theta, w)  # h(theta'Z)
        right = scores(t, t.new_ones(len(t), 1, 1), v)  # g(phi'T)
        return (units(left[..., None]) * units(right[..., None])).mean((-1, -2)).abs()


def solve_scalar(z: Tensor, t: Tensor, slices: int, generators: Generators, ridge: float = RIDGE) -> ScalarSlices:
    """Solve the max step for codes z (m, n, d) and scalars t (m, n, 1), all members at once, without gradient.

    The same pair as ``common.losses.sliced.fit_slices`` gives. The slices of a scalar are +-t, so S of them span
    tanh(t), its square and its cube: S equal columns under the ridge r I are one column under r / S. With only three
    features on the side of T the eigenproblem is 3 x 3 once the regression of those features on the slices is solved,
    by Cholesky and refinement, over features or over rows, whichever are fewer.
    """
    with torch.no_grad():
        z, t = z.detach().double(), t.detach().double()
        theta = torch.stack([random_directions(slices, z.shape[-1], g, z.dtype) for g in generators]).to(z.device)
        f, g = centred_features(z, theta), centred_features(t, t.new_ones(len(t), 1, 1))
        n = z.shape[1]
        if f.shape[-1] <= n:
            products = times(f.mT, g)
            back = ridge_solve(f, products, n * ridge)  # C_zz^-1 C_zt
            explained = products.mT @ back / n
        else:
            dual = ridge_solve(f.mT, g, n * ridge)
            back, explained = times(f.mT, dual), g.mT @ (g - n * ridge * dual) / n
        root = torch.linalg.cholesky(g.mT @ g / n + ridge / slices * torch.eye(3).to(g))  # C_tt = root root'
        half = torch.linalg.solve_triangular(root, explained, upper=False)
        inner = torch.linalg.solve_triangular(root, half.mT, upper=False)
        values, vectors = torch.linalg.eigh((inner + inner.mT) / 2)
        value = values[:, -1].clamp_min(0).sqrt()
        v = torch.linalg.solve_triangular(root.mT, vectors[..., -1:], upper=True)
        w = back @ v / value.clamp_min(1e-300)[:, None, None]
        return ScalarSlices(theta, w[..., 0], v[..., 0], value)


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
        if isinstance(self.solution, ScalarSlices):
            return self.solution.correlation(z, t)
        pairs = zip(self.solution, z.double(), t.double(), strict=True)
        return torch.stack([one.correlation(a, b) for one, a, b in pairs])
