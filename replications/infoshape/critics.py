"""The networks of Tables 3.2, 3.4 and 3.5: MNIST's dense encoder, convolutional and dense statistics networks.

Every module scores images ``x (n, 784)`` in [-1, 1] with codes ``z (n, d)``; ``partners`` are the rows of ``z`` that
make the marginal pairs, so that features of a row are computed once for both kinds of pair.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

KINDS = ("conv", "dense")


def initialise(module: nn.Module, random: torch.Generator) -> nn.Module:
    """Draw every layer's parameters from ``random`` in torch's own range, 1 / sqrt(fan-in); returns the module."""
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, (nn.Linear, nn.Conv2d)):
                bound = 1 / math.sqrt(layer.weight[0].numel())
                layer.weight.uniform_(-bound, bound, generator=random)
                layer.bias.uniform_(-bound, bound, generator=random)
    return module


def dense_encoder(random: torch.Generator) -> nn.Module:
    """Return Table 3.2: 784 -> 100 ReLU."""
    return initialise(nn.Sequential(nn.Linear(784, 100), nn.ReLU()), random)


class ConvolutionalCritic(nn.Module):
    """Table 3.4: three strided convolutions on the 9x9x3 code and on the image, then 1280-100-100-1."""

    def __init__(self, random: torch.Generator) -> None:
        super().__init__()
        self.z_side, self.x_side = self._side(3), self._side(1)
        self.head = nn.Sequential(nn.Linear(1280, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 1))
        initialise(self, random)

    @staticmethod
    def _side(channels: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for i, o in ((channels, 16), (16, 32), (32, 64)):
            layers += [nn.Conv2d(i, o, kernel_size=5, stride=2, padding=2), nn.ReLU()]
        return nn.Sequential(*layers, nn.Flatten())

    def forward(self, x: Tensor, z: Tensor, partners: Tensor) -> tuple[Tensor, Tensor]:
        """Return joint and marginal scores, each ``(n,)``."""
        images, codes = self.x_side(x.unflatten(1, (1, 28, 28))), self.z_side(z.unflatten(1, (3, 9, 9)))
        both = torch.cat([torch.cat([codes, images], 1), torch.cat([codes[partners], images], 1)])
        joint, marginal = self.head(both).squeeze(1).float().chunk(2)
        return joint, marginal


class DenseCritic(nn.Module):
    """Table 3.5: noise 0.3 on [x, z], 512 ELU, noise 0.5, 512 ELU, noise 0.5, 1 (fresh noise for every pair)."""

    def __init__(self, random: torch.Generator, d_x: int = 784, d_z: int = 100) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(d_x + d_z, 512), nn.Linear(512, 512), nn.Linear(512, 1)])
        initialise(self, random)
        self.random = random

    def forward(self, x: Tensor, z: Tensor, partners: Tensor) -> tuple[Tensor, Tensor]:
        """Return joint and marginal scores, each ``(n,)``."""
        hidden = torch.cat([torch.cat([x, z], 1), torch.cat([x, z[partners]], 1)])
        for layer, std in zip(self.layers, (0.3, 0.5, 0.5), strict=True):
            noise = torch.randn(hidden.shape, generator=self.random, device=hidden.device)
            hidden = layer(torch.add(hidden, noise, alpha=std))
            if layer.out_features > 1:
                hidden = nn.functional.elu(hidden)
        joint, marginal = hidden.squeeze(1).float().chunk(2)
        return joint, marginal
