"""Critics T(x, y) as stacks of members: joint, separable, hybrid and bilinear, each scoring pairs and whole batches.

Every critic maps ``x (members, n, d_x)`` and ``y (members, n, d_y)``: calling it scores row i with row i, giving
``(members, n)``; ``matrix`` scores every row with every other, ``(members, n_x, n_y)``.

Sources: the joint critic of MINE (arXiv:1801.04062); separable and bilinear ones of Poole et al. (arXiv:1905.06922)
and CPC (arXiv:1807.03748).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from common.models.stacked import StackedJointCritic, StackedLinear, StackedMLP

CRITICS = ("joint", "separable", "hybrid", "bilinear")


class JointCritic(StackedJointCritic):
    """T(x, y) = f([x, y]): the most expressive and, for whole matrices, n^2 rows through the network."""

    def matrix(self, x: Tensor, y: Tensor) -> Tensor:
        """Score all pairs; the first layer is split into its x and y parts, so only hidden rows are squared."""
        first, d_x = self.network.layers[0], x.shape[-1]
        left = x @ first.weight[:, :d_x]
        right = torch.baddbmm(first.bias, y, first.weight[:, d_x:])
        hidden = self.network.activation(left[:, :, None] + right[:, None])
        members, n_x, n_y, width = hidden.shape
        hidden = hidden.reshape(members, n_x * n_y, width)
        for layer in self.network.layers[1:-1]:
            hidden = self.network.activation(layer(hidden))
        return self.network.layers[-1](hidden).reshape(members, n_x, n_y).float()


class SeparableCritic(nn.Module):
    """T(x, y) = g(x)'h(y) + a(x) + b(y), g and h of ``rank`` outputs: all n^2 scores for 2 n rows of network."""

    def __init__(
        self,
        d_x: int,
        d_y: int,
        hidden: Sequence[int],
        generators: Sequence[torch.Generator],
        activation: str = "relu",
        rank: int = 32,
    ) -> None:
        super().__init__()
        self.left = StackedMLP([d_x, *hidden, rank + 1], generators, activation)
        self.right = StackedMLP([d_y, *hidden, rank + 1], generators, activation)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Score row i of x with row i of y."""
        left, right = self.left(x).float(), self.right(y).float()
        return (left[..., :-1] * right[..., :-1]).sum(-1) + left[..., -1] + right[..., -1]

    def matrix(self, x: Tensor, y: Tensor) -> Tensor:
        """Score every row of x with every row of y."""
        left, right = self.left(x).float(), self.right(y).float()
        return left[..., :-1] @ right[..., :-1].mT + left[..., -1:] + right[..., -1:].mT


class HybridCritic(nn.Module):
    """A separable critic on bounded inputs with a linear and a quadratic way past its networks.

    Inputs v enter as 2 tanh(v / 2) and asinh(10 v) / 2: the one tells apart what lies near the middle, the other
    what lies near zero or far out, and neither lets a heavy tail swamp the rest. The linear way makes Gaussian pairs
    easy from the first step. Both sides run as one stack, padded to one width.
    """

    def __init__(
        self,
        d_x: int,
        d_y: int,
        hidden: Sequence[int],
        generators: Sequence[torch.Generator],
        activation: str = "relu",
        rank: int = 32,
    ) -> None:
        super().__init__()
        self.members, self.width = len(generators), 2 * max(d_x, d_y)
        both = [*generators, *generators]
        self.network = StackedMLP([self.width, *hidden, rank + 1], both, activation)
        self.linear, self.square = StackedLinear(self.width, rank, both), StackedLinear(self.width, 1, both)
        with torch.no_grad():
            self.network.layers[-1].weight.mul_(0.1)
            self.square.weight.zero_()
            self.square.bias.zero_()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Score row i of x with row i of y."""
        left, right, side_x, side_y = self._embed(x, y)
        return (left * right).sum(-1) + (side_x + side_y).squeeze(-1)

    def matrix(self, x: Tensor, y: Tensor) -> Tensor:
        """Score every row of x with every row of y; both hold the same number of rows."""
        left, right, side_x, side_y = self._embed(x, y)
        return left @ right.mT + side_x + side_y.mT

    def _embed(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        v = torch.cat([self._features(x), self._features(y)])
        out = self.network(v)
        inner = (out[..., :-1] + self.linear(v)).float()
        side = (out[..., -1:] + self.square(v * v)).float()
        return inner[: self.members], inner[self.members :], side[: self.members], side[self.members :]

    def _features(self, v: Tensor) -> Tensor:
        features = torch.cat([2 * torch.tanh(v / 2), torch.asinh(10 * v) / 2], -1)
        return nn.functional.pad(features, (0, self.width - features.shape[-1]))


class BilinearCritic(nn.Module):
    """T(x, y) = x'Wy + u'x + v'y + c on features [x, x^2]: exact for Gaussian pairs, blind to much else."""

    def __init__(self, d_x: int, d_y: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.cross = StackedLinear(d_x, d_y, generators)
        self.left = StackedLinear(2 * d_x, 1, generators)
        self.right = StackedLinear(2 * d_y, 1, generators)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Score row i of x with row i of y."""
        sides = self.left(_with_squares(x)) + self.right(_with_squares(y))
        return ((self.cross(x) * y).sum(-1, keepdim=True) + sides).squeeze(-1).float()

    def matrix(self, x: Tensor, y: Tensor) -> Tensor:
        """Score every row of x with every row of y."""
        return (self.cross(x) @ y.mT + self.left(_with_squares(x)) + self.right(_with_squares(y)).mT).float()


def _with_squares(v: Tensor) -> Tensor:
    return torch.cat([v, v.square()], -1)


def make_critic(
    kind: str,
    d_x: int,
    d_y: int,
    hidden: Sequence[int],
    generators: Sequence[torch.Generator],
    activation: str = "relu",
    rank: int = 32,
) -> nn.Module:
    """Return a critic of one of the kinds in :data:`CRITICS`.

    Raises ValueError for another name, and for a joint critic without a hidden layer.
    """
    if kind == "joint":
        if not hidden:
            raise ValueError("a joint critic needs a hidden layer: without one, x and y only add up")
        return JointCritic(d_x, d_y, hidden, generators, activation)
    if kind == "separable":
        return SeparableCritic(d_x, d_y, hidden, generators, activation, rank)
    if kind == "hybrid":
        return HybridCritic(d_x, d_y, hidden, generators, activation, rank)
    if kind == "bilinear":
        return BilinearCritic(d_x, d_y, generators)
    raise ValueError(f"critic must be one of {', '.join(CRITICS)}, got {kind!r}")
