"""Divergence policy: what is not finite, or explodes, stops its own member, with the step and the cause.

Losses are watched at every step, parameters at the end of an epoch: what the last step spoils no loss would tell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


class Watch:
    """Looks at the losses of every step and keeps the first bad one of each member.

    ``limit`` is the size from which a loss counts as exploded. Marking happens on the device without waiting for it;
    :meth:`fresh` waits.
    """

    def __init__(self, members: int, limit: float, device: torch.device) -> None:
        self.limit = limit
        self.step = torch.full((members,), -1, device=device)
        self.cause = torch.full((members,), -1, device=device)  # index into names
        self.value = torch.zeros(members, device=device)
        self.names: list[str] = []
        self.stopped: dict[int, str] = {}
        self._marked = device.type != "cpu"  # whether there may be something fresh: on a CPU that is known

    def mark(self, step: int, names: Sequence[str], losses: Tensor) -> None:
        """Mark the members whose losses ``(routes, members)`` of ``step`` are the first that cannot be used."""
        if losses.device.type == "cpu" and float(torch.linalg.vector_norm(losses, math.inf)) <= self.limit:
            return  # the usual case, at the price of one look; a NaN goes through the norm and is not <= anything
        self._marked = True
        for name in names:
            if name not in self.names:
                self.names.append(name)
        bad = ~(losses.abs() <= self.limit)  # NaN is not <= anything
        fresh = bad.any(0) & (self.step < 0)
        first = bad.to(torch.uint8).argmax(0)
        which = torch.tensor([self.names.index(name) for name in names], device=losses.device)
        self.step = torch.where(fresh, step, self.step)
        self.cause = torch.where(fresh, which[first], self.cause)
        self.value = torch.where(fresh, losses.gather(0, first[None])[0], self.value)

    def fresh(self) -> list[int]:
        """Return the members marked since the last call."""
        if not self._marked or not bool((self.step >= 0).any()):
            return []
        found = []
        for member, step in enumerate(self.step.tolist()):
            if step >= 0 and member not in self.stopped:
                self.stopped[member] = self._say(step, self.names[int(self.cause[member])], float(self.value[member]))
                found.append(member)
        return found

    def _say(self, step: int, name: str, value: float) -> str:
        what = f"exploded to {value:.3g}" if math.isfinite(value) else f"is {value}"
        return f"step {step}: {name} {what}"

    @property
    def alive(self) -> Tensor:
        """Return which members have shown no bad loss, ``(members,)`` bool."""
        return self.step < 0

    def state_dict(self) -> dict[str, Tensor]:
        """Return the marks."""
        return {"step": self.step, "cause": self.cause, "value": self.value}

    def load_state_dict(self, state: dict[str, Tensor], names: list[str], stopped: dict[str, str]) -> None:
        """Take up the marks."""
        self.step, self.cause, self.value = (state[k].to(self.step.device) for k in ("step", "cause", "value"))
        self._marked = True
        self.names, self.stopped = list(names), {int(k): v for k, v in stopped.items()}


def weights_as_losses(parts: Mapping[str, Sequence[Tensor]], members: int) -> tuple[list[str], Tensor]:
    """Return names and values ``(parts, members)`` for :meth:`Watch.mark`: NaN where a parameter is not finite, else 0.

    A single model's parameters have any shape, a stack's the members in front.
    """
    sound = []
    for own in parts.values():
        finite = [torch.isfinite(parameter.detach()).reshape(members, -1).all(1) for parameter in own]
        sound.append(torch.stack(finite).all(0))
    return [f"a weight of {name}" for name in parts], torch.where(torch.stack(sound), 0.0, math.nan)


class Frozen:
    """Holds the members that were stopped where they are, while the others of their stack go on."""

    def __init__(self, model: nn.Module, members: int) -> None:
        self.model, self.members = model, members
        self.kept: dict[int, dict[str, Tensor]] = {}

    def add(self, member: int) -> None:
        """Keep a copy of the member's parameters and buffers."""
        self.kept[member] = {name: value[member].clone() for name, value in self._stacked()}

    @torch.no_grad()
    def put_back(self) -> None:
        """Undo what a step did to the members that were stopped."""
        for member, state in self.kept.items():
            for name, value in self._stacked():
                value[member] = state[name]

    def _stacked(self) -> list[tuple[str, Tensor]]:
        state = self.model.state_dict()
        return [(name, v) for name, v in state.items() if v.ndim and len(v) == self.members]
