"""Initial weights from a generator: a network's start depends on its seed and on nothing drawn before it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)
_Weighted = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear | nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d


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
    transposed convolutions and linear layers: as torch's own; normalisations: one and nought. Raises ``ValueError`` for
    another layer of torch's with weights: left alone it would start from no seed. A layer of ours starts itself.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            _bias(layer, layer.weight[0].numel(), generator)
        elif isinstance(layer, nn.Linear | nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d):
            fan_in = layer.weight[0].numel()  # of a transposed convolution it is what torch takes for it
            layer.weight.uniform_(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator=generator)
            _bias(layer, fan_in, generator)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm):
            if layer.weight is not None:
                nn.init.ones_(layer.weight)
                nn.init.zeros_(layer.bias)
        elif type(layer).__module__.startswith("torch.") and next(layer.parameters(recurse=False), None) is not None:
            raise ValueError(
                f"no start from a seed is known for {type(layer).__name__}; say in initial.py how it starts"
            )


def _bias(layer: _Weighted, fan_in: int, generator: torch.Generator) -> None:
    if layer.bias is not None:
        layer.bias.uniform_(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator=generator)


def linear(in_features: int, out_features: int, generator: torch.Generator) -> nn.Linear:
    """Return a linear layer that starts as torch's own would, from ``generator``."""
    return build(lambda: nn.Linear(in_features, out_features), generator)
