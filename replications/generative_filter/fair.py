"""The two baselines of table 2 as penalties on a VAE that is given the sensitive bit.

Sources: Louizos et al., *The Variational Fair Autoencoder* (arXiv:1511.00830), its MMD term; Song et al., *Learning
Controllable Fair Representations* (arXiv:1812.04218) and its code (ermongroup/lag-fairness), for LMIFR.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from common.losses.classes import stacked_cross_entropy
from replications.generative_filter.vae import Layers

LEAST, MOST = 0.01, 100.0  # lag-fairness clips its multipliers to this range


def mmd(z: Tensor, u: Tensor) -> Tensor:
    """Return the unbiased squared MMD (members,) between codes (members, rows, d) of u = 0 and of u = 1.

    Gaussian kernel exp(-|a - b|^2 / (2 d)). Unbiased, or a batch of 64 would have a floor of about 1/n0 + 1/n1 that
    grows the penalty without cause: the estimate may be below 0.
    """
    kernel = (-torch.cdist(z, z).square() / (2 * z.shape[-1])).exp()
    kernel = kernel * (1 - torch.eye(z.shape[1], device=z.device))
    ones = u.to(z)
    total = torch.zeros(len(z), device=z.device)
    for member in (ones, 1 - ones):
        count = member.sum(-1)
        pairs = (member[:, None] @ kernel @ member[..., None])[:, 0, 0]
        total = total + pairs / (count * (count - 1)).clamp(min=1)
    cross = (ones[:, None] @ kernel @ (1 - ones)[..., None])[:, 0, 0]
    return total - 2 * cross / (ones.sum(-1) * (1 - ones).sum(-1)).clamp(min=1)


def discriminator(codes: int, generators: Sequence[torch.Generator]) -> Layers:
    """Return LMIFR's q(u|z): one hidden layer of 50, softplus."""
    return Layers([codes, 50, 2], generators, softplus)


def information_bound(logits: Tensor, u: Tensor, prior: float) -> Tensor:
    """Return E[log q(u|z)] + H(u) in nats (members,): at most I(z; u), equal to it at the best q."""
    entropy = -(prior * math.log(prior) + (1 - prior) * math.log(1 - prior))
    return entropy - stacked_cross_entropy(logits, u)


class Multipliers(nn.Module):
    """LMIFR's lambda_1 (on the KL) and lambda_2 (on I(z; u)), one pair per member, from 1, within [0.01, 100]."""

    def __init__(self, members: int) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.ones(members, 2))

    def penalty(self, terms: Tensor, limits: Sequence[float]) -> Tensor:
        """Return sum_i lambda_i (term_i - e_i) (members,) for ``terms (members, 2)``."""
        return (self.values * (terms - torch.tensor(limits, device=terms.device))).sum(-1)

    @torch.no_grad()
    def clip(self) -> None:
        """Bring the multipliers back into their range."""
        self.values.clamp_(LEAST, MOST)
