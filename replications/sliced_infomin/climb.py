"""Forward and backward of a stack of small networks written out, for the steps of adversaries.

An adversary takes up to fifty steps for each of the encoder's, on the same codes: no graph, activations in place, and
no slope for what is not trained. Each activation's slope is read off its output. A test holds gradients to autograd's.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from replications.sliced_infomin.stack import Stack, affine, slope_02

Activation = Callable[[Tensor], Tensor] | None


def activate(x: Tensor, activation: Activation) -> Tensor:
    """Return the activation of x, in place of x."""
    if activation is None:
        return x
    if activation is torch.relu:
        return x.relu_()
    if activation is torch.tanh:
        return x.tanh_()
    return leaky_relu(x, _leak(activation), inplace=True)


def behind(slope: Tensor, output: Tensor, activation: Activation) -> Tensor:
    """Return the slope in front of an activation from that behind it and its output, in place of ``slope``."""
    if activation is None:
        return slope
    if activation is torch.relu:
        return torch.ops.aten.threshold_backward(slope, output, 0, grad_input=slope)
    if activation is torch.tanh:
        return slope.mul_(1 - output.square())
    return torch.ops.aten.leaky_relu_backward(slope, output, _leak(activation), True, grad_input=slope)


def _leak(activation: Activation) -> float:
    """Return the slope of a leaky ReLU below nought, which is positive: the sign of its output is that of its input."""
    if activation is slope_02:
        return 0.2
    if activation is leaky_relu:
        return 0.01
    raise ValueError(f"the slope of {activation} is not written out")


def passed(net: Stack, x: Tensor) -> list[Tensor]:
    """Return x (m, n, d) and the output of each layer."""
    found = [x]
    for layer, activation in zip(net.layers, net.activations, strict=True):
        found.append(activate(affine(found[-1], layer.weight, layer.bias), activation))
    return found


def send_back(net: Stack, found: list[Tensor], slope: Tensor) -> None:
    """Set the gradients of all layers for the slope (m, n, d) of the last output; ``found`` as :func:`passed` gives."""
    for index in reversed(range(len(net.layers))):
        layer = net.layers[index]
        slope = behind(slope, found[index + 1], net.activations[index])
        set_gradient(layer, found[index], slope)
        if index:
            slope = slope * layer.weight.mT if slope.shape[-1] == 1 else torch.bmm(slope, layer.weight.mT)


def set_gradient(layer: torch.nn.Module, below: Tensor, slope: Tensor) -> None:
    """Set an affine map's gradients from its input and the slope of its output."""
    layer.weight.grad = across(below, slope)
    layer.bias.grad = slope.sum(1, keepdim=True)


def across(x: Tensor, y: Tensor) -> Tensor:
    """Return the sum over rows of the outer products, (m, d_x, d_y): of one column as a row, which is faster."""
    return torch.bmm(y.mT, x).mT if y.shape[-1] == 1 else torch.bmm(x.mT, y)


def correlation_slope(a: Tensor, b: Tensor, epsilon: float = 1e-8) -> Tensor:
    """Return the slope in a of the |correlation| of a and b along the last axis, as ``common.losses.correlation``."""
    n = a.shape[-1]
    a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
    product, of_b = ((v * b).mean(-1, keepdim=True) for v in (a, b))
    spread = a.square().mean(-1, keepdim=True) * of_b + epsilon**2
    return product.sign() / n * (b - a * (product * of_b / spread)) * spread.rsqrt()
