"""CelebA, step 1: the DenseNet encoder of table 5, the decoder of table 6, and the loss of eq. (6)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, relu

from common.models.initial import build
from replications.generative_filter.vae import LEAST_VARIANCE, kl_to_prior, sample


class DenseLayer(nn.Module):
    """BN-ReLU-1x1 to ``4 growth`` channels, BN-ReLU-3x3 to ``growth``, joined to the input (Huang et al., 2017)."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        width = 4 * growth  # DenseNet-BC's; table 5 does not print it
        self.norm_1, self.conv_1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, width, 1, bias=False)
        self.norm_2, self.conv_2 = nn.BatchNorm2d(width), nn.Conv2d(width, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c, h, w) to (n, c + growth, h, w)."""
        return torch.cat([x, self.conv_2(relu(self.norm_2(self.conv_1(relu(self.norm_1(x))))))], 1)


class Transition(nn.Module):
    """BN-ReLU-1x1 to half the channels, average pooling by two."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, inputs // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c, h, w) to (n, c / 2, h / 2, w / 2)."""
        return self.conv(avg_pool2d(relu(self.norm(x)), 2))  # a 1x1 convolution and a mean commute: a quarter of it


class DenseEncoder(nn.Module):
    """Table 5: images (n, 3, 64, 64) to mean and log-variance of q(z|x), (n, codes) each.

    ``layers`` per block: 13 follows from the printed depth, (82 - 4) / 6; the replication column says 12. ``flatten``
    keeps the 8 x 8 grid before the last layer; the paper is silent (global pooling otherwise).
    """

    def __init__(
        self, layers: int = 13, growth: int = 12, codes: int = 50, size: int = 64, flatten: bool = True
    ) -> None:
        super().__init__()
        self.flatten = flatten
        channels = 2 * growth
        parts: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1, bias=False)]
        for _ in range(3):
            for _ in range(layers):
                parts.append(DenseLayer(channels, growth))
                channels += growth
            parts.append(Transition(channels))
            channels //= 2
        self.features = nn.Sequential(*parts, nn.BatchNorm2d(channels))
        self.channels = channels
        self.last = nn.Linear(channels * ((size // 8) ** 2 if flatten else 1), 2 * codes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance."""
        grid = self.features(x)
        mean, log_variance = self.last(grid.flatten(1) if self.flatten else grid.mean((2, 3))).chunk(2, -1)
        return mean, log_variance.clamp(min=math.log(LEAST_VARIANCE))


class Decoder(nn.Module):
    """Table 6: codes (n, codes) to images (n, 3, 64, 64) in [0, 1]; channels 256-128-64-32-16-3 are ours."""

    def __init__(self, codes: int = 50, channels: tuple[int, ...] = (256, 128, 64, 32, 16)) -> None:
        super().__init__()
        self.first, self.channels = nn.Linear(codes, channels[0] * 16), channels
        parts: list[nn.Module] = []
        for before, after in pairwise(channels):
            parts += [nn.ConvTranspose2d(before, after, 3, 2, 1, 1), nn.ReLU(), nn.BatchNorm2d(after)]
        self.layers = nn.Sequential(*parts, nn.ConvTranspose2d(channels[-1], 3, 5, 1, 2))

    def forward(self, z: Tensor) -> Tensor:
        """Return images; the sigmoid keeps them in the range of the pixels."""
        return self.layers(self.first(z).view(len(z), self.channels[0], 4, 4)).sigmoid()


class FaceVAE(nn.Module):
    """Encoder and decoder together."""

    def __init__(self, layers: int, growth: int, codes: int, size: int, flatten: bool, width: int) -> None:
        super().__init__()
        self.encoder = DenseEncoder(layers, growth, codes, size, flatten)
        self.decoder = Decoder(codes, tuple(width // 2**k for k in range(5)))


def face_vae(generator: torch.Generator, **sizes: int | bool) -> FaceVAE:
    """Return the networks with weights drawn from ``generator``."""
    return build(lambda: FaceVAE(**sizes), generator)


def input_gradient(decode: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """Return the norm (n,) of the gradient of each row's **summed** outputs in z: |J' 1| (D25).

    Section 6.1 sums over the batch alone; the sum over pixels is ours, one backward pass instead of one per pixel. It
    is not the Jacobian's norm: outputs of opposite sign cancel. The graph is kept, for the penalty is trained on.
    """
    z = z.requires_grad_(True) if z.is_leaf else z
    (gradient,) = torch.autograd.grad(decode(z).sum(), z, create_graph=True)
    return gradient.norm(dim=-1)


@contextmanager
def rows_apart(net: nn.Module) -> Iterator[None]:
    """Let every BatchNorm of ``net`` use its running statistics for a while, and leave these as they are.

    Section 6.1 takes the gradient of a batch's sum because no row's output depends on another row's input. Behind
    the batch's own statistics it does, and rows cancel each other: the sum over a normalised channel is a constant.
    """
    norms = [part for part in net.modules() if isinstance(part, nn.BatchNorm2d) and part.training]
    for norm in norms:
        norm.eval()
    try:
        yield
    finally:
        for norm in norms:
            norm.train()


def face_loss(
    net: FaceVAE,
    x: Tensor,
    noise: Tensor,
    prior: Tensor,
    alpha: Tensor,
    weights: tuple[float, float, float],
    apart: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the three terms of eq. (6): reconstruction, gamma KL, kappa Lipschitz; each a scalar.

    ``noise`` and ``prior`` (n, codes) are standard normal, ``alpha`` (n, 1) uniform; ``weights`` = (gamma, kappa, C_L).
    With ``apart`` the Lipschitz term's rows do not meet in the decoder's norms (D21); its points are where they are,
    so that the encoder does not feel it (D25).
    """
    gamma, kappa, limit = weights
    mean, log_variance = net.encoder(x)
    z = sample(mean, log_variance, noise)
    error = ((x - net.decoder(z)).flatten(1).square().sum(1) + 1e-8).sqrt().mean()  # the norm, not its square
    between = (alpha * prior + (1 - alpha) * z).detach()  # r_alpha: between the prior and the posterior
    with rows_apart(net) if apart else nullcontext():
        steep = (input_gradient(net.decoder, between) - limit).clamp(min=0).square().mean()
    return error, gamma * kl_to_prior(mean, log_variance).mean(), kappa * steep  # eq. (6)
