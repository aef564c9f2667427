"""Convolutions that leave few places an image, as one matrix product with what their kernels met.

On a CPU without AVX-512 oneDNN (torch 2.13, fp32) is slow where the result is 2x2 or smaller, as in the last stages of
a ResNet on small images: 512 channels to 512, a batch of 64, forward and both slopes, one core, take 259 ms on 2x2, as
here 67; on 1x1 160 and 12, since there eight of nine taps meet the padding alone and are left out. From 4x4 on the
library is as fast. Sums are taken in another order, so that the last bits differ.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

FEW = 4  # places of the result


class FewPlacesConv2d(nn.Conv2d):
    """A convolution that goes by :func:`convolve` in fp32 on a CPU where its result has few places."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``(n, channels, height, width)``."""
        plain = self.groups == 1 and self.padding_mode == "zeros" and set(self.dilation) == {1} and self.bias is None
        if not plain or isinstance(self.padding, str) or x.ndim != 4:
            return super().forward(x)
        height, width = places(x.shape[2:], self.kernel_size, self.stride, self.padding)
        if height < 1 or width < 1 or height * width > FEW:
            return super().forward(x)
        if x.device.type != "cpu" or x.dtype != torch.float32 or torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        return convolve(x, self.weight, self.stride, self.padding)


def places(sides: torch.Size, size: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...]) -> list[int]:
    """Return how many places a kernel of ``size`` has along each of an image's ``sides``."""
    given = zip(sides, size, stride, padding, strict=True)
    return [(side + 2 * edge - width) // step + 1 for side, width, step, edge in given]


def convolve(x: Tensor, weight: Tensor, stride: tuple[int, ...], padding: tuple[int, ...]) -> Tensor:
    """Return what ``conv2d`` gives, (n, out, h', w'), laid out channels last, by operations with slopes of any order.

    ``x`` (n, in, h, w), ``weight`` (out, in, height, width). A place's row holds the pixels that each tap met there;
    taps that meet the padding alone are left out.
    """
    size, (down, right), (up, left) = weight.shape[2:], stride, padding
    height, width = places(x.shape[2:], size, stride, padding)
    rows = range(max(0, up - down * (height - 1)), min(size[0], x.shape[2] + up))
    columns = range(max(0, left - right * (width - 1)), min(size[1], x.shape[3] + left))
    field = pad(x.permute(0, 2, 3, 1), (0, 0, left, left, up, up))
    met = [
        field[:, i : i + down * (height - 1) + 1 : down, j : j + right * (width - 1) + 1 : right]
        for i in rows
        for j in columns
    ]
    kernel = weight[:, :, rows.start : rows.stop, columns.start : columns.stop].permute(0, 2, 3, 1).flatten(1)
    return (torch.cat(met, -1) @ kernel.t()).permute(0, 3, 1, 2)


def hasten_few_places(model: nn.Module) -> None:
    """Make every plain convolution of a model a :class:`FewPlacesConv2d`; weights and their names stay."""
    for module in model.modules():
        if type(module) is nn.Conv2d:
            module.__class__ = FewPlacesConv2d
