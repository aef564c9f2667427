"""Plain convolutional encoder at full resolution: equal kernels, BatchNorm, no stride, global average pooling.

Source: Bahng et al. (arXiv:1910.02806), whose biased-MNIST network it is with its default arguments: four 7x7
convolutions, 529,920 parameters (531,210 with a linear head for ten classes), 414.9 M multiply-adds for a 28x28 image.
With ``kernel=1`` it is their network of small receptive field.

In fp32 on a CPU large kernels are computed through spectra (:mod:`common.models.spectral`): the same numbers to
rounding, several times faster. Under bf16 autocast or on a GPU the direct convolution is the fast one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from common.models.initial import build
from common.models.spectral import spectral_conv2d

LARGE = 5  # kernels from this size on are worth their spectra; for 3x3 the direct sum is as fast
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
        """Return the pooled features (n, width) of images (n, c, h, w)."""
        if self.by_spectra(x):
            return self._spectral(x)
        return self.layers(x).mean((2, 3))

    def by_spectra(self, x: Tensor) -> bool:
        """Return whether these images take the way through spectra here."""
        kernel = self.layers[0].kernel_size[0]
        plain = x.device.type == "cpu" and not torch.is_autocast_enabled("cpu") and x.dtype.itemsize >= 4
        return plain and kernel >= LARGE and kernel % 2 == 1 and x.shape[2] == x.shape[3] >= 2 * kernel

    def _spectral(self, x: Tensor) -> Tensor:
        """Run the layers on ``(height, width, images, channels)``, to which channels-last BatchNorm is native."""
        side, n = x.shape[2], x.shape[0]
        h = x.permute(2, 3, 0, 1).contiguous()
        for conv, norm, activation in zip(self.layers[::3], self.layers[1::3], self.layers[2::3], strict=True):
            h = spectral_conv2d(h, conv.weight, conv.bias)
            h = activation(norm(h.view(1, side * side, n, -1).permute(0, 3, 1, 2))).permute(0, 2, 3, 1)
            h = h.reshape(side, side, n, -1)
        return h.mean((0, 1))


def plain_conv_encoder(
    generator: torch.Generator,
    channels: Sequence[int] = (16, 32, 64, 128),
    kernel: int = 7,
    last: str = "relu",
) -> PlainConvEncoder:
    """Return the encoder with weights drawn from ``generator``."""
    return build(lambda: PlainConvEncoder(channels, kernel, last), generator)
