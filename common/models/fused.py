"""A ReLU critic's pass through a fused kernel, for whoever has one to give: bf16 products, sums and gradients in fp32.

The kernel is a shared library with ``critic_forward`` and ``critic_backward`` (``common/training/critic_bf16.c``, built
and handed over by :mod:`common.training.kernel`). Its steps between two products never leave a core's first cache:
measured on a Zen 4 core, 8,000 rows of 23-100-100-1 take 3.1 ms forward and back, where one product after another
takes 4.7.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from common.models.stacked import StackedLinear

PAIR = 2  # the kernel multiplies pairs of features: inputs have an even width
_LANES = 16  # units of a layer are padded to so many, after the one that is always one


class _InUse:
    """The process's kernel, if it has one."""

    library: ctypes.CDLL | None = None


def use(library: ctypes.CDLL | None) -> None:
    """Let the critics that are written out from now on use a kernel, or none."""
    _InUse.library = library


def in_use() -> ctypes.CDLL | None:
    """Return the kernel in use, or None."""
    return _InUse.library


def fill_pairs(kernel: ctypes.CDLL, table: Tensor, split: int, rows: Tensor, partners: Tensor, inputs: Tensor) -> None:
    """Write one member's joint pairs ``rows``, then marginal ones, from ``table (n, d)`` into its inputs.

    ``split`` is the width of x in the table; ``rows`` and ``partners (b,)`` are its rows, in int64.
    """
    integer, pointer = ctypes.c_int64, ctypes.c_void_p
    kernel.critic_pairs(
        integer(len(rows)),
        integer(table.shape[1]),
        integer(split),
        pointer(table.data_ptr()),
        pointer(rows.data_ptr()),
        pointer(partners.data_ptr()),
        pointer(inputs.data_ptr()),
        integer(inputs.stride(0)),
    )


class Member:
    """Scores and gradients of member ``own`` of a stack, for its ``inputs (rows, padded features)`` in bf16.

    The inputs' first column after the features is one, those after it are nought.
    """

    def __init__(self, kernel: ctypes.CDLL, layers: Sequence[StackedLinear], inputs: Tensor, own: int) -> None:
        self.kernel, self.layers, self.inputs, self.own = kernel, layers, inputs, own
        widths = [layer.weight.shape[2] for layer in layers[:-1]]
        rows = len(inputs)
        self.hidden = [inputs.new_empty(rows, -(-(width + 1) // _LANES) * _LANES) for width in widths]
        self.scores = torch.empty(1, rows)
        sizes = [layers[0].weight.shape[1], *widths]
        integer, pointer = ctypes.c_int64, ctypes.c_void_p
        self.shape = (
            integer(rows),
            integer(len(widths)),
            (integer * len(sizes))(*sizes),
            pointer(inputs.data_ptr()),
            integer(inputs.stride(0)),
        )
        self.activations = _pointers([hidden.data_ptr() for hidden in self.hidden])
        parameters = [*(layer.weight for layer in layers), *(layer.bias for layer in layers)]
        self.parameters = _Addresses(lambda: parameters, own)
        self.grads = _Addresses(lambda: [parameter.grad for parameter in parameters], own)

    def forward(self) -> Tensor:
        """Return scores without the last bias, ``(1, rows)`` in fp32, of what lies in the inputs."""
        scores = ctypes.c_void_p(self.scores.data_ptr())
        _check(self.kernel.critic_forward(*self.shape, *self.parameters(), self.activations, scores))
        return self.scores

    def backward(self, slopes: Tensor) -> None:
        """Write the gradients for the slopes ``(all members, rows)`` of the last forward pass's scores."""
        own = slopes[self.own].float().contiguous()
        slopes_at = ctypes.c_void_p(own.data_ptr())
        _check(self.kernel.critic_backward(*self.shape, *self.parameters(), self.activations, slopes_at, *self.grads()))


class _Addresses:
    """Where one member's parts of some tensors lie: weights and then biases, an array of pointers each.

    Looked at anew where a tensor has been given other storage.
    """

    def __init__(self, tensors: Callable[[], list[Tensor]], own: int) -> None:
        self.tensors, self.own = tensors, own
        self._known, self._arrays = list[int](), list[ctypes.Array[ctypes.c_void_p]]()

    def __call__(self) -> list[ctypes.Array[ctypes.c_void_p]]:
        tensors = self.tensors()
        starts = [values.data_ptr() for values in tensors]
        if starts != self._known:
            found = [start + self._offset(values) for start, values in zip(starts, tensors, strict=True)]
            half = len(found) // 2
            self._known, self._arrays = starts, [_pointers(found[:half]), _pointers(found[half:])]
        return self._arrays

    def _offset(self, values: Tensor) -> int:
        """Return the bytes before this member's part, after a look at what the kernel takes for granted."""
        if values.dtype != torch.float32 or not values.is_contiguous():
            raise ValueError(f"the fused kernel reads contiguous fp32 parameters, got {values.dtype}")
        return self.own * values.stride(0) * values.element_size()


def _pointers(addresses: list[int]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(addresses))(*addresses)


def _check(status: int) -> None:
    if status:
        raise MemoryError("not enough memory for the fused kernel's buffers")
