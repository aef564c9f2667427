"""Step 1, the variational autoencoder: networks of section 6.5.1, losses of eqs. (1) and (6), as stacks of seeds.

Tensors are ``(members, rows, features)``: each seed is a member of its own and shares nothing with the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, elu, softplus

from common.models.stacked import StackedLinear

LEAST_VARIANCE = 1e-4  # a posterior narrower than this would make the budget's 1 / sigma explode (sheet, trap 11)


class Layers(nn.Module):
    """Fully connected layers with ``activation`` between them; the last one is linear."""

    def __init__(
        self, sizes: Sequence[int], generators: Sequence[torch.Generator], activation: Callable[[Tensor], Tensor]
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(StackedLinear(i, o, generators) for i, o in pairwise(sizes))
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(members, rows, in)`` to ``(members, rows, out)``."""
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


class VAE(nn.Module):
    """Encoder to mean and log-variance of q(z|x), decoder to the logits of p(x|z).

    ``given`` extra inputs (a sensitive bit, say) join both the encoder's input and the decoder's code.
    """

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        codes: int,
        generators: Sequence[torch.Generator],
        activation: Callable[[Tensor], Tensor],
        given: int = 0,
    ) -> None:
        super().__init__()
        self.encoder = Layers([inputs + given, *hidden, 2 * codes], generators, activation)
        self.decoder = Layers([codes + given, *reversed(hidden), inputs], generators, activation)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z|x), ``(members, rows, codes)`` each."""
        mean, log_variance = self.encoder(x).chunk(2, -1)  # the head's second half is a log-variance (D2)
        return mean, log_variance.clamp(min=math.log(LEAST_VARIANCE))

    def forward(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the decoder's logits, mean and log-variance, with ``noise`` for the sampled code."""
        mean, log_variance = self.encode(x)
        return self.decoder(sample(mean, log_variance, noise)), mean, log_variance


def mnist_vae(generators: Sequence[torch.Generator], hidden: Sequence[int] = (300, 300), codes: int = 10) -> VAE:
    """Return 784-300-300-(10, 10) and 10-300-300-784 with ELU: 661,404 parameters."""
    return VAE(784, hidden, codes, generators, elu)


def adult_vae(generators: Sequence[torch.Generator], given: int = 0, inputs: int = 102, codes: int = 10) -> VAE:
    """Return the one-layer softplus network for the 102 binary inputs; ``given`` = 1 hands it the sensitive bit."""
    return VAE(inputs, (50,), codes, generators, softplus, given)


def sample(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """Return z = mu + sigma * noise."""
    return mean + (0.5 * log_variance).exp() * noise


def kl_to_prior(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return D_KL(N(mu, Sigma) || N(0, I)) in nats, summed over the last axis."""
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(-1)


def reconstruction_loss(logits: Tensor, x: Tensor) -> Tensor:
    """Return -log p(x|z) in nats of Bernoulli inputs in [0, 1], summed over the last axis."""
    return binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)


def negative_elbo(logits: Tensor, x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the loss per member, its mean over rows: eq. (1)."""
    return (reconstruction_loss(logits, x) + kl_to_prior(mean, log_variance)).mean(-1)  # eq. (1)
