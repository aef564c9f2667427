"""Learning-rate schedules: a factor on the rate that the optimiser was built with.

Multi-step and cosine are functions of where training stands; the plateau rule remembers, and says so in its state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


class Schedule:
    """A constant rate: the schedule that does nothing, and what the others build on."""

    stop = False

    def factor(self, epoch: int, step: int, steps: int) -> float:  # noqa: ARG002
        """Return the factor for optimiser step ``step`` (from 0, of ``steps`` planned) in epoch ``epoch`` (from 0)."""
        return 1.0

    def after_epoch(self, metrics: Mapping[str, Sequence[float]], rate: float) -> None:
        """Learn what an epoch found: each metric per member, and the rate that the optimiser was built with."""

    def state_dict(self) -> dict[str, Any]:
        """Return what must outlive an interruption, as JSON knows it."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up :meth:`state_dict`."""


class MultiStep(Schedule):
    """Multiplies the rate by ``gamma`` after each of the epochs in ``milestones``."""

    def __init__(self, milestones: Sequence[int], gamma: float = 0.1) -> None:
        self.milestones, self.gamma = tuple(milestones), gamma

    def factor(self, epoch: int, step: int, steps: int) -> float:  # noqa: ARG002
        """Return gamma to the power of the milestones passed."""
        return self.gamma ** sum(epoch >= milestone for milestone in self.milestones)


class Cosine(Schedule):
    """Rises in a line over the first ``warm_up`` share of all steps, then falls along a cosine to ``floor``."""

    def __init__(self, warm_up: float = 0.0, floor: float = 0.0) -> None:
        if not 0 <= warm_up < 1:
            raise ValueError(f"warm_up is a share of all steps, from 0 to below 1; got {warm_up}")
        self.warm_up, self.floor = warm_up, floor

    def factor(self, epoch: int, step: int, steps: int) -> float:  # noqa: ARG002
        """Return the factor of one step; the first step of a warm-up is already above zero."""
        rising = self.warm_up * steps
        if step < rising:
            return (step + 1) / (math.floor(rising) + 1)
        share = (step - rising) / max(1.0, steps - rising)
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * share))


class Plateau(Schedule):
    """Multiplies the rate by ``gamma`` when ``metric`` has not fallen for more than ``patience`` epochs.

    After a drop, ``cooldown`` epochs are not counted. Training stops when the rate is below ``stop_below``. Counts as
    torch's ReduceLROnPlateau does: "after 10 epochs without improvement" is ``patience=9``. For one model, not a stack.
    """

    def __init__(
        self,
        metric: str,
        patience: int,
        gamma: float = 0.1,
        threshold: float = 0.0,
        cooldown: int = 0,
        stop_below: float = 0.0,
    ) -> None:
        self.metric, self.patience, self.gamma = metric, patience, gamma
        self.threshold, self.cooldown, self.stop_below = threshold, cooldown, stop_below
        self.best, self.bad, self.deaf, self.drops = math.inf, 0, 0, 0

    def factor(self, epoch: int, step: int, steps: int) -> float:  # noqa: ARG002
        """Return gamma to the power of the drops so far."""
        return self.gamma**self.drops

    def after_epoch(self, metrics: Mapping[str, Sequence[float]], rate: float) -> None:
        """Count an epoch; a value that is not a number counts as no improvement.

        Raises KeyError where the epoch did not find the metric, ValueError where it did for several members.
        """
        if self.metric not in metrics:
            raise KeyError(f"the plateau rule waits for {self.metric!r}; the epoch found {', '.join(metrics)}")
        values = metrics[self.metric]
        if len(values) != 1:
            raise ValueError("the plateau rule is for one model: a stack's members would need a rate each")
        if values[0] < self.best - self.threshold:
            self.best, self.bad = values[0], 0
        else:
            self.bad += 1
        if self.deaf > 0:
            self.deaf, self.bad = self.deaf - 1, 0
        if self.bad > self.patience:
            self.drops, self.deaf, self.bad = self.drops + 1, self.cooldown, 0
        # 0.1 * 0.1 * 0.1 is a hair off 0.001: a rate that equals the limit on paper is not below it
        self.stop = rate * self.gamma**self.drops < self.stop_below * (1 - 1e-9)

    def state_dict(self) -> dict[str, Any]:
        """Return the counters."""
        return {"best": self.best, "bad": self.bad, "deaf": self.deaf, "drops": self.drops, "stop": self.stop}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the counters up."""
        self.best, self.bad, self.deaf = state["best"], state["bad"], state["deaf"]
        self.drops, self.stop = state["drops"], state["stop"]
