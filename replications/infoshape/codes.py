"""The frozen encoders that a shaping experiment left, and their codes: what attackers, bounds and channels look at."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from common.models.stacked import StackedMLP
from common.training.checkpoint import load_tensors
from common.training.seeding import generator
from common.workflow.config import ConfigError
from common.workflow.job import Job
from replications.infoshape import method


def frozen_encoder(job: Job, seed: int, cell: str, epoch: int) -> StackedMLP:
    """Return ``seed``'s encoder of ``cell`` before the step of ``epoch``, a stack of one; -1 = after the last step."""
    kept, notes = load_tensors(job.weights_path(seed, cell))
    at = notes["epochs"][-1] if epoch == -1 else epoch
    if at not in notes["epochs"]:
        raise ConfigError(f"{cell} seed {seed}: no encoder of epoch {at}; kept: {', '.join(map(str, notes['epochs']))}")
    net = method.encoder([generator("unused")])
    net.load_state_dict({n.removeprefix(f"{at}:"): v[None] for n, v in kept.items() if n.startswith(f"{at}:")})
    return net.requires_grad_(False)


def codes_of(job: Job, seeds: Sequence[int], cell: str, epoch: int, x: Tensor) -> Tensor:
    """Return the codes ``(members, n, 3)`` of ``x (members, n, 20)``."""
    with torch.no_grad():
        return torch.cat([frozen_encoder(job, seed, cell, epoch)(x[k : k + 1]) for k, seed in enumerate(seeds)])


def named(cell: str, epoch: int) -> str:
    """Return the name of a state in metrics: the untrained encoder is the same in every experiment of a seed."""
    if epoch == 0:
        return "untrained"
    return cell.split("/", maxsplit=1)[0].removeprefix("encoder_") + ("_trained" if epoch == -1 else f"_{epoch}")
