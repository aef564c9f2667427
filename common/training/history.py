"""What a run has found so far: mean losses and metrics per epoch and member, kept without waiting for the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


class History:
    """Means per epoch: ``history[name][epoch][member]``; NaN where a member had stopped."""

    def __init__(self, members: int, device: torch.device) -> None:
        self.members, self.device = members, device
        self.epochs: dict[str, list[list[float]]] = {}
        self._sums: dict[str, Tensor] = {}  # (2, members): sum of losses, and of how many steps

    def __getitem__(self, name: str) -> list[list[float]]:
        return self.epochs[name]

    def __contains__(self, name: str) -> bool:
        return name in self.epochs

    def add(self, names: Sequence[str], losses: Tensor, alive: Tensor) -> None:
        """Add one turn's losses ``(routes, members)`` of the members that are alive."""
        for name, loss in zip(names, losses, strict=True):
            seen = torch.stack([torch.where(alive, loss, 0.0), alive.float()]).double()
            self._sums[name] = self._sums[name] + seen if name in self._sums else seen

    def close_epoch(self) -> None:
        """Turn the epoch's sums into means."""
        for name, (total, count) in self._sums.items():
            self.epochs.setdefault(name, []).append((total / count).tolist())
        self._sums = {}

    def note(self, found: Mapping[str, float | Sequence[float]]) -> None:
        """Add the metrics that an evaluation found after the epoch: a number per member."""
        for name, value in found.items():
            values = [float(v) for v in value] if isinstance(value, (Sequence, Tensor)) else [float(value)]
            if len(values) != self.members:
                raise ValueError(f"{name}: {len(values)} values for {self.members} members")
            self.epochs.setdefault(name, []).append(values)

    def last(self) -> dict[str, list[float]]:
        """Return each loss's and metric's last values."""
        return {name: values[-1] for name, values in self.epochs.items()}

    def tensors(self) -> dict[str, Tensor]:
        """Return the sums of an epoch under way."""
        return dict(self._sums)

    def load(self, sums: Mapping[str, Tensor], epochs: dict[str, list[list[float]]]) -> None:
        """Take up :meth:`tensors` and the finished epochs."""
        self._sums = {name: value.to(self.device) for name, value in sums.items()}
        self.epochs = {name: [list(row) for row in values] for name, values in epochs.items()}
