"""What a run has found so far: mean losses and metrics per epoch and member, kept without waiting for the device."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

SEPARATOR = "\x1f"


class History:
    """Means per epoch: ``history[name][epoch][member]``; NaN where a member had stopped.

    A curve is empty where the run ended before its first point, as one that diverges at once does. Past the first epoch
    every curve has begun, and a name that is none is a :class:`KeyError`.
    """

    def __init__(self, members: int, device: torch.device) -> None:
        self.members, self.device = members, device
        self.epochs: dict[str, list[list[float]]] = {}
        self._sums: dict[str, Tensor] = {}  # by a turn's names: (2, routes, members), sums and of how many

    def __getitem__(self, name: str) -> list[list[float]]:
        first = all(len(values) <= 1 for values in self.epochs.values())
        return self.epochs.get(name, []) if first else self.epochs[name]

    def __contains__(self, name: str) -> bool:
        return name in self.epochs

    def add(self, names: Sequence[str], losses: Tensor, alive: Tensor | None) -> None:
        """Add one turn's losses ``(routes, members)`` of the members that are alive (``None``: all)."""
        key = SEPARATOR.join(names)
        if key not in self._sums:
            self._sums[key] = torch.zeros(2, *losses.shape, dtype=torch.float64, device=losses.device)
        total, count = self._sums[key]
        if alive is None:
            total += losses
            count += 1
        else:
            total += torch.where(alive, losses, 0.0)
            count += alive

    def close_epoch(self) -> None:
        """Turn the epoch's sums into means; routes of one name are one curve."""
        found: dict[str, Tensor] = {}
        for key, sums in self._sums.items():
            for name, pair in zip(key.split(SEPARATOR), sums.unbind(1), strict=True):
                found[name] = found[name] + pair if name in found else pair
        for name, (total, count) in found.items():
            self.epochs.setdefault(name, []).append((total / count).tolist())
        self._sums = {}

    def note(self, found: Mapping[str, float | Sequence[float]]) -> None:
        """Add the metrics that an evaluation found after the epoch: a number per member, or ValueError."""
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


def series_of(values: Sequence[Sequence[float]], member: int = 0, digits: int = 6) -> list[float | None]:
    """Return one member's curve for a record: rounded, and ``None`` where it is not a finite number."""
    curve = [row[member] for row in values]
    return [float(f"{v:.{digits}g}") if math.isfinite(v) else None for v in curve]
