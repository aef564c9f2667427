"""Plain convolutional encoder at full resolution: equal kernels, BatchNorm, no stride, global average pooling.

Source: Bahng et al. (arXiv:1910.02806), whose biased-MNIST network it is with its default arguments: four 7x7
convolutions, 529,920 parameters (531,210 with a linear head for ten classes), 414.9 M multiply-adds for a 28x28 image.
With ``kernel=1`` it is their network of small receptive field.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from common.models.initial import build

LAST = {"relu": nn.ReLU, "tanh": nn.Tanh}


class PlainConvEncoder(nn.Module):
    """Maps images (n, c, h, w) to features (n, channels[-1]); ``last`` is the activation of the last convolution."""

    def __init__(
        self, channels: Sequence[int] = (16, 32, 64, 128), kernel: int = 7, last: str = "relu", inputs: int = 3
    ) -> None:
        super().__init__()
        self.width = channels[-1]
        layers: list[nn.Module] = []
        before = inputs
        for index, after in enumerate(channels):
            activation = LAST[last]() if index == len(channels) - 1 else nn.ReLU(inplace=True)
            layers += [nn.Conv2d(before, after, kernel, padding=kernel // 2), nn.BatchNorm2d(after), activation]
            before = after
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return the pooled features."""
        return self.layers(x).mean((2, 3))


def plain_conv_encoder(
    generator: torch.Generator,
    channels: Sequence[int] = (16, 32, 64, 128),
    kernel: int = 7,
    last: str = "relu",
    inputs: int = 3,
) -> PlainConvEncoder:
    """Return the encoder with weights drawn from ``generator``."""
    return build(lambda: PlainConvEncoder(channels, kernel, last, inputs), generator)
