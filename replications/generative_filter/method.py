"""The generative filter, beside sections 2, 6.2 and 6.5.2: filter, budget, and the game of eqs. (2) to (5), (7) to (9).

Tensors are ``(members, rows, features)``; a member is one seed at one budget and shares nothing with the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import elu, one_hot

from replications.generative_filter.vae import Layers


class LinearFilter(nn.Module):
    """f(z, eps, y) = z + A [eps; y], eq. (23): ``A (members, d, d_eps + classes)``, no bias."""

    def __init__(self, codes: int, noise: int, classes: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        drawn = [torch.randn(codes, noise + classes, generator=g) for g in generators]
        self.A = nn.Parameter(0.01 * torch.stack(drawn))  # near the identity at first (D6)
        self.noise, self.classes = noise, classes

    def shift(self, eps: Tensor, y: Tensor) -> Tensor:
        """Return z~ - z for noise ``(members, rows, d_eps)`` and private labels ``(members, rows)``."""
        return torch.cat([eps, one_hot(y, self.classes).to(eps)], -1) @ self.A.mT  # eq. (23)

    def distortion(self, shares: Tensor, precision: Tensor) -> Tensor:
        """Return E[1/2 w' Sigma^-1 w] (members,), w = A [eps; y], exactly: no noise is drawn.

        ``shares (members, classes)`` are the private labels' frequencies, ``precision (members, classes, d)`` the mean
        of 1 / sigma^2 over the rows of each label (1 where the budget is measured against Sigma = I).
        """
        drawn, known = self.A.split([self.noise, self.classes], -1)
        power = drawn.square().sum(-1)[:, None] + known.square().mT
        return 0.5 * (shares * (power * precision).sum(-1)).sum(-1)

    @torch.no_grad()
    def scale(self, factor: Tensor) -> None:
        """Multiply every member's A by ``factor (members,)``."""
        self.A.mul_(factor[:, None, None])


class GaussianMechanism(nn.Module):
    """z~ = z + w, w ~ N(0, sigma^2 I), eq. (12): blind to the label; sigma is learned under the same budget."""

    def __init__(self, codes: int, members: int, sigma: float = 0.1) -> None:
        super().__init__()
        self.log_sigma = nn.Parameter(torch.full((members,), math.log(sigma)))
        self.codes = codes

    def shift(self, eps: Tensor, y: Tensor) -> Tensor:  # noqa: ARG002 - the mechanism does not look at the label
        """Return z~ - z for noise ``(members, rows, d)``."""
        return self.log_sigma.exp()[:, None, None] * eps  # eq. (12)

    def distortion(self, shares: Tensor, precision: Tensor) -> Tensor:
        """Return E[1/2 w' Sigma^-1 w] (members,) exactly, in the units of :meth:`LinearFilter.distortion`."""
        return 0.5 * (2 * self.log_sigma).exp() * (shares * precision.sum(-1)).sum(-1)

    @torch.no_grad()
    def scale(self, factor: Tensor) -> None:
        """Multiply every member's sigma by ``factor (members,)``."""
        self.log_sigma.add_(factor.log())


Mechanism = LinearFilter | GaussianMechanism


def classifier(codes: int, classes: int, generators: Sequence[torch.Generator], hidden: int = 15) -> Layers:
    """Return FC(15)-ELU-FC(classes), the paper's h and nu (section 6.5.3): 325 parameters for ten classes."""
    return Layers([codes, hidden, classes], generators, elu)


def filter_loss(
    adversary: Tensor, utility: Tensor, distortion: Tensor, budget: Tensor, beta: float, rho: float
) -> Tensor:
    """Return what the filter descends: eq. (7) with its sign turned, and a hinge on the budget of eq. (8).

    All are per member. The paper does not say how it enforces the budget; a hinge lets gradients see it (D5).
    """
    return -adversary + beta * utility + rho * (distortion - budget).clamp(min=0).square()  # eqs. (7), (8)


@torch.no_grad()
def meet_budget(mechanism: Mechanism, budget: Tensor, shares: Tensor, precision: Tensor, spend: bool = False) -> Tensor:
    """Scale a mechanism down where it exceeds its budget and return the distortion it has then: D <= b exactly.

    ``spend`` scales it up as well where it leaves some unspent: D = b.
    """
    factor = budget / mechanism.distortion(shares, precision)
    mechanism.scale((factor if spend else factor.clamp(max=1)).sqrt())  # D is quadratic in A, and in sigma
    return mechanism.distortion(shares, precision)
