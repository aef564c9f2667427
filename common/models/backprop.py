"""The forward and backward pass of a stacked ReLU critic written out: no graph, no copies, every buffer kept.

A critic's step is short enough for autograd's own work (graph, temporaries, accumulation) to cost as much as the
arithmetic. Short batches run as one batched product for all members; long ones member by member, because a layer of
one member fills a core's cache. A test holds values and gradients to autograd's.

Every layer has one more unit, which is always one: a product then adds the bias and, going back, sums its gradient.
In fp32 layers are padded with noughts to whole vectors: a product of width 104 was measured a sixth faster than one
of 101.

What is left between two products is done on bf16's bits, where the sign is an integer's: elementwise bf16 operations
go through fp32 and were measured six times (ReLU) and twice (its slope) slower. Where a fused kernel is in use
(:mod:`common.models.fused`), it takes the place of all this for bf16, member by member.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from common.models import fused
from common.models.stacked import LONG, StackedJointCritic, StackedLinear

_FEW_ROWS = 1024  # members x rows below which a product with one column is slower than multiplying and summing
_VECTOR = 8  # fp32 numbers of a vector register (AVX2); products of other widths waste a part of the last one


def can_write_out(critic: nn.Module, device: torch.device) -> bool:
    """Return whether :class:`Backprop` can stand for ``critic``: joint, ReLU, one linear output, on a CPU."""
    if not isinstance(critic, StackedJointCritic) or device.type != "cpu":
        return False
    return critic.network.activation is torch.relu  # a joint critic's last layer is linear with one output


class Backprop:
    """Scores and parameter gradients of ``critic``; products run in ``dtype`` (``None`` = that of the weights).

    Inputs go into :meth:`inputs`. :meth:`backward` writes into the parameters' ``.grad``, which must exist, for the
    last :meth:`forward`. In bf16 the ReLU makes nought of a NaN with a minus sign: whether a member has diverged is
    seen in its weights, not in its scores alone.
    """

    def __init__(self, critic: StackedJointCritic, dtype: torch.dtype | None = None) -> None:
        self.layers: list[StackedLinear] = list(critic.network.layers)
        self.members = len(self.layers[0].weight)
        self.dtype = dtype or self.layers[0].weight.dtype
        self.kernel = fused.in_use() if self.dtype == torch.bfloat16 else None
        self.weights = [self._room(layer) for layer in self.layers]
        self._rows, self._slabs = 0, list[_Slab | fused.Member]()

    def _room(self, layer: StackedLinear) -> Tensor:
        """Return room for a layer's weight and bias, ``(members, d + 1, h + 1)`` padded: unit h hands the one on.

        The last layer has no such unit, ``(members, d + 1, 1)``, and no bias here: that is added in fp32.
        """
        members, features, width = layer.weight.shape
        last = layer is self.layers[-1]
        columns = 1 if last else self._padded(width + 1)
        room = layer.weight.new_zeros(members, self._padded(features + 1), columns, dtype=self.dtype)
        if not last:
            room[:, features, width] = 1
        return room

    def _padded(self, width: int) -> int:
        whole = _VECTOR if self.dtype == torch.float32 else fused.PAIR if self.kernel else 1
        return -(-width // whole) * whole

    def inputs(self, rows: int) -> Tensor:
        """Return the buffer ``(members, rows, features)`` to be filled with x and y side by side."""
        if rows != self._rows:
            self._rows = rows
            inputs = self.weights[0].new_zeros(self.members, rows, self.weights[0].shape[1])
            features = self.layers[0].weight.shape[1]
            inputs[..., features] = 1
            self._inputs = inputs[..., :features]
            if self.kernel:
                self._slabs = [fused.Member(self.kernel, self.layers, inputs[k], k) for k in range(self.members)]
                return self._inputs
            size = 1 if rows >= LONG else self.members
            starts = range(0, self.members, size)
            self._slabs = [_Slab(self.layers, self.weights, inputs, slice(k, k + size)) for k in starts]
        return self._inputs

    @torch.no_grad()
    def forward(self) -> Tensor:
        """Return scores ``(members, rows)`` in fp32 of what lies in the inputs, keeping activations."""
        if not self.kernel:
            self._lay_out()
        scores = [slab.forward() for slab in self._slabs]
        return (scores[0] if len(scores) == 1 else torch.cat(scores)) + self.layers[-1].bias.squeeze(-1)

    def _lay_out(self) -> None:
        """Write the present weights and biases into their rooms."""
        *hidden, last = zip(self.layers, self.weights, strict=True)
        for layer, room in hidden:
            _, features, width = layer.weight.shape
            room[:, :features, :width] = layer.weight
            room[:, features : features + 1, :width] = layer.bias
        last[1][:, : last[0].weight.shape[1]] = last[0].weight

    @torch.no_grad()
    def backward(self, slopes: Tensor) -> None:
        """Write the parameters' gradients for ``slopes (members, rows)``, the derivative of a loss by the scores."""
        torch.sum(slopes[..., None], 1, keepdim=True, out=self.layers[-1].bias.grad)
        for slab in self._slabs:
            slab.backward(slopes)


