"""Step 2 on MNIST: trains the filter, or the Gaussian mechanism, at every budget of a case; leaves them for attackers.

``python -m replications.generative_filter.train_filter results/quick/generative_filter/filter2/filter/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from common.results import Origin
from common.training.checkpoint import Checkpoint, save_tensors
from common.training.history import series_of
from common.training.machine import Machine, prepare
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.generative_filter import method
from replications.generative_filter.codes import LABELS, Codes, digits_of, label, origin_of, read_codes
from replications.generative_filter.game import Data, Game
from replications.generative_filter.settings import check, check_game
from replications.generative_filter.theory import mechanism_kl

ROOT = Path(__file__).resolve().parents[2]


def data_of(codes: Codes, private: str, utility: str) -> Data:
    """Return a case's data: every row is the owner's."""
    seeds, n, _ = codes.mean.shape
    y, u = (label(name, codes.digits).expand(seeds, -1) for name in (private, utility))
    own = torch.ones(seeds, n, dtype=torch.bool)
    return Data(codes.mean, codes.deviation, y, u, (LABELS[private][0], LABELS[utility][0]), own)


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Play the game for every seed and budget as one stack."""
    p = job.config.params
    check(job.config.cell.experiment, p)
    machine = prepare(job.config.device, job.config.precision)
    digits = digits_of(job)
    codes = read_codes(job, seeds, digits, "train", job.config.needs[0])
    data = data_of(codes, p["private"], p["utility"])
    outcomes = play(job, seeds, data, codes, machine, ("h", "nu", "distortion"))
    return outcomes, origin_of(job, seeds, digits), machine.dtype


def play(
    job: Job, seeds: list[int], data: Data, codes: Codes, machine: Machine, shown: Sequence[str] = ()
) -> dict[int, Outcome]:
    """Play the game, leave its mechanisms beside the records; return what they spend, and the curves ``shown``."""
    cell = job.config.cell
    check_game(cell.experiment, job.config.params, data.own)
    role = (cell.paper, cell.experiment, cell.variant)
    game = Game(data.to(machine.device), job.config.params, seeds, role)
    game.model.to(machine.device)
    trainer = game.trainer(machine, role, f"generative_filter {cell.experiment}/{cell.variant}, seeds {seeds}")
    trainer.run(Checkpoint(job.checkpoint_path(seeds), job.config.checkpoint_seconds))
    found = finish(game, codes)
    outcomes, each = {}, len(game.budgets)
    for k, seed in enumerate(seeds):
        members = range(k * each, (k + 1) * each)
        save_tensors(job.weights_path(seed), weights(game, members))
        bad = [f"b={game.budgets[m % each]:g}: {trainer.stopped[m]}" for m in members if m in trainer.stopped]
        series: dict[str, list[float | None]] = {}
        for m in members:
            for name in shown:
                series[f"{name}_b{game.budgets[m % each]:g}"] = series_of(trainer.history[name], m, 4)
        metrics = {} if bad else {name: values[k] for name, values in found.items()}
        outcomes[seed] = Outcome(metrics, series, "diverged" if bad else "ok", "; ".join(bad))
    return outcomes


def finish(game: Game, codes: Codes) -> dict[str, list[float]]:
    """Hold every mechanism to its budget; return what it spends, in every unit, and what h reads of it, per seed.

    ``kl_integrated`` is eq. (14) at the posterior variances' mean over rows: the KL is convex in them, so that its own
    mean over rows is no less.
    """
    method.meet_budget(game.mechanism, game.limits, game.shares, game.precision, game.p["spend"])
    read = game.in_loop().view(len(game.seeds), -1)
    found: dict[str, list[float]] = {f"h_b{b:g}": v.tolist() for b, v in zip(game.budgets, read.T, strict=True)}
    units = {"d_unit": game.measure(posterior=False), "d_posterior": game.measure(posterior=True)}
    with torch.no_grad():
        for name, (shares, precision) in units.items():
            spent = game.mechanism.distortion(shares, precision).view(len(game.seeds), -1)
            for b, values in zip(game.budgets, spent.T, strict=True):
                found[f"{name}_b{b:g}"] = values.tolist()
    if isinstance(game.mechanism, method.GaussianMechanism):
        noise = (2 * game.mechanism.log_sigma.detach()).exp().view(len(game.seeds), -1)
        for j, b in enumerate(game.budgets):
            found[f"kl_integrated_b{b:g}"] = [
                mechanism_kl(float(noise[k, j]), codes.deviation[k].square().mean(0)) for k in range(len(game.seeds))
            ]
    return found


def weights(game: Game, members: range) -> dict[str, Tensor]:
    """Return one seed's mechanisms, one row per budget above 0."""
    own = slice(members.start, members.stop)
    kept = {name: v[own].clone() for name, v in game.mechanism.state_dict().items()}
    return kept | {"budgets": torch.tensor(game.budgets)}


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
