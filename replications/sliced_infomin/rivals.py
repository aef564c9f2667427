"""What the paper compares with, behind the interface of :class:`replications.sliced_infomin.method.Infomin`.

*Pearson* and *distance correlation* have nothing to fit. *Neural Rényi*, *neural TC* and *vCLUB* train an adversary for
L2 gradient steps at every max step: t <- t + eta grad_t I_t(f(X); T), a new Adam each time, as in the authors' code.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, leaky_relu

from common.losses.club import club, gaussian_log_likelihood
from common.losses.correlation import correlation
from common.losses.distance import distance_correlation
from common.models.stacked import StackedLinear
from common.training.routing import full_precision
from replications.sliced_infomin.method import Generators, Infomin, SlicedInfomin


class Stack(nn.Module):
    """Affine maps of a stack of members with an activation after each; ``None`` is none."""

    def __init__(
        self, sizes: tuple[int, ...], activations: tuple[Callable | None, ...], generators: Generators
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(StackedLinear(i, o, generators) for i, o in pairwise(sizes))
        self.activations = activations

    def forward(self, x: Tensor) -> Tensor:
        """Map (members, n, sizes[0]) to (members, n, sizes[-1])."""
        for layer, activation in zip(self.layers, self.activations, strict=True):
            x = layer(x) if activation is None else activation(layer(x))
        return x


def slope_02(x: Tensor) -> Tensor:
    """Return leaky ReLU with the slope of 0.2 that the authors' encoder and CLUB have."""
    return leaky_relu(x, 0.2)


class NoPenalty(Infomin):
    """N/A: nothing is removed."""

    def forward(self, z: Tensor, t: Tensor, generators: Generators = ()) -> Tensor:  # noqa: ARG002
        """Return nought."""
        return z.new_zeros(len(z))


class Pearson(Infomin):
    """Mean |corr| over all pairs of columns, in [0, 1]."""

    def forward(self, z: Tensor, t: Tensor, generators: Generators = ()) -> Tensor:  # noqa: ARG002
        """Return the mean absolute correlation of each member."""
        return correlation(z.mT[:, :, None], t.mT[:, None]).abs().mean((-1, -2))


class DistanceCorrelation(Infomin):
    """sqrt of the U-centred distance correlation, clamped at nought before the root, in [0, 1]."""

    def forward(self, z: Tensor, t: Tensor, generators: Generators = ()) -> Tensor:  # noqa: ARG002
        """Return each member's distance correlation."""
        return distance_correlation(z, t)


class Adversary(Infomin):
    """A network that climbs its estimate for ``l2`` gradient steps at every max step."""

    learns = True

    def __init__(self, l2: int, lr: float = 5e-4) -> None:
        super().__init__()
        self.l2, self.lr = l2, lr

    def max_step(self, z: Tensor, t: Tensor, generators: Generators) -> None:
        """Take ``l2`` gradient steps on the codes given; the encoder gets none."""
        adam = torch.optim.Adam(self.parameters(), lr=self.lr)
        for _ in range(self.l2):
            adam.zero_grad(set_to_none=True)
            with torch.enable_grad():
                (-self.climbed(z.detach(), t.detach(), generators).sum()).backward()
            adam.step()
        adam.zero_grad(set_to_none=True)

    def climbed(self, z: Tensor, t: Tensor, generators: Generators) -> Tensor:
        """Return what the max step climbs; by default what the min step descends."""
        return self(z, t, generators)


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
        rows = z.shape[1]
        mixed = [torch.stack([torch.randperm(rows, generator=g) for g in generators]).to(z.device) for _ in range(2)]
        shuffled = [v.gather(1, order[..., None].expand(v.shape)) for v, order in zip((z, t), mixed, strict=True)]
        logits = self.d(torch.cat([torch.cat([z, t], -1), torch.cat(shuffled, -1)], 1))
        labels = torch.arange(2, device=z.device).repeat_interleave(rows).expand(len(z), -1)
        return -cross_entropy(logits.mT, labels, reduction="none").mean(1)


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
