"""Batches from data that stay on the device: order from a seeded generator, transforms on whole batches, resumable.

Every epoch is a permutation drawn from a CPU generator, so that the order does not depend on the device. In a stack
each member has its own order: a batch is then ``(members, batch, …)``, and member ``k`` sees what seed ``k`` alone
would see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

Batch = dict[str, Tensor]
Transform = Callable[[Batch, Sequence[torch.Generator]], Batch]


class Source(Protocol):
    """What a trainer draws from: a number of batches per epoch, and a state that says where it stands."""

    def __len__(self) -> int:
        """Return the batches of one epoch."""

    def start_epoch(self) -> None:
        """Begin a new epoch."""

    def take(self) -> Batch:
        """Return the epoch's next batch."""

    def state_dict(self) -> dict[str, Tensor]:
        """Return everything that the next batches depend on."""

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on where :meth:`state_dict` was taken."""


class Batches:
    """Batches of named tensors with a common first axis ``(n, …)`` (or ``(members, n, …)`` for those in ``own``).

    ``orders`` and ``noise`` hold one CPU generator per member: the order, and what ``transform(batch, noise)`` draws.
    Without ``stacked`` there is one of each and no member axis. ``transform`` sees the drawn rows as they lie in
    memory (uint8 images) and returns what the step function gets.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        batch: int,
        orders: torch.Generator | Sequence[torch.Generator],
        *,
        transform: Transform | None = None,
        noise: torch.Generator | Sequence[torch.Generator] = (),
        drop_last: bool = False,
        own: Sequence[str] = (),
    ) -> None:
        self.stacked = not isinstance(orders, torch.Generator)
        self.orders = [orders] if isinstance(orders, torch.Generator) else list(orders)
        self.noise = [noise] if isinstance(noise, torch.Generator) else list(noise)
        # contiguous, for a table that is not would be copied whole at every batch that is drawn from it
        self.tensors = {name: values.contiguous() for name, values in tensors.items()}
        self.batch, self.own = batch, frozenset(own)
        self.transform, self.drop_last = transform, drop_last
        if own and not self.stacked:
            raise ValueError("tensors of a member's own need one order per member")
        lengths = {name: t.shape[1 if name in self.own else 0] for name, t in self.tensors.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"tensors of different lengths: {lengths}")
        self.rows = next(iter(lengths.values()))
        if not 1 <= batch <= self.rows:
            raise ValueError(f"a batch of {batch} does not fit {self.rows} rows")
        self._drawn_from = [g.get_state() for g in self.orders]
        self._order = torch.empty(len(self.orders), 0, dtype=torch.int64)
        self.position = 0

    def __len__(self) -> int:
        """Return the batches of one epoch."""
        return self.rows // self.batch if self.drop_last else -(-self.rows // self.batch)

    def start_epoch(self) -> None:
        """Draw a new order."""
        self._drawn_from = [g.get_state() for g in self.orders]
        device = next(iter(self.tensors.values())).device
        self._order = torch.stack([torch.randperm(self.rows, generator=g) for g in self.orders]).to(device)
        self.position = 0

    def take(self) -> Batch:
        """Return the next batch; with ``stacked`` each tensor is ``(members, batch, …)``."""
        rows = self._order[:, self.position * self.batch : (self.position + 1) * self.batch]
        self.position += 1
        batch = {name: self._rows_of(name, rows) for name in self.tensors}
        return batch if self.transform is None else self.transform(batch, self.noise)

    def _rows_of(self, name: str, rows: Tensor) -> Tensor:
        values = self.tensors[name]
        if not self.stacked:
            return values.index_select(0, rows[0])
        if name in self.own:
            members, n = values.shape[:2]
            rows = rows + torch.arange(members, device=rows.device)[:, None] * n
            values = values.flatten(0, 1)
        return values.index_select(0, rows.reshape(-1)).unflatten(0, rows.shape)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the generators' states, the order's as they were when it was drawn, and the place in it."""
        state = {f"order.{k}": drawn for k, drawn in enumerate(self._drawn_from)}
        state |= {f"noise.{k}": g.get_state() for k, g in enumerate(self.noise)}
        return state | {"position": torch.tensor(self.position)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Draw the same order again and go to the same place in it."""
        for k, order in enumerate(self.orders):
            order.set_state(state[f"order.{k}"])
        self.start_epoch()
        for k, noise in enumerate(self.noise):
            noise.set_state(state[f"noise.{k}"])
        self.position = int(state["position"])
