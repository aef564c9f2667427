"""What the paper compares with, behind the interface of :class:`replications.sliced_infomin.method.Infomin`.

*Pearson* and *distance correlation* have nothing to fit. *Neural Rényi*, *neural TC* and *vCLUB* train an adversary for
L2 gradient steps at every max step: t <- t + eta grad_t I_t(f(X); T), a new Adam each time, as in the authors' code.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu, softplus

from common.losses.club import club, gaussian_log_likelihood
from common.losses.correlation import correlation, mean_correlation
from common.losses.distance import distance_correlation
from common.training.routing import full_precision
from replications.sliced_infomin.climb import (
    across,
    activate,
    behind,
    correlation_slope,
    passed,
    send_back,
    set_gradient,
)
from replications.sliced_infomin.method import Generators, Infomin, SlicedInfomin
from replications.sliced_infomin.stack import Stack, affine, slope_02, take_rows


class NoPenalty(Infomin):
    """N/A: nothing is removed."""

    fitted = False

    def forward(self, z: Tensor, t: Tensor, generators: Generators = ()) -> Tensor:  # noqa: ARG002
        """Return nought."""
        return z.new_zeros(len(z))


class Pearson(Infomin):
    """Mean |corr| over all pairs of columns, in [0, 1]."""

    fitted = False

    def forward(self, z: Tensor, t: Tensor, generators: Generators = ()) -> Tensor:  # noqa: ARG002
        """Return the mean absolute correlation of each member."""
        return mean_correlation(z, t)


class DistanceCorrelation(Infomin):
    """sqrt of the U-centred distance correlation, clamped at nought before the root, in [0, 1]."""

    fitted = False

    def forward(self, z: Tensor, t: Tensor, generators: Generators = ()) -> Tensor:  # noqa: ARG002
        """Return each member's distance correlation."""
        return distance_correlation(z, t)


class Adversary(Infomin, ABC):
    """A network that climbs its estimate for ``l2`` gradient steps at every max step."""

    learns = True

    def __init__(self, l2: int, lr: float = 5e-4) -> None:
        super().__init__()
        self.l2, self.lr = l2, lr

    @full_precision
    @torch.no_grad()
    def max_step(self, z: Tensor, t: Tensor, generators: Generators) -> None:
        """Take ``l2`` gradient steps on the codes given; the encoder gets none."""
        adam = torch.optim.Adam(self.parameters(), lr=self.lr, maximize=True, fused=True)
        for _ in range(self.l2):
            self.set_gradient(z, t, generators)
            adam.step()
        adam.zero_grad(set_to_none=True)

    def climbed(self, z: Tensor, t: Tensor, generators: Generators) -> Tensor:
        """Return what the max step climbs; by default what the min step descends."""
        return self(z, t, generators)

    @abstractmethod
    def set_gradient(self, z: Tensor, t: Tensor, generators: Generators) -> None:
        """Set the parameters' gradients of the sum of :meth:`climbed`, written out."""


class NeuralRenyi(Adversary):
    """sup_f |corr(f(Z), T_j)|, mean over the columns of T, in [0, 1]: T is kept as it is, so one-sided.

    The authors' polynomial skip features are multiplied by nought there and left out here.
    """

    def __init__(
        self, d_z: int, d_t: int, l2: int, generators: Generators, hidden: int = 128, lr: float = 5e-4
    ) -> None:
        super().__init__(l2, lr)
        self.f = Stack((d_z, hidden, d_t), (leaky_relu, None), generators)

    def forward(self, z: Tensor, t: Tensor, generators: Generators = ()) -> Tensor:  # noqa: ARG002
        """Return the adversary's |correlation| per member."""
        return correlation(self.f(z).mT, t.mT).abs().mean(-1)

    def set_gradient(self, z: Tensor, t: Tensor, generators: Generators) -> None:  # noqa: ARG002
        """Set the gradients of the sum of the |correlations|."""
        found = passed(self.f, z)
        send_back(self.f, found, correlation_slope(found[-1].mT, t.mT).mT / t.shape[-1])


