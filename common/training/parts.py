"""Parts of a model: parameters that are trained together, with an optimiser and a schedule of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from common.training.schedules import Schedule

Builder = Callable[[Iterable[Any]], torch.optim.Optimizer]


class Part:
    """Named parameters with their optimiser and schedule.

    ``parameters`` is a module, several modules, or tensors; ``optimiser`` builds the optimiser from the parameters
    (``functools.partial(torch.optim.SGD, lr=0.1, momentum=0.9)``) and may put them into groups.
    """

    def __init__(
        self,
        name: str,
        parameters: nn.Module | Iterable[nn.Module | Tensor],
        optimiser: Builder,
        schedule: Schedule | None = None,
    ) -> None:
        self.name = name
        self.parameters = _flatten(parameters)
        if not self.parameters:
            raise ValueError(f"part {name!r} has no parameters")
        self.optimiser = optimiser(self.parameters)
        self.schedule = schedule or Schedule()
        self.rates = [float(group["lr"]) for group in self.optimiser.param_groups]

    def set_rate(self, epoch: int, step: int, steps: int) -> None:
        """Set the rates of optimiser step ``step`` of ``steps``."""
        factor = self.schedule.factor(epoch, step, steps)
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor

    def tensors(self) -> dict[str, Tensor]:
        """Return the optimiser's moments by ``index.name``."""
        state = self.optimiser.state_dict()["state"]
        return {f"{i}.{key}": v for i, found in state.items() for key, v in found.items() if isinstance(v, Tensor)}

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up :meth:`tensors`; rates come from the schedule, the rest from how the optimiser was built."""
        owners = [p for group in self.optimiser.param_groups for p in group["params"]]
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            index, name = key.split(".", 1)
            owner = owners[int(index)]
            # a moment lies in memory as its parameter does (channels last)
            placed = torch.empty_like(owner).copy_(value) if value.shape == owner.shape else value
            moments.setdefault(int(index), {})[name] = placed
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": moments, "param_groups": groups})


def _flatten(parameters: nn.Module | Iterable[nn.Module | Tensor]) -> list[Tensor]:
    if isinstance(parameters, nn.Module):
        return list(parameters.parameters())
    found: list[Tensor] = []
    for item in parameters:
        found += list(item.parameters()) if isinstance(item, nn.Module) else [item]
    return found


def by_name(parts: Sequence[Part]) -> dict[str, list[Tensor]]:
    """Return each part's parameters; a parameter in two parts would be stepped twice, so it raises ``ValueError``."""
    owner: dict[int, str] = {}
    for part in parts:
        for parameter in part.parameters:
            if id(parameter) in owner:
                raise ValueError(f"a parameter belongs to parts {owner[id(parameter)]!r} and {part.name!r}")
            owner[id(parameter)] = part.name
    if len({part.name for part in parts}) < len(parts):
        raise ValueError("two parts have one name")
    return {part.name: part.parameters for part in parts}
