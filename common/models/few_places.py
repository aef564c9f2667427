"""Convolutions that leave few places an image: their weights' slope as a sum of matrix products, a tap each.

On a CPU without AVX-512 oneDNN's weight gradient (torch 2.13, fp32) is slow where the result is 2x2 or smaller, as in
the last stage of a ResNet on 16x16: 512 channels to 512, a batch of 128, one core, take 165 ms, as here 36; on 1x1 161
and 11. From 4x4 on the library is as fast. Sums are taken in another order, so that the last bits differ.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

FEW = 4  # places of the result


class FewPlacesConv2d(nn.Conv2d):
    """A convolution in fp32 on a CPU that learns by :func:`weight_slope` where its result has few places."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``(n, channels, height, width)``."""
        learns = torch.is_grad_enabled() and self.weight.requires_grad
        plain = self.groups == 1 and self.padding_mode == "zeros" and set(self.dilation) == {1} and self.bias is None
        if not (learns and plain and x.ndim == 4 and self._places(x) <= FEW) or isinstance(self.padding, str):
            return super().forward(x)
        if x.device.type != "cpu" or x.dtype != torch.float32 or torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        return _Convolution.apply(x, self.weight, self.stride, self.padding)

    def _places(self, x: Tensor) -> int:
        if isinstance(self.padding, str):
            return FEW + 1
        sides = zip(x.shape[-2:], self.padding, self.kernel_size, self.stride, strict=True)
        height, width = ((side + 2 * edge - size) // step + 1 for side, edge, size, step in sides)
        return height * width


class _Convolution(torch.autograd.Function):
    """What ``conv2d`` gives; its slopes are made of differentiable operations, so that they have slopes as well."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: tuple[int, int], padding: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return nn.functional.conv2d(x, weight, None, stride, padding)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        (slope,) = slopes
        to_x = None
        if ctx.needs_input_grad[0]:
            asked = [True, False, False]
            rest = [list(ctx.stride), list(ctx.padding), [1, 1], False, [0, 0], 1, asked]
            to_x = torch.ops.aten.convolution_backward(slope, x, weight, None, *rest)[0]
        to_weight = (
            weight_slope(x, slope, weight.shape[2:], ctx.stride, ctx.padding) if ctx.needs_input_grad[1] else None
        )
        return to_x, to_weight, None, None


def weight_slope(
    x: Tensor, slope: Tensor, size: torch.Size, stride: tuple[int, int], padding: tuple[int, int]
) -> Tensor:
    """Return the slope (out, in, *size) of a convolution's weights from that of its result.

    ``x`` (n, in, h, w), ``slope`` (n, out, h', w'): for each tap of the kernel, the product of the slope with the
    pixels that the tap met.
    """
    (up, left), (down, right), (height, width) = padding, stride, slope.shape[2:]
    field = pad(x.permute(0, 2, 3, 1), (0, 0, left, left, up, up))
    own = slope.permute(0, 2, 3, 1).flatten(0, 2).t()
    taps = [
        own @ field[:, i : i + down * (height - 1) + 1 : down, j : j + right * (width - 1) + 1 : right].flatten(0, 2)
        for i in range(size[0])
        for j in range(size[1])
    ]
    return torch.stack(taps).unflatten(0, tuple(size)).permute(2, 3, 0, 1)


def hasten_few_places(model: nn.Module) -> None:
    """Make every plain convolution of a model a :class:`FewPlacesConv2d`; weights and their names stay."""
    for module in model.modules():
        if type(module) is nn.Conv2d:
            module.__class__ = FewPlacesConv2d
