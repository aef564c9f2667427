"""The debiasing baselines of Figure 4 and Table 1, from their definitions: RUBi, ReBias, LearnedMixIn+H.

Sources: Cadene et al. (arXiv:1906.10169); Bahng et al. (arXiv:1910.02806) and its released losses; Clark et al.
(arXiv:1909.03683). Each trains f = G(F(x)) beside a biased network g of small receptive field, and yields turns of
routes. Their losses stand at their published scale: alpha belongs to IRENE (D7).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

from common.losses.hsic import gaussian_kernel, unbiased_hsic
from common.training.routing import Route, full_precision

HSIC_WEIGHT = 1.0  # lambda of ReBias
ENTROPY_WEIGHT = 0.36  # of LearnedMixIn+H
SIGMA = 1.0  # RBF bandwidth on both sides
F = ("encoder", "target")


class BiasedNet(nn.Module):
    """g: features of a small receptive field, and its own classifier on them."""

    def __init__(self, encoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features and the logits."""
        features = self.encoder(x)
        return features, self.head(features)


@full_precision
def hsic(a: Tensor, b: Tensor) -> Tensor:
    """Return HSIC_1 of two batches of features with RBF kernels of bandwidth 1: 0 in the mean under independence."""
    return unbiased_hsic(gaussian_kernel(a, SIGMA), gaussian_kernel(b, SIGMA))


def rubi(logits: Tensor, y: Tensor, biased: BiasedNet, mask: nn.Module, x: Tensor) -> list[Route]:
    """Return RUBi: f's logits masked by sigmoid(fc(g)), so that what g gets right weighs less.

    No gradient reaches g's features from here; g learns by its own loss. ``mask`` is fc: (n, d) to (n, classes).
    """
    features, guess = biased(x)
    asked = mask(features.detach())
    return [
        Route(cross_entropy(logits * torch.sigmoid(asked), y), to=(*F, "fusion"), name="task"),
        Route(cross_entropy(asked, y), to=("fusion",), name="question"),
        Route(cross_entropy(guess, y), to=("biased",), name="biased"),
    ]


def rebias(z: Tensor, logits: Tensor, y: Tensor, biased: BiasedNet, x: Tensor) -> Iterator[list[Route]]:
    """Yield ReBias: g learns the label while it stays dependent on f, then f while it becomes independent of g."""
    features, guess = biased(x)
    near = cross_entropy(guess, y) - HSIC_WEIGHT * hsic(z.detach(), features)
    yield [Route(near, to=("biased",), name="biased")]
    features, _ = biased(x)  # of the stepped g
    far = cross_entropy(logits, y) + HSIC_WEIGHT * hsic(z, features.detach())
    yield [Route(far, to=F, name="task")]


def learned_mixin(z: Tensor, logits: Tensor, y: Tensor, frozen: BiasedNet, weight: nn.Module, x: Tensor) -> list[Route]:
    """Return LearnedMixIn+H: f explains what softplus(w f) times the frozen g's logits leaves unexplained.

    ``weight`` is w: (n, d) to (n, 1). The entropy of the scaled guess keeps the factor from vanishing.
    """
    with torch.no_grad():
        _, guess = frozen(x)
    scaled = softplus(weight(z)) * guess
    loss = cross_entropy(logits + scaled, y) + ENTROPY_WEIGHT * entropy(scaled)
    return [Route(loss, to=(*F, "fusion"), name="task")]


@full_precision
def entropy(logits: Tensor) -> Tensor:
    """Return the mean entropy of softmax rows, in nats."""
    log_p = torch.log_softmax(logits, dim=1)
    return -(log_p.exp() * log_p).sum(1).mean()