class NeuralTC(Adversary):
    """Minus the two-class cross-entropy of joint against doubly permuted pairs, at most 0; -ln 2 where independent.

    The encoder may push it below -ln 2 by fooling the classifier: it is no estimate of a divergence then.
    """

    def __init__(
        self, d_z: int, d_t: int, l2: int, generators: Generators, hidden: int = 100, lr: float = 5e-4
    ) -> None:
        super().__init__(l2, lr)
        self.d = Stack((d_z + d_t, hidden, hidden, 2), (torch.relu, leaky_relu, None), generators)

    def forward(self, z: Tensor, t: Tensor, generators: Generators) -> Tensor:
        """Return minus the classifier's cross-entropy per member."""
        evidence = self.evidence(z, t, self._mixed(z, t, generators))  # ln p(mixed) - ln p(joint)
        rows = z.shape[1]
        return -(softplus(evidence[:, :rows]) + softplus(-evidence[:, rows:])).mean(1) / 2

    def evidence(self, z: Tensor, t: Tensor, mixed: Tensor) -> Tensor:
        """Return the difference of both logits of ``d`` (m, 2 n): of the pairs (z, t), then of (z, mixed).

        A pair's first layer is a sum, z U + t V: the product z U serves both halves.
        """
        h = torch.relu(torch.cat(self._first(z, t, mixed), 1))
        return affine(leaky_relu(self.d.layers[1](h)), *self._difference())[..., 0]

    def _first(self, z: Tensor, t: Tensor, mixed: Tensor) -> list[Tensor]:
        first = self.d.layers[0]
        u, v = first.weight[:, : z.shape[-1]], first.weight[:, z.shape[-1] :]
        of_z = affine(z, u, first.bias)
        return [affine(side, v, of_z) for side in (t, mixed)]

    def _difference(self) -> tuple[Tensor, Tensor]:
        """Return weight and bias of the second logit less the first."""
        weight, bias = (v[..., 1:] - v[..., :1] for v in (self.d.layers[2].weight, self.d.layers[2].bias))
        return weight, bias

    def set_gradient(self, z: Tensor, t: Tensor, generators: Generators) -> None:
        """Set the gradients of the sum of minus the cross-entropies."""
        mixed, rows = self._mixed(z, t, generators), z.shape[1]
        first, second, last = self.d.layers
        h = torch.cat(self._first(z, t, mixed), 1).relu_()
        k = activate(affine(h, second.weight, second.bias), leaky_relu)
        weight, bias = self._difference()
        evidence = affine(k, weight, bias)
        slope = torch.cat([-evidence[:, :rows].sigmoid(), evidence[:, rows:].neg().sigmoid()], 1) / (2 * rows)
        of_weight, of_bias = across(k, slope), slope.sum(1, keepdim=True)
        last.weight.grad, last.bias.grad = (torch.cat([-v, v], -1) for v in (of_weight, of_bias))
        slope = behind(slope * weight.mT, k, leaky_relu)
        set_gradient(second, h, slope)
        slope = behind(torch.bmm(slope, second.weight.mT), h, torch.relu)
        joint, other = slope[:, :rows], slope[:, rows:]
        both = joint + other
        first.weight.grad = torch.cat([across(z, both), across(t, joint) + across(mixed, other)], 1)
        first.bias.grad = both.sum(1, keepdim=True)

    @staticmethod
    def _mixed(z: Tensor, t: Tensor, generators: Generators) -> Tensor:
        """Return for each row of z the row of t that it is paired with when both are permuted by themselves.

        With z in the order p and t in the order q, row p_i meets row q_i: the set of pairs, and their mean, is that of
        z left as it is and t in the order q p^-1, without moving z.
        """
        order_z, order_t = (torch.stack([torch.randperm(z.shape[1], generator=g) for g in generators]) for _ in "zt")
        return take_rows(t, torch.empty_like(order_t).scatter_(1, order_z, order_t).to(t.device))


class VariationalCLUB(Adversary):
    """E_P[ln q(t|z)] - E_PxP[ln q(t|z)] with a Gaussian q fitted by likelihood: unbounded below where q is poor."""

    def __init__(
        self, d_z: int, d_t: int, l2: int, generators: Generators, hidden: int = 200, lr: float = 5e-4
    ) -> None:
        super().__init__(l2, lr)
        sizes = (d_z, hidden // 2, d_t)
        self.mean = Stack(sizes, (slope_02, None), generators)
        self.log_variance = Stack(sizes, (slope_02, torch.tanh), generators)

    def climbed(self, z: Tensor, t: Tensor, generators: Generators) -> Tensor:  # noqa: ARG002
        """Return the mean log-likelihood of T given Z: the max step fits q."""
        return gaussian_log_likelihood(t, self.mean(z), self.log_variance(z)).mean(-1)

    def set_gradient(self, z: Tensor, t: Tensor, generators: Generators) -> None:  # noqa: ARG002
        """Set the gradients of the sum of the mean log-likelihoods."""
        of_mean, of_variance = passed(self.mean, z), passed(self.log_variance, z)
        far, precision = t - of_mean[-1], (-of_variance[-1]).exp()
        send_back(self.mean, of_mean, far * precision / z.shape[1])
        send_back(self.log_variance, of_variance, (far.square() * precision - 1) / (2 * z.shape[1]))

    def forward(self, z: Tensor, t: Tensor, generators: Generators = ()) -> Tensor:  # noqa: ARG002
        """Return the contrastive bound over all pairs, per member."""
        return club(t, self.mean(z), self.log_variance(z))


METHODS = ("none", "pearson", "dcorr", "slice", "renyi", "tc", "vclub")


def make_infomin(
    name: str, d_z: int, d_t: int, generators: Generators, *, slices: int = 100, l2: int = 2, lr: float = 5e-4
) -> Infomin:
    """Return a method by its name, one of :data:`METHODS`; its networks start from ``generators``, one per member."""
    simple = {"none": NoPenalty, "pearson": Pearson, "dcorr": DistanceCorrelation}
    learned = {"renyi": NeuralRenyi, "tc": NeuralTC, "vclub": VariationalCLUB}
    if name in simple:
        return simple[name]()
    if name == "slice":
        return SlicedInfomin(slices)
    if name in learned:
        return learned[name](d_z, d_t, l2, generators, lr=lr)
    raise ValueError(f"unknown method {name!r}; valid: {', '.join(METHODS)}")


penalty_of = full_precision(lambda infomin, z, t, generators: infomin(z, t, generators))
