"""Convolution with large kernels as a product of spectra: the same numbers as a direct one, with far fewer operations.

A "same" convolution of an s x s image with a k x k kernel is a circular one of size N = s + k // 2 on the padded image,
and that is a product per frequency (Mathieu et al., arXiv:1312.5851). Everything is a matrix product: the transforms
too, by small dense bases, because at these sizes a processor multiplies matrices at ten times the rate it runs an FFT
at. For 7x7 kernels on 28x28 images a training step takes a ninth of the operations of the direct sum.

Tensors are ``(height, width, images, channels)``. That layout needs no transposition: the two axes that are transformed
lie outside, and what is left per frequency is a matrix of images by channels. The result agrees with
``torch.nn.functional.conv2d`` to rounding (about 1e-6 of its size in fp32), and so do its gradients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Basis:
    """Real matrices of a two-stage transform of ``points`` positions per axis to ``k`` x ``n`` complex frequencies.

    ``first`` (2k, points) takes a real axis to its non-negative frequencies, rows ordered (frequency, re/im);
    ``second`` (2n, 2 points) takes a complex axis to all of its, rows (re/im, frequency), columns (re/im, position).
    ``second_back`` and ``first_back`` undo them, with the weights of the frequencies that were left out.
    """

    first: Tensor
    second: Tensor
    second_back: Tensor
    first_back: Tensor


@lru_cache(maxsize=32)
def basis(positions: tuple[int, ...], size: int, sign: int, dtype: torch.dtype, device: torch.device) -> Basis:
    """Return the transform with exp(-sign 2 pi i f p / size) of values at ``positions``, and its inverse."""
    p = torch.tensor(positions, dtype=torch.float64)
    half = torch.arange(size // 2 + 1, dtype=torch.float64)
    full = torch.arange(size, dtype=torch.float64)
    turn = 2 * math.pi / size
    a, b = turn * half[:, None] * p, turn * full[:, None] * p
    cosine, sine = b.cos(), -sign * b.sin()
    second = torch.cat([torch.cat([cosine, -sine], 1), torch.cat([sine, cosine], 1)])
    first = torch.stack([a.cos(), -sign * a.sin()], 1)
    weight = torch.full((len(half), 1, 1), 2.0, dtype=torch.float64)  # a frequency and its mirror
    weight[0] = 1
    if size % 2 == 0:
        weight[-1] = 1
    first_back = (first * weight / size**2).flatten(0, 1).T
    found = (first.flatten(0, 1), second, second.T, first_back)  # one axis's inverse is its adjoint, over N
    return Basis(*(m.to(device, dtype).contiguous() for m in found))


class _SpectralConv(torch.autograd.Function):
    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        side, _, n, before = x.shape
        after, _, taps, _ = weight.shape
        size = side + taps // 2
        k = size // 2 + 1
        image, kernel = _bases(side, taps, x)
        u = (image.first @ x.reshape(side, -1)).view(k, 2 * side, n * before)
        uw = (kernel.first @ weight.permute(2, 3, 1, 0).reshape(taps, -1)).view(k, 2 * taps, before * after)
        X, W = x.new_empty(k, 2, size, n, before), x.new_empty(k, 2, size, before, after)
        Y, v = x.new_empty(2, size, n, after), x.new_empty(k, 2 * side, n * after)
        for f in range(k):  # one column of frequencies at a time: what it needs stays in the cache
            torch.mm(image.second, u[f], out=X[f].view(2 * size, -1))
            torch.mm(kernel.second, uw[f], out=W[f].view(2 * size, -1))
            _multiply(X[f], W[f], Y)
            if f == 0 and bias is not None:
                Y[0, 0] += bias * size**2
            torch.mm(image.second_back, Y.view(2 * size, -1), out=v[f])
        ctx.save_for_backward(X, W)
        ctx.shape, ctx.biased = (side, taps), bias is not None
        return (image.first_back @ v.view(2 * k, -1)).view(side, side, n, after)

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None]:
        X, W = ctx.saved_tensors
        side, taps = ctx.shape
        k, _, size, n, before = X.shape
        after = W.shape[-1]
        image, _ = _bases(side, taps, X)
        lags = basis(_positions(side, taps)[1], size, 1, X.dtype, X.device)
        u = (image.first @ grad.reshape(side, -1)).view(k, 2 * side, n * after)
        G, V = X.new_empty(2, size, n, after), X.new_empty(2, size, before, after)
        vw = X.new_empty(k, 2 * taps, before * after)
        wanted = ctx.needs_input_grad[0]
        D = X.new_empty(2, size, n, before) if wanted else None
        v = X.new_empty(k, 2 * side, n * before) if wanted else None
        grad_bias = None
        for f in range(k):
            torch.mm(image.second, u[f], out=G.view(2 * size, -1))
            if f == 0 and ctx.biased:
                grad_bias = G[0, 0].sum(0)
            if D is not None and v is not None:
                _multiply(G, W[f].mT, D, conjugate=True)
                torch.mm(image.second_back, D.view(2 * size, -1), out=v[f])
            _multiply(X[f].mT, G, V, conjugate=True)
            torch.mm(lags.second_back, V.view(2 * size, -1), out=vw[f])
        grad_x = None if v is None else (image.first_back @ v.view(2 * k, -1)).view(side, side, n, before)
        grad_w = (lags.first_back @ vw.view(2 * k, -1)).view(taps, taps, before, after)
        return grad_x, grad_w.permute(3, 2, 0, 1), grad_bias


def _bases(side: int, taps: int, like: Tensor) -> tuple[Basis, Basis]:
    """Return the transforms of an image and of a kernel: a correlation, so its frequencies turn backwards."""
    image, kernel = _positions(side, taps)
    size = side + taps // 2
    return basis(image, size, 1, like.dtype, like.device), basis(kernel, size, -1, like.dtype, like.device)


def _positions(side: int, taps: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return tuple(range(side)), tuple(range(-(taps // 2), taps // 2 + 1))


def _multiply(a: Tensor, b: Tensor, out: Tensor, conjugate: bool = False) -> None:
    """Write the complex product ``a @ b``, or ``a @ conj(b)``, to ``out``; each is (re/im, batch, rows, columns)."""
    sign = -1 if conjugate else 1
    torch.bmm(a[0], b[0], out=out[0])
    out[0].baddbmm_(a[1], b[1], alpha=-sign)
    torch.bmm(a[1], b[0], out=out[1])
    out[1].baddbmm_(a[0], b[1], alpha=sign)


def spectral_conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``conv2d(x, weight, bias, padding="same")`` for ``x`` (side, side, images, channels), odd square kernels.

    Runs in fp32 (fp64 for fp64 input outside autocast); raises ``ValueError`` for shapes it is not made for.
    """
    if x.ndim != 4 or x.shape[0] != x.shape[1]:
        raise ValueError(f"square images (side, side, images, channels) are needed; got {tuple(x.shape)}")
    if weight.shape[2] != weight.shape[3] or weight.shape[2] % 2 == 0 or weight.shape[1] != x.shape[3]:
        raise ValueError(f"an odd square kernel for {x.shape[3]} channels is needed; got {tuple(weight.shape)}")
    return _SpectralConv.apply(x, weight, bias)
