"""Large convolutions through the Fourier domain: the same layer and parameters, a third of the time on a CPU.

A 7x7 convolution of stride 1 costs 49 multiply-adds per pixel and pair of channels; as a product of spectra it costs
about five. The circle of transforms needs ``h + k // 2`` points only: what wraps around falls outside the kept rows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

LEAST_KERNEL = 5


class _Convolution(torch.autograd.Function):
    """``conv2d(x, weight, bias, padding="same")`` for odd square kernels, with its three gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        half = weight.shape[-1] // 2
        points = tuple(_even(side + half) for side in x.shape[2:])
        signal = _spectrum(x, points)  # (frequencies, n, c)
        kernel = _spectrum(weight.flip(2, 3), points)  # (frequencies, o, c)
        ctx.save_for_backward(signal, kernel)
        ctx.points, ctx.half = points, half
        full = _signal(torch.bmm(signal, kernel.transpose(1, 2)), points)
        rows, columns = (slice(half, half + side) for side in x.shape[2:])
        return full[:, :, rows, columns] + bias[:, None, None]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        signal, kernel = ctx.saved_tensors
        points, half = ctx.points, ctx.half
        back = _spectrum(grad, points)
        to_x = None
        if ctx.needs_input_grad[0]:
            to_x = _turned(_signal(torch.bmm(back, kernel.conj()), points), half, grad.shape[2:])
        lags = _signal(torch.bmm(back.transpose(1, 2), signal.conj()), points)
        to_weight = _turned(lags, half, (2 * half + 1, 2 * half + 1)).flip(2, 3)
        return to_x, to_weight, grad.sum((0, 2, 3))


def _even(length: int) -> int:
    return length + length % 2


def _spectrum(x: Tensor, points: tuple[int, ...]) -> Tensor:
    """Return the real Fourier transform of (n, c, h, w) as (frequencies, n, c), ready for a batched product."""
    return torch.fft.rfft2(x, s=points).flatten(2).permute(2, 0, 1).contiguous()


def _signal(spectrum: Tensor, points: tuple[int, ...]) -> Tensor:
    """Return the signals (n, c, *points) of spectra (frequencies, n, c)."""
    shape = (*spectrum.shape[1:], points[0], points[1] // 2 + 1)
    return torch.fft.irfft2(spectrum.permute(1, 2, 0).reshape(shape), s=points)


def _turned(x: Tensor, half: int, size: tuple[int, ...]) -> Tensor:
    """Return ``size`` rows and columns of a circle, starting ``half`` before its origin."""
    for dim, (length, points) in enumerate(zip(size, x.shape[2:], strict=True), start=2):
        x = x.index_select(dim, (torch.arange(length, device=x.device) - half) % points)
    return x


class SpectralConv2d(nn.Conv2d):
    """A Conv2d of odd square kernel, stride 1 and "same" zero padding that computes through spectra in fp32."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of (n, c, h, w)."""
        return _Convolution.apply(x, self.weight, self.bias)


def suits(layer: nn.Module) -> bool:
    """Return whether a layer is a convolution that :class:`SpectralConv2d` computes, and faster."""
    if type(layer) is not nn.Conv2d or layer.bias is None:
        return False
    side = layer.kernel_size[0]
    plain = layer.stride == layer.dilation == (1, 1) and layer.groups == 1 and layer.padding_mode == "zeros"
    return plain and side >= LEAST_KERNEL and side % 2 == 1 and layer.kernel_size == (side, side) and same(layer, side)


def same(layer: nn.Conv2d, side: int) -> bool:
    """Return whether the padding keeps the picture's size."""
    return layer.padding in ("same", (side // 2, side // 2))


def use_spectral(model: nn.Module) -> nn.Module:
    """Let every convolution of ``model`` that suits compute through spectra; its parameters stay as they are."""
    for layer in model.modules():
        if suits(layer):
            layer.__class__ = SpectralConv2d
    return model
