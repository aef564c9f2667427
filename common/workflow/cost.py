"""Cost estimate: a job's work, as its experiment states it, over rates measured once on this machine."""

from __future__ import annotations

import importlib
import json
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from common.results.atomic import write_atomically
from common.workflow.job import JobConfig


@dataclass(frozen=True)
class Work:
    """What one seed of a job has to do: optimiser steps and floating-point operations."""

    steps: float
    flop: float


@dataclass(frozen=True)
class Rates:
    """What this machine does: operations a second in small stacked networks, and seconds that any step costs."""

    flop_per_second: float
    seconds_per_step: float
    start_seconds: float


def seconds(config: JobConfig, seeds: int, rates: Rates) -> float:
    """Return the estimated seconds of a job for ``seeds`` seeds stacked.

    The work per seed is said by the experiment's own module (``work``), else by ``replications/<paper>/cost.py``.
    Steps are shared by the stack, operations are not.
    """
    module = importlib.import_module(config.module)
    if not hasattr(module, "work"):
        module = importlib.import_module(f"replications.{config.cell.paper}.cost")
    work: Work = module.work(config.cell.experiment, config.params)
    return rates.start_seconds + work.steps * rates.seconds_per_step + seeds * work.flop / rates.flop_per_second


def rates(root: Path, device: str) -> Rates:
    """Return this machine's rates, measured in a few seconds and kept below ``results/`` until deleted."""
    import torch

    path = Path(root) / "results" / f"rates-{platform.node() or 'machine'}-{device}-{torch.__version__}.json"
    if path.exists():
        return Rates(**json.loads(path.read_text(encoding="utf-8")))
    small, large = _step_seconds(device, 64), _step_seconds(device, 4000)
    flop = (4000 - 64) * _FLOP_PER_ROW
    measured = Rates(flop / max(large - small, 1e-6), small, 3.0)
    write_atomically(path, json.dumps(asdict(measured)))
    return measured


# 23-100-100-1 critic, joint and marginal pair per row, forward and backward (3x): see the paper's sheet, compute.
_FLOP_PER_ROW = 2 * 12_400 * 2 * 3


def _step_seconds(device: str, batch: int) -> float:
    """Return the least seconds of one optimiser step of one critic at a batch size, on one thread.

    On a CPU they are processor seconds: what else the machine does just then must not enter the estimate.
    """
    import torch

    from common.estimators.critic_fit import CriticFit
    from common.losses.variational import remine
    from common.models.stacked import StackedJointCritic
    from common.training.machine import prepare

    machine = prepare(device)
    torch.set_num_threads(1)  # as jobs run: one thread each, side by side
    clock = time.process_time if machine.device.type == "cpu" else time.perf_counter
    x, y = torch.randn(1, 8000, 20, device=machine.device), torch.randn(1, 8000, 3, device=machine.device)
    generators = [torch.Generator(machine.device).manual_seed(0)]
    critic = StackedJointCritic(20, 3, [100, 100], [torch.Generator().manual_seed(0)]).to(machine.device)
    fit = CriticFit(x, y, critic, remine, batch=batch, lr=1e-4, generators=generators, autocast=machine.autocast)
    fit.train(2)
    per_step = []
    for _ in range(5):
        begun = clock()
        passes = max(1, 8 // fit.sampler.batches)
        fit.train(fit.passes + passes)
        per_step.append((clock() - begun) / (passes * fit.sampler.batches))
    return min(per_step)
