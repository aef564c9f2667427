"""Small networks of a stack of members, arranged for the short batches that they see a hundred thousand times.

Two arrangements, both of the same function to rounding: affine maps with nothing between them are multiplied out where
that is cheaper, as in the encoder's d-200-200; and a layer with one column in or out is a multiplication, where a
batched product takes six times as long (0.37 against 0.06 ms for five members and 500 rows of 200 on one thread).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from common.models.stacked import LONG, StackedLinear
from replications.sliced_infomin.method import Generators


class Stack(nn.Module):
    """Affine maps of a stack of members with an activation after each; ``None`` is none."""

    def __init__(
        self, sizes: tuple[int, ...], activations: tuple[Callable | None, ...], generators: Generators
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(StackedLinear(i, o, generators) for i, o in pairwise(sizes))
        self.activations = activations

    def forward(self, x: Tensor) -> Tensor:
        """Map (members, n, sizes[0]) to (members, n, sizes[-1])."""
        folded: tuple[Tensor, Tensor] | None = None
        for layer, activation, following in zip(self.layers, self.activations, [*self.layers[1:], None], strict=True):
            weight, bias = layer.weight, layer.bias
            if folded is not None:  # (x V + a) W + b = x (V W) + (a W + b)
                weight, bias = folded[0] @ weight, torch.baddbmm(bias, folded[1], weight)
            if activation is None and following is not None and _pays(x.shape[1], weight, following.weight):
                folded = weight, bias
                continue
            x, folded = affine(x, weight, bias), None
            x = x if activation is None else activation(x)
        return x


def _pays(rows: int, first: Tensor, second: Tensor) -> bool:
    """Return whether multiplying two maps out takes fewer operations than passing the rows through both."""
    (i, hidden), o = first.shape[1:], second.shape[2]
    return i * hidden * o + rows * i * o < rows * hidden * (i + o)


def affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return x W + b per member; x is (members, n, in), b one row or n rows of each."""
    if weight.shape[1] == 1:
        return torch.addcmul(bias, x, weight)
    if weight.shape[2] == 1 and len(x) > 1 and x.shape[1] < LONG:
        return (x * weight.mT).sum(-1, keepdim=True) + bias
    return torch.baddbmm(bias, x, weight)


def take_rows(values: Tensor, rows: Tensor) -> Tensor:
    """Return rows (members, k) of each member's own values (members, n, d): (members, k, d), row by row."""
    members, n = values.shape[:2]
    flat = rows + torch.arange(members, device=rows.device)[:, None] * n
    return values.flatten(0, 1).index_select(0, flat.reshape(-1)).unflatten(0, rows.shape)


def slope_02(x: Tensor) -> Tensor:
    """Return leaky ReLU with the slope of 0.2 that the authors' encoder and CLUB have."""
    return leaky_relu(x, 0.2)
