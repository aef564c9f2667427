"""Initial weights from a generator: a network's start depends on its seed and on nothing drawn before it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def build(make: Callable[[], Module], generator: torch.Generator) -> Module:
    """Return ``make()`` with its weights drawn from ``generator``; torch's own generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        module = make()
    initialise(module, generator)
    return module


@torch.no_grad()
def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw every layer's weights anew.

    Convolutions: Kaiming normal over the outgoing connections (He et al., arXiv:1502.01852), biases as torch's own;
    linear layers: as torch's own; normalisations: one and nought.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            _bias(layer, layer.weight[0].numel(), generator)
        elif isinstance(layer, nn.Linear):
            bound = 1 / math.sqrt(layer.in_features)
            layer.weight.uniform_(-bound, bound, generator=generator)
            _bias(layer, layer.in_features, generator)
        elif (
            isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm)
            and layer.weight is not None
        ):
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)


def _bias(layer: nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear, fan_in: int, generator: torch.Generator) -> None:
    if layer.bias is not None:
        layer.bias.uniform_(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator=generator)


def linear(in_features: int, out_features: int, generator: torch.Generator) -> nn.Linear:
    """Return a linear layer that starts as torch's own would, from ``generator``."""
    return build(lambda: nn.Linear(in_features, out_features), generator)
