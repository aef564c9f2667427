"""The authors' convolutional networks: encoders of both image tasks, the decoder, and the classifier.

``width`` scales the inner channels (1 = as published: 26.1 M, 2.65 M and 7.5 M parameters), so that the same protocol
runs where a GPU is not at hand.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from common.models.initial import build


def block(inputs: int, outputs: int, pool: bool = False) -> nn.Sequential:
    """Return convolution 3x3, BatchNorm, Mish, and a halving where asked."""
    layers = [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.Mish()]
    return nn.Sequential(*layers, *([nn.MaxPool2d(2)] if pool else []))


class Residual(nn.Module):
    """Adds what its layers make of x to x."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return layers(x) + x."""
        return self.layers(x) + x


def _scaled(width: float, *channels: int) -> tuple[int, ...]:
    return tuple(max(4, round(width * c)) for c in channels)


def domain_encoder(d: int, generator: torch.Generator, width: float = 1.0) -> nn.Sequential:
    """Return EncoderDA for 32x32 images of three colours: 26.1 M parameters at d = 128."""
    a, b, c, e, f = _scaled(width, 64, 128, 256, 512, 768)
    return build(
        lambda: nn.Sequential(
            block(3, a),
            block(a, b, pool=True),
            Residual(block(b, b), block(b, b)),
            block(b, c, pool=True),
            block(c, e, pool=True),
            Residual(block(e, e), block(e, e)),
            block(e, f, pool=True),
            Residual(block(f, f)),
            block(f, f, pool=True),
            Residual(block(f, f)),
            nn.Flatten(),
            nn.Linear(f, d),
        ),
        generator,
    )


def auto_encoder(d: int, generator: torch.Generator, width: float = 1.0, colours: int = 1) -> nn.Sequential:
    """Return EncoderAE for 32x32 images: 2.65 M parameters at d = 256."""
    a, b, c = _scaled(width, 64, 128, 256)
    return build(
        lambda: nn.Sequential(
            block(colours, a, pool=True),
            block(a, b, pool=True),
            block(b, b, pool=True),
            Residual(block(b, b), block(b, b)),
            block(b, c, pool=True),
            block(c, c, pool=True),
            Residual(block(c, c), block(c, c)),
            nn.Flatten(),
            nn.Linear(c, d),
        ),
        generator,
    )


def decoder(d: int, generator: torch.Generator, width: float = 1.0, colours: int = 1) -> nn.Sequential:
    """Return the decoder of (Z, T) (n, d) to images (n, colours, 32, 32) in [0, 1]: 7.5 M parameters at d = 259."""
    a, b = _scaled(width, 512, 128)
    return build(
        lambda: nn.Sequential(
            nn.Unflatten(1, (d, 1, 1)),
            nn.ConvTranspose2d(d, d, 1),
            nn.LeakyReLU(0.2),
            nn.BatchNorm2d(d),
            nn.ConvTranspose2d(d, d, 1),
            nn.ConvTranspose2d(d, a, 4),
            nn.BatchNorm2d(a),
            nn.ReLU(),
            nn.ConvTranspose2d(a, a, 4, stride=2, padding=1),
            nn.BatchNorm2d(a),
            nn.ReLU(),
            nn.ConvTranspose2d(a, b, 4, stride=2, padding=1),
            nn.BatchNorm2d(b),
            nn.ReLU(),
            nn.ConvTranspose2d(b, colours, 4, stride=2, padding=1),
            nn.Sigmoid(),
        ),
        generator,
    )


def classifier(d: int, classes: int, generator: torch.Generator) -> nn.Sequential:
    """Return d - d - BatchNorm - Mish - classes."""
    return build(lambda: nn.Sequential(nn.Linear(d, d), nn.BatchNorm1d(d), nn.Mish(), nn.Linear(d, classes)), generator)
