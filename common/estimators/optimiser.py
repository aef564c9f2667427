"""Adam on one flat vector: for fits of a second or less, where the general optimiser costs as much as the gradient.

Source: Kingma & Ba (arXiv:1412.6980). All parameters of a module become views of one tensor, so that a step is a
handful of vector operations whatever the number of layers.
"""

from __future__ import annotations

import math

import torch
from torch import nn


class FlatAdam:
    """Adam for all parameters of ``module``; ``lr`` may be set anew before each step."""

    def __init__(self, module: nn.Module, lr: float, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        parameters = list(module.parameters())
        self.flat = torch.cat([p.detach().flatten() for p in parameters])
        self.grad = torch.zeros_like(self.flat)
        start = 0
        for parameter in parameters:
            end = start + parameter.numel()
            parameter.data = self.flat[start:end].view_as(parameter)
            parameter.grad = self.grad[start:end].view_as(parameter)
            start = end
        self.mean, self.square = torch.zeros_like(self.flat), torch.zeros_like(self.flat)
        self._root = torch.empty_like(self.flat)
        self.lr, self.betas, self.steps = lr, betas, 0

    def zero_grad(self) -> None:
        """Set the gradient to zero in place: parameters keep their views of it."""
        self.grad.zero_()

    @torch.no_grad()
    def step(self) -> None:
        """Take one step along the gradient gathered since :meth:`zero_grad`."""
        self.steps += 1
        first, second = self.betas
        self.mean.lerp_(self.grad, 1 - first)
        self.square.mul_(second).addcmul_(self.grad, self.grad, value=1 - second)
        size = self.lr * math.sqrt(1 - second**self.steps) / (1 - first**self.steps)
        # Unused weights have squares of zero or below the normal range, whose roots cost ten to thirty times a normal
        # number's here; 1e-24 lifts them out of it and is 1e-12 under the root, far below Adam's own 1e-8.
        torch.add(self.square, 1e-24, out=self._root).sqrt_().add_(1e-8)
        self.flat.addcdiv_(self.mean, self._root, value=-size)


def cosine_rate(step: int, steps: int, peak: float, warm: float = 0.05) -> float:
    """Return the learning rate of ``step``: up in a line over the first ``warm`` of ``steps``, down along a cosine."""
    return peak * min(1.0, (step + 1) / (warm * steps)) * 0.5 * (1 + math.cos(math.pi * step / steps))


def make_generator(seed: int) -> torch.Generator:
    """Return a generator started from ``seed``, on the CPU whatever the device: the same draws everywhere."""
    return torch.Generator().manual_seed(seed)
