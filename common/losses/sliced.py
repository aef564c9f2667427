"""Sliced dependence: canonical correlation of random one-dimensional slices, solved in closed form.

Source: Chen, Sun, Li & Weller, *Scalable infomin learning* (arXiv:2302.10701), and its published code: columns
standardised, projected on S random unit vectors a side, tanh, powers 1 to ``order``, ridge on both covariances.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_ROUNDING = 64.0  # units of the last place that a column's mean and spread may be out by


def random_directions(count: int, d: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    """Return ``count`` unit vectors (d, count), uniform on the sphere, on the generator's device."""
    directions = torch.randn(d, count, generator=generator, device=generator.device, dtype=dtype)
    return directions / directions.norm(dim=0).clamp_min(1e-12)


def standardise(x: Tensor) -> Tensor:
    """Return columns (n, d) with mean 0 and unbiased standard deviation 1; a constant column becomes 0.

    Constant is what spreads no more than the rounding of its own mean: dividing by that would blow noise up to signal.
    """
    centred = x - x.mean(0)
    spread = centred.square().sum(0).div(max(len(x) - 1, 1)).sqrt()
    rounding = _ROUNDING * torch.finfo(x.dtype).eps * x.detach().abs().amax(0)
    return torch.where(spread > rounding, centred / spread.clamp_min(torch.finfo(x.dtype).tiny), torch.zeros_like(x))


def slice_features(x: Tensor, directions: Tensor, order: int = 3) -> Tensor:
    """Return the features (n, order S) of rows x (n, d): tanh of each slice, then its powers up to ``order``."""
    u = torch.tanh(standardise(x) @ directions)
    powers = [u]
    for _ in range(order - 1):
        powers.append(powers[-1] * u)
    return torch.cat(powers, 1)


@dataclass(frozen=True)
class Canonical:
    """The first canonical pair: weights (p,), (q,), feature means, and the correlation that the ridge leaves."""

    weight_x: Tensor
    weight_y: Tensor
    mean_x: Tensor
    mean_y: Tensor
    value: Tensor


def solve_canonical(features_x: Tensor, features_y: Tensor, ridge: float = 1e-3) -> Canonical:
    """Return max a'C_xy b subject to a'(C_xx + ridge I) a = b'(C_yy + ridge I) b = 1, covariances over n.

    Works with covariances where features are fewer than rows and with Gram matrices of rows otherwise; both give the
    same pair. Cost O(n m min(n, m) + min(n, m)^3), m features a side. Solved in the dtype of the features (use
    float64); no gradient flows through the solution.
    """
    with torch.no_grad():
        mean_x, mean_y = features_x.mean(0), features_y.mean(0)
        x, y = features_x - mean_x, features_y - mean_y
        left, right = _Whitened(x, ridge), _Whitened(y, ridge)
        coupling = left.basis.mT @ right.basis / len(x)
        if coupling.shape[0] > coupling.shape[1]:
            v = _top_eigenvector(coupling.mT @ coupling)
            u = coupling @ v
        else:
            u = _top_eigenvector(coupling @ coupling.mT)
            v = coupling.mT @ u
        value = u.norm() * v.norm()  # one is a unit vector, the other its image
        u, v = (w / w.norm().clamp_min(1e-300) for w in (u, v))
        return Canonical(left.weights(u), right.weights(v), mean_x, mean_y, value)


class _Whitened:
    """Rows of centred features in coordinates where C + ridge I is the identity, from the smaller eigenproblem."""

    def __init__(self, centred: Tensor, ridge: float) -> None:
        n, features = centred.shape
        self.centred, self.ridge, self.dual = centred, ridge, features > n
        if self.dual:
            values, self.axes = torch.linalg.eigh(centred @ centred.mT / n)
            self.values = values.clamp_min(0)
            # U s / sqrt(s^2 + ridge): rows of F V / sqrt(s^2 + ridge), without forming V.
            scale = (n * self.values / (self.values + ridge)).sqrt() if ridge > 0 else None
            if scale is None:
                scale = torch.where(self.values > 1e-12 * self.values.max(), float(n) ** 0.5, 0.0)
            self.basis = self.axes * scale
        else:
            values, self.axes = torch.linalg.eigh(centred.mT @ centred / n)
            self.values = values.clamp_min(0)
            self.scale = self._inverse_root(self.values + ridge)
            self.basis = centred @ (self.axes * self.scale)

    @staticmethod
    def _inverse_root(values: Tensor) -> Tensor:
        kept = values > 1e-12 * values.max()
        return torch.where(kept, values.clamp_min(1e-300).rsqrt(), 0.0)

    def weights(self, direction: Tensor) -> Tensor:
        """Return feature weights of a unit direction of the whitened coordinates."""
        if not self.dual:
            return self.axes @ (self.scale * direction)
        n = len(self.centred)
        # V = F'U / (sqrt(n) s), so w = V (s^2 + ridge)^-1/2 d = F'U [n s^2 (s^2 + ridge)]^-1/2 d.
        inverse = self._inverse_root(self.values * n) * self._inverse_root(self.values + self.ridge)
        return self.centred.mT @ (self.axes @ (inverse * direction))


def _top_eigenvector(matrix: Tensor) -> Tensor:
    return torch.linalg.eigh(matrix)[1][:, -1]


@dataclass(frozen=True)
class Slices:
    """A fitted critic of dependence: directions of both sides and the canonical pair of their features."""

    directions_x: Tensor
    directions_y: Tensor
    canonical: Canonical
    order: int

    def scores(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the canonical scores (n,) of rows of both sides, each batch standardised by itself.

        Rows of another dtype than the fit's are taken to that.
        """
        c = self.canonical
        x, y = x.to(c.weight_x.dtype), y.to(c.weight_y.dtype)
        left = (slice_features(x, self.directions_x, self.order) - c.mean_x) @ c.weight_x
        right = (slice_features(y, self.directions_y, self.order) - c.mean_y) @ c.weight_y
        return left, right

    def correlation(self, x: Tensor, y: Tensor) -> Tensor:
        """Return |mean of the product of the standardised scores| of rows x (n, d_x), y (n, d_y), in [0, 1].

        Differentiable in x and y, weights held fixed.
        """
        left, right = self.scores(x, y)
        return (standardise(left[:, None]) * standardise(right[:, None])).mean().abs()


def fit_slices(
    x: Tensor, y: Tensor, slices: int, generator: torch.Generator, order: int = 3, ridge: float = 1e-3
) -> Slices:
    """Fit the strongest dependence between slices of x (n, d_x) and y (n, d_y), in float64, without gradient."""
    with torch.no_grad():
        x, y = x.detach().double(), y.detach().double()
        directions = [random_directions(slices, v.shape[1], generator, v.dtype).to(v.device) for v in (x, y)]
        features = [slice_features(v, w, order) for v, w in zip((x, y), directions, strict=True)]
        return Slices(directions[0], directions[1], solve_canonical(*features, ridge), order)
