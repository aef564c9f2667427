"""Adult, step 2: the filter on the frozen VAE's codes, gender hidden and income kept.

``python -m replications.generative_filter.adult_filter results/quick/…/adult_filter/filter/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from common.results import Origin
from common.training.machine import prepare
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.generative_filter.adult import read_bits
from replications.generative_filter.codes import Codes, read_moments
from replications.generative_filter.game import Data
from replications.generative_filter.settings import check
from replications.generative_filter.train_filter import play

ROOT = Path(__file__).resolve().parents[2]


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Play the game for every seed and budget as one stack."""
    check(job.config.cell.experiment, job.config.params)
    machine = prepare(job.config.device, job.config.precision)
    bits, origin = read_bits(job)
    mean, deviation = read_moments(job, seeds, "train", job.config.needs[0])
    y, u = (v.expand(len(seeds), -1) for v in (bits["train"].private, bits["train"].utility))
    data = Data(mean, deviation, y, u, (2, 2), torch.ones(y.shape, dtype=torch.bool))
    codes = Codes(mean, deviation, bits["train"].private)
    return play(job, seeds, data, codes, machine), origin, machine.dtype


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
