"""What every method shares: one small encoder per ground, one linear task head; and small networks for their terms."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from common.models.initial import build


class Encoder(nn.Module):
    """Maps x in [0, 1] to the code z (n, ``width``): a linear last layer, so that z may lie anywhere."""

    def __init__(self, shape: Sequence[int], width: int) -> None:
        super().__init__()
        self.layers = _convolutions(shape, width) if len(shape) == 3 else _mlp([prod(shape), 64, width])

    def forward(self, x: Tensor) -> Tensor:
        """Return z."""
        return self.layers(2 * x - 1)


def _convolutions(shape: Sequence[int], width: int) -> nn.Sequential:
    channels, side = shape[0], shape[-1]
    left = -(-side // 8)
    return nn.Sequential(
        nn.Conv2d(channels, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * left * left, width),
    )


def _mlp(sizes: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inner, outer in pairwise(sizes):
        layers += [nn.Linear(inner, outer), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class UnitHead(nn.Module):
    """Maps z to a vector of length 1, for contrast."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.layers = _mlp([width, hidden, hidden])

    def forward(self, z: Tensor) -> Tensor:
        """Return (n, hidden)."""
        return normalize(self.layers(z), dim=1)


def encoder(shape: Sequence[int], width: int, generator: torch.Generator) -> Encoder:
    """Return the encoder of a ground, started from ``generator``."""
    return build(lambda: Encoder(shape, width), generator)


def perceptron(sizes: Sequence[int], generator: torch.Generator) -> nn.Sequential:
    """Return linear layers with ReLU between them, started from ``generator``."""
    return build(lambda: _mlp(sizes), generator)


def unit_head(width: int, hidden: int, generator: torch.Generator) -> UnitHead:
    """Return a contrastive head, started from ``generator``."""
    return build(lambda: UnitHead(width, hidden), generator)
