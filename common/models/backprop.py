"""The forward and backward pass of a stacked ReLU critic on short batches, written out: no graph, no copies.

A critic's step at a batch of a hundred is short enough for autograd's own work (graph, temporaries, accumulation) to
cost as much as the arithmetic. Here every product writes into a buffer that is kept from step to step. A test holds
values and gradients to autograd's. On long batches the products are all that counts, and autograd is as fast.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from common.models.stacked import LONG, StackedJointCritic


def can_write_out(critic: nn.Module, rows: int, device: torch.device) -> bool:
    """Return whether :class:`Backprop` can stand for ``critic``: joint, ReLU, one linear output, short, on a CPU."""
    if not isinstance(critic, StackedJointCritic) or device.type != "cpu" or rows >= LONG:
        return False
    return critic.network.activation is torch.relu  # a joint critic's last layer is linear with one output


class Backprop:
    """Scores and parameter gradients of ``critic``; products run in ``dtype`` (``None`` = that of the weights).

    :meth:`backward` writes into the parameters' ``.grad``, which must exist, for the last :meth:`forward`.
    """

    def __init__(self, critic: StackedJointCritic, dtype: torch.dtype | None = None) -> None:
        self.layers = list(critic.network.layers)
        self.dtype = dtype or self.layers[0].weight.dtype
        self._shape: tuple[int, ...] = ()

    @torch.no_grad()
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return scores ``(members, rows)`` in fp32 of ``x (members, rows, d_x)`` and ``y``, keeping activations."""
        shape = (*x.shape, y.shape[-1])
        if self._shape != shape:
            self._shape = shape
            self._make_room(x.shape[0], x.shape[1], x.shape[-1] + y.shape[-1])
        self._weights = [layer.weight.to(self.dtype) for layer in self.layers]
        self._inputs[..., : x.shape[-1]].copy_(x)
        self._inputs[..., x.shape[-1] :].copy_(y)
        hidden = self._inputs
        for layer, weight, out in zip(self.layers, self._weights, self._hidden, strict=False):
            torch.baddbmm(layer.bias.to(self.dtype), hidden, weight, out=out)
            hidden = out.clamp_(min=0)
        # A matrix product with a single column is five times slower than this.
        scores = torch.mul(hidden, self._weights[-1].mT, out=self._slopes[-1]).sum(-1)
        return scores.float() + self.layers[-1].bias.squeeze(-1)

    @torch.no_grad()
    def backward(self, slopes: Tensor) -> None:
        """Write the parameters' gradients for ``slopes (members, rows)``, the derivative of a loss by the scores."""
        last, own = self.layers[-1], self._slopes[-1]
        torch.sum(slopes[..., None], 1, keepdim=True, out=last.bias.grad)
        column = slopes.to(self.dtype)[..., None]
        torch.mul(self._hidden[-1], column, out=own)
        last.weight.grad.copy_(own.sum(1)[..., None])
        torch.mul(column, self._weights[-1].mT, out=own)
        for index in range(len(self._hidden) - 1, -1, -1):
            layer, own = self.layers[index], self._slopes[index]
            torch.ops.aten.threshold_backward(own, self._hidden[index], 0, grad_input=own)
            below = self._hidden[index - 1] if index else self._inputs
            if self.dtype == layer.weight.dtype:
                torch.bmm(below.mT, own, out=layer.weight.grad)
            else:
                layer.weight.grad.copy_(torch.bmm(below.mT, own))
            torch.sum(own, 1, keepdim=True, dtype=layer.bias.dtype, out=layer.bias.grad)
            if index:
                torch.bmm(own, self._weights[index].mT, out=self._slopes[index - 1])

    def _make_room(self, members: int, rows: int, features: int) -> None:
        widths = [layer.weight.shape[-1] for layer in self.layers[:-1]]
        self._inputs = torch.empty(members, rows, features, dtype=self.dtype)
        self._hidden = [torch.empty(members, rows, width, dtype=self.dtype) for width in widths]
        self._slopes = [torch.empty_like(hidden) for hidden in self._hidden]
