"""What one seed of each InfoShape experiment has to compute, for the plan."""

from __future__ import annotations

from typing import Any

from common.workflow.cost import Work
from replications.infoshape.protocol import batches_of, probe_batches


def work(experiment: str, p: dict[str, Any]) -> Work:
    """Return the optimiser steps and operations of one seed (a multiply-add is two; backward is twice forward)."""
    if experiment in ("closed_forms", "channels"):
        return Work(0, 0)
    if experiment == "correlation":
        return Work(p["epochs"], p["epochs"] * 6 * 784 * 784)
    if experiment == "classifier":
        rows = round(2 * p["n_per_class"] * (1 - p["test_share"]))
        steps = 3 * p["epochs"] * probe_batches(p)
        return Work(steps, p["epochs"] * rows * 6 * p["hidden"] * (20 + 3 + 3 + 3))
    batches = batches_of(p)
    pairs = ((40, p["privacy_passes"]), (21, p["utility_passes"]))
    if experiment != "raw":
        pairs = ((23, p["privacy_passes"] * p["encoder_epochs"]), (4, p["utility_passes"] * p["encoder_epochs"]))
    steps = batches * sum(passes for _, passes in pairs)
    # A batch without an optimiser step (the repository's reading) is scored only: a third of the operations.
    stepped = len(range(0, batches, p["update_every"])) / batches
    share = stepped + (1 - stepped) / 3
    flop = share * sum(batches * passes * 2 * p["batch"] * 6 * _critic(width) for width, passes in pairs)
    return Work(steps, flop)


def _critic(width: int) -> int:
    """Return the multiply-adds of Table 3.6's network per pair."""
    return width * 100 + 100 * 100 + 100
