"""Seeds that an earlier job lost: one that diverged leaves nothing to judge, and the others of its block go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.results import Record

if TYPE_CHECKING:
    from common.workflow.job import Job


@dataclass(frozen=True)
class Lost:
    """The first needed record of a seed that did not end well, and its cell, ``experiment/variant``."""

    cell: str
    record: Record

    @property
    def message(self) -> str:
        """Why a later job has no numbers of this seed."""
        return f"{self.cell}: {self.record.message}"


def lost_seeds(job: Job, seeds: Sequence[int]) -> dict[int, Lost]:
    """Return those of ``seeds`` of which a record that ``job`` needs is not ok; one missing is a ``RecordError``."""
    lost: dict[int, Lost] = {}
    for seed in seeds:
        for cell in job.config.needs:
            record = job.needed(cell, seed)
            if record.status != "ok":
                lost[seed] = Lost(cell, record)
                break
    return lost


def leave_no_weights(job: Job, seed: int) -> None:
    """Leave a file without tensors where later jobs look for this seed's: the workflow waits for one of every seed."""
    from common.training.checkpoint import save_tensors  # needs torch, which the plan does without

    if job.config.weights:
        save_tensors(job.weights_path(seed), {})
