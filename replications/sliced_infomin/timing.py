"""Seconds per max step of every method on the same codes, in one run: the deck's headline is a ratio (D9).

One call on 20,000 codes already on the device, L2 gradient steps included, each on all of D' as the deck's algorithm
says. ``slice`` is our solve (Cholesky, one scalar T), ``slice_eigh`` the published one (an eigendecomposition of both
covariances) in fp64, ``slice_eigh_fp32`` the same in the precision of the adversaries.

``python -m replications.sliced_infomin.timing results/quick/sliced_infomin/timing/ours/config.json``
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from common.losses.sliced import Canonical, fit_slices, random_directions, slice_features, solve_canonical
from common.results import Origin
from common.training.machine import prepare
from common.training.seeding import generator
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.sliced_infomin.fair_nets import CODE, encoder
from replications.sliced_infomin.fair_tables import load_rows
from replications.sliced_infomin.method import FIT_SHARE
from replications.sliced_infomin.rivals import make_infomin
from replications.sliced_infomin.settings import check

ROOT = Path(__file__).resolve().parents[2]


def seconds(call: Callable[[], object], repeats: int, device: torch.device) -> float:
    """Return the median seconds of a call after two for warming up.

    On a CPU they are processor seconds, so that what else the machine does stays out; with one thread they are the wall
    clock of a quiet machine.
    """
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    found = []
    for turn in range(repeats + 2):
        if device.type == "cuda":
            torch.cuda.synchronize()
        begun = clock()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if turn >= 2:
            found.append(clock() - begun)
    return statistics.median(found)


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Time a max step of every method for each seed's untrained encoder."""
    check(job)
    p = job.config.params
    device = prepare(job.config.device, "fp32").device
    rows, _, origin, names = load_rows(job, seeds, job.config.params)
    outcomes = {}
    for k, seed in enumerate(seeds):
        draws = [generator("sliced_infomin", "timing", seed)]
        with torch.no_grad():
            z = encoder(len(names), draws)(rows.x[k : k + 1]).to(device)
        outcomes[seed] = time_all(p, z, rows.t[k : k + 1].to(device), draws)
    return outcomes, origin, "fp32"


def time_all(p: dict[str, Any], z: Tensor, t: Tensor, draws: list[torch.Generator]) -> Outcome:
    """Return the seconds of every method on the codes z (1, n, d), and their ratios to the two slice solves."""
    device = z.device
    found = {}
    for name, l2 in [part.split(":") for part in p["methods"]]:
        infomin = make_infomin(name, CODE, 1, draws, slices=p["slices"], l2=int(l2)).to(device)
        if infomin.learns or name == "slice":
            label = f"{name}_{l2}" if infomin.learns else name
            found[label] = seconds(partial(infomin.max_step, z, t, draws), p["repeats"], device)
        else:  # nothing to fit: what it costs is its value, on a mini-batch
            rows = slice(0, p["batch"])
            found[name] = seconds(partial(infomin, z[:, rows], t[:, rows], draws), p["repeats"], device)
    cut = int(FIT_SHARE * z.shape[1])
    published = partial(fit_slices, z[0, :cut], t[0, :cut], p["slices"], draws[0])
    found["slice_eigh"] = seconds(published, p["repeats"], device)
    single = partial(in_own_precision, z[0, :cut], t[0, :cut], p["slices"], draws[0])
    found["slice_eigh_fp32"] = seconds(single, p["repeats"], device)
    metrics = {f"seconds_{name}": value for name, value in found.items()}
    metrics |= {f"ratio_{name}": value / found["slice"] for name, value in found.items()}
    metrics |= {f"eigh_ratio_{name}": value / found["slice_eigh"] for name, value in found.items()}
    return Outcome({**metrics, "rows": float(z.shape[1])})


@torch.no_grad()
def in_own_precision(z: Tensor, t: Tensor, slices: int, draw: torch.Generator) -> Canonical:
    """Return the published solve of rows z (n, d) and t (n, d_t) in their own precision; fit_slices takes fp64."""
    directions = [random_directions(slices, v.shape[1], draw, v.dtype).to(v.device) for v in (z, t)]
    return solve_canonical(*(slice_features(v, w) for v, w in zip((z, t), directions, strict=True)))


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
