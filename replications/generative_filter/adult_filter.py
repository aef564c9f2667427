"""Adult, step 2: the filter on the frozen VAE's codes, gender hidden and income kept.

``python -m replications.generative_filter.adult_filter results/quick/…/adult_filter/filter/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from common.results import Origin
from common.training.checkpoint import Checkpoint, save_tensors
from common.training.machine import prepare
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.generative_filter.adult import read_bits
from replications.generative_filter.codes import Codes, read_moments
from replications.generative_filter.game import Data, Game
from replications.generative_filter.train_filter import finish, weights

ROOT = Path(__file__).resolve().parents[2]


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Play the game for every seed and budget as one stack."""
    p, cell = job.config.params, job.config.cell
    machine = prepare(job.config.device, job.config.precision)
    bits, origin = read_bits(job)
    mean, deviation = read_moments(job, seeds, "train", job.config.needs[0])
    y, u = (v.expand(len(seeds), -1) for v in (bits["train"].private, bits["train"].utility))
    data = Data(mean, deviation, y, u, (2, 2), torch.ones(y.shape, dtype=torch.bool)).to(machine.device)
    role = (cell.paper, cell.experiment, cell.variant)
    game = Game(data, p, seeds, role)
    game.model.to(machine.device)
    trainer = game.trainer(machine, role, f"generative_filter {cell.experiment}/{cell.variant}, seeds {seeds}")
    trainer.run(Checkpoint(job.checkpoint_path(seeds), job.config.checkpoint_seconds))
    found = finish(game, Codes(mean, deviation, bits["train"].private))
    outcomes, each = {}, len(game.budgets)
    for k, seed in enumerate(seeds):
        members = range(k * each, (k + 1) * each)
        save_tensors(job.weights_path(seed), weights(game, members))
        bad = [f"b={game.budgets[m % each]:g}: {trainer.stopped[m]}" for m in members if m in trainer.stopped]
        metrics = {} if bad else {name: values[k] for name, values in found.items()}
        outcomes[seed] = Outcome(metrics, {}, "diverged" if bad else "ok", "; ".join(bad))
    return outcomes, origin, machine.dtype


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
