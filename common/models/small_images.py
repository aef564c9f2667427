"""Convolutions of images smaller than half their kernel, kept out of bf16 on a CPU.

There oneDNN's weight gradient in bf16 (torch 2.13, avx512_core_bf16) reads memory that nobody wrote: found for 3x3 and
5x5 at stride 2 on images of 1x1, and for 7x7 at stride 1 on 1x1 and 2x2. What lies there is mostly nought, now and
then a large number or a NaN. fp32 does not, and on images of so few pixels costs next to nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SmallImageConv2d(nn.Conv2d):
    """A convolution that leaves autocast where its kernel reaches from the middle of the image past all of it."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``(n, channels, height, width)``."""
        past = any(side <= size // 2 for side, size in zip(x.shape[-2:], self.kernel_size, strict=True))
        if not (past and x.device.type == "cpu" and torch.is_autocast_enabled("cpu")):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


def guard_small_images(model: nn.Module) -> None:
    """Make every plain convolution of a model a :class:`SmallImageConv2d`; weights and their names stay."""
    for module in model.modules():
        if type(module) is nn.Conv2d:
            module.__class__ = SmallImageConv2d