class _Slab:
    """Some members of the stack, run together: views of their weights and gradients, and buffers."""

    def __init__(self, layers: Sequence[StackedLinear], weights: Sequence[Tensor], inputs: Tensor, own: slice) -> None:
        self.own, self.inputs = own, inputs[own]
        members, rows, _ = self.inputs.shape
        self.weights = [weight[own] for weight in weights]
        self.grads = [(layer.weight.grad[own], layer.bias.grad[own]) for layer in layers]
        self.hidden = [inputs.new_empty(members, rows, weight.shape[-1]) for weight in weights[:-1]]
        self.slopes = [torch.empty_like(hidden) for hidden in self.hidden]
        # The last layer has one column. Measured: bf16 products are faster with it from about a thousand rows on,
        # fp32 products of a batch of members are five times slower.
        low = inputs.dtype != torch.float32
        self.by_product = members * rows >= _FEW_ROWS if low else members == 1

    def forward(self) -> Tensor:
        """Return scores without the last bias, ``(members, rows)`` in fp32."""
        below = self.inputs
        for weight, out in zip(self.weights, self.hidden, strict=False):
            below = _relu_(torch.bmm(below, weight, out=out))
        if self.by_product:
            return torch.bmm(below, self.weights[-1]).squeeze(-1).float()
        return torch.mul(below, self.weights[-1].mT, out=self.slopes[-1]).sum(-1).float()

    def backward(self, slopes: Tensor) -> None:
        """Write the gradients for the slopes ``(all members, rows)`` of the scores."""
        column, last, hidden = slopes[self.own].to(self.inputs.dtype)[..., None], self.weights[-1], self.hidden[-1]
        slopes = self.slopes[-1]
        if self.by_product:
            self._keep(-1, torch.bmm(column.mT, hidden).mT)
            torch.bmm(column, last.mT, out=slopes)
        else:
            torch.mul(hidden, column, out=slopes)
            self._keep(-1, slopes.sum(1)[..., None])
            torch.mul(column, last.mT, out=slopes)
        for index in range(len(self.hidden) - 1, -1, -1):
            slopes = self.slopes[index]
            _only_above_nought_(slopes, self.hidden[index])
            self._keep(index, torch.bmm((self.hidden[index - 1] if index else self.inputs).mT, slopes))
            if index:
                torch.bmm(slopes, self.weights[index].mT, out=self.slopes[index - 1])

    def _keep(self, index: int, found: Tensor) -> None:
        """Write a layer's gradients without the padding; the last bias, whose slopes are the scores', is not here."""
        weight_grad, bias_grad = self.grads[index]
        _, features, width = weight_grad.shape
        weight_grad.copy_(found[:, :features, :width])
        if index >= 0:
            bias_grad.copy_(found[:, features : features + 1, :width])


def _relu_(values: Tensor) -> Tensor:
    """Set what is below nought to nought in place."""
    if values.dtype != torch.bfloat16:
        return values.clamp_(min=0)
    values.view(torch.int16).clamp_(min=0)
    return values


def _only_above_nought_(slopes: Tensor, activations: Tensor) -> None:
    """Set ``slopes`` to nought in place where ``activations``, which come from a ReLU, are."""
    if slopes.dtype != torch.bfloat16:
        torch.ops.aten.threshold_backward(slopes, activations, 0, grad_input=slopes)
    else:
        slopes.view(torch.int16).mul_(activations.view(torch.int16).sign())
