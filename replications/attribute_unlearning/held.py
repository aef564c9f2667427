"""Counts the bytes that training holds for its backward passes, to the byte and on any device.

What a process occupies says little on a CPU (allocators keep what they are given); what a graph keeps does not depend
on the allocator. Parameters and buffers are not counted, views of one storage once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks


class Ledger:
    """Bytes held now, and the most that were held at once, apart from what belongs to ``module``.

    Several threads may share one.
    """

    def __init__(self, module: nn.Module) -> None:
        own = [*module.parameters(), *module.buffers()]
        self._own = {tensor.untyped_storage().data_ptr() for tensor in own}
        self._holders: dict[int, int] = {}
        self._lock = RLock()  # a graph may be let go of while the same thread is in here
        self.now = self.most = 0

    def hold(self, tensor: Tensor) -> _Held | Tensor:
        """Take a tensor that a graph saves into the account."""
        storage = tensor.untyped_storage()
        place = storage.data_ptr()
        if place in self._own:
            return tensor
        with self._lock:
            if place not in self._holders:
                self.now += storage.nbytes()
                self.most = max(self.most, self.now)
            self._holders[place] = self._holders.get(place, 0) + 1
        return _Held(self, tensor, place)

    def release(self, place: int, size: int) -> None:
        """Take one holder of a storage out of the account."""
        with self._lock:
            self._holders[place] -= 1
            if not self._holders[place]:
                del self._holders[place]
                self.now -= size


class _Held:
    """A saved tensor: gone from the ledger when the graph lets go of it."""

    def __init__(self, ledger: Ledger, tensor: Tensor, place: int) -> None:
        self.ledger, self.tensor, self.place = ledger, tensor, place

    def __del__(self) -> None:
        self.ledger.release(self.place, self.tensor.untyped_storage().nbytes())


@contextmanager
def counting(ledger: Ledger) -> Iterator[Ledger]:
    """Count what graphs made in this thread hold."""

    def give_back(held: _Held | Tensor) -> Tensor:
        return held.tensor if isinstance(held, _Held) else held

    with saved_tensors_hooks(ledger.hold, give_back):
        yield ledger


def kept(module: nn.Module) -> int:
    """Return the bytes of a module's parameters with their gradients and momenta, and of its buffers."""
    parameters = sum(p.numel() * p.element_size() for p in module.parameters())
    return 3 * parameters + sum(b.numel() * b.element_size() for b in module.buffers())
