"""Layers that hold a whole stack of independent members (seeds, hyper-parameter cells) as one batched product.

Every tensor is ``(members, rows, features)``. Member ``k`` is initialised from its own generator exactly as
``torch.nn.Linear`` would be, and never mixes with the others, so member ``k`` of a stack is the model that seed
``k`` alone would have been (up to the order of floating-point sums inside one matrix product). Explicit
``baddbmm`` is used because it is faster on CPUs than ``torch.func.vmap`` over single models.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "elu": nn.functional.elu,
    "identity": lambda x: x,
}


LONG = 2048  # rows from which members run one by one on a CPU; see StackedMLP


class StackedLinear(nn.Module):
    """``members`` affine maps as one: ``(members, rows, in)`` to ``(members, rows, out)``.

    ``generators`` gives one ``torch.Generator`` per member. Weights are kept ``(members, in, out)``.
    """

    def __init__(self, in_features: int, out_features: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        bound = 1 / math.sqrt(in_features)  # nn.Linear's own initial range, for weight and bias
        weights, biases = [], []
        for generator in generators:
            weight = torch.empty(out_features, in_features).uniform_(-bound, bound, generator=generator)
            weights.append(weight.T)
            biases.append(torch.empty(1, out_features).uniform_(-bound, bound, generator=generator))
        self.weight = nn.Parameter(torch.stack(weights).contiguous())
        self.bias = nn.Parameter(torch.stack(biases))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(members, rows, in)`` to ``(members, rows, out)``."""
        return torch.baddbmm(self.bias, x, self.weight)


class StackedMLP(nn.Module):
    """A stack of multi-layer perceptrons; ``sizes`` = (in, hidden…, out).

    ``activation`` follows each hidden layer and ``final`` the last one; both are keys of :data:`ACTIVATIONS`.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        generators: Sequence[torch.Generator],
        activation: str = "relu",
        final: str = "identity",
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(StackedLinear(i, o, generators) for i, o in pairwise(sizes))
        self.activation, self.final = ACTIVATIONS[activation], ACTIVATIONS[final]

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(members, rows, in)`` to ``(members, rows, out)``."""
        if x.shape[1] >= LONG and x.device.type == "cpu":
            return self._one_by_one(x)
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.final(self.layers[-1](x))

    def _one_by_one(self, x: Tensor) -> Tensor:
        """Run the members in turn: where a layer of one member fills a core's cache, a batched one misses it."""
        members = []
        parts = [(layer.weight.unbind(0), layer.bias.unbind(0)) for layer in self.layers]
        for k, rows in enumerate(x.unbind(0)):
            hidden = rows
            for weights, biases in parts[:-1]:
                hidden = self.activation(torch.addmm(biases[k], hidden, weights[k]))
            weights, biases = parts[-1]
            members.append(self.final(torch.addmm(biases[k], hidden, weights[k])))
        return torch.stack(members)


class StackedJointCritic(nn.Module):
    """A stack of critics ``T(x, y)`` on concatenated inputs ``(members, rows, d_x)`` and ``(members, rows, d_y)``."""

    def __init__(
        self,
        d_x: int,
        d_y: int,
        hidden: Sequence[int],
        generators: Sequence[torch.Generator],
        activation: str = "relu",
    ) -> None:
        super().__init__()
        self.network = StackedMLP([d_x + d_y, *hidden, 1], generators, activation)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return scores ``(members, rows)`` in fp32, whatever precision the products ran in."""
        return self.network(torch.cat([x, y], -1)).squeeze(-1).float()


def member_state(module: nn.Module, member: int) -> dict[str, Tensor]:
    """Return a copy of one member's parameters: each tensor without its leading axis."""
    return {name: value[member].detach().clone() for name, value in module.state_dict().items()}
