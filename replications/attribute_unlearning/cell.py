"""What the paper's jobs share: one cell at work, every seed in turn, on one machine and one set of pictures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from common.results import Origin
from common.training.arrange import prepare_for_convolutions
from common.training.checkpoint import Checkpoint, load_tensors
from common.training.in_turn import InTurn
from common.training.progress import Progress
from common.workflow.job import Job, Outcome
from replications.attribute_unlearning import networks
from replications.attribute_unlearning.data import read_pictures
from replications.attribute_unlearning.settings import check


class CellAtWork(ABC):
    """A job with its machine and pictures; ``p`` says sizes, roles and split.

    They are the job's own, or those of the training whose networks it looks at, as that one's record says.
    """

    def __init__(self, job: Job, seeds: list[int], p: Mapping[str, Any]) -> None:
        check(job.config.cell.experiment, p)
        self.job, self.seeds, self.p = job, seeds, p
        self.machine = prepare_for_convolutions(job.config.device, job.config.precision)
        self.pictures = read_pictures(job, p)

    progress: Progress  # a subclass knows its steps: see :meth:`expect`

    @abstractmethod
    def one_seed(self, seed: int) -> Outcome:
        """Return what one seed found."""

    def run(self) -> tuple[dict[int, Outcome], Origin, str]:
        """Run every seed of the cell."""
        outcomes = {seed: self.one_seed(seed) for seed in self.seeds}
        self.progress.close()
        return outcomes, self.pictures.origin, self.machine.dtype

    def expect(self, each: float) -> Progress:
        """Return the progress of so many steps a seed."""
        cell, seeds = self.job.config.cell, self.seeds
        return Progress(f"{cell.paper} {cell.experiment}/{cell.variant}, seeds {seeds}", len(seeds) * each)

    def in_turn(self) -> InTurn:
        """Return what trains one network after another, under one checkpoint."""
        return InTurn(Checkpoint(self.job.checkpoint_path(self.seeds), self.job.config.checkpoint_seconds))

    def weights(self, seed: int, cell: str) -> dict[str, Tensor]:
        """Return what another cell's training of a seed left."""
        return load_tensors(self.job.weights_path(seed, cell))[0]

    def network(self, weights: Mapping[str, Tensor], depth: int, seed: int) -> nn.ModuleDict:
        """Return the frozen task network of one depth among ``weights``."""
        nets = networks.model({**self.p, "method": "before"}, depth, seed, self.pictures.classes, self.machine)
        nets.load_state_dict(named(weights, f"r{depth}/", self.machine.device))
        return nets


def named(weights: Mapping[str, Tensor], prefix: str, device: torch.device) -> dict[str, Tensor]:
    """Return the tensors of one network, by their names in it."""
    return {k.removeprefix(prefix): v.to(device) for k, v in weights.items() if k.startswith(prefix)}
