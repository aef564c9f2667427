"""Cost estimate: a job's work, as its experiment states it, over this machine's rates."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.results import Record
from common.workflow.config import ConfigError
from common.workflow.job import JobConfig
from common.workflow.rates import Rates


@dataclass(frozen=True)
class Work:
    """What one seed of a job has to do: optimiser steps and floating-point operations (a multiply-add is two).

    ``conv_flop`` are those of convolutions with small kernels, ``large_flop`` with kernels from 5x5 on, both counted as
    direct sums whatever way they are computed. ``stacked`` says whether the seeds share their steps or run in turn.
    """

    steps: float
    flop: float
    conv_flop: float = 0.0
    large_flop: float = 0.0
    stacked: bool = True


def seconds(config: JobConfig, seeds: int, rates: Rates, read: Mapping[str, Any] | None = None) -> float:
    """Return the estimated seconds of a job for ``seeds`` seeds stacked.

    The work per seed is said by the experiment's own module (``work``), else by the ``cost.py`` beside it. It is told
    the job's parameters over those of the cells that it reads (``read``): what these left is as large as they made it.
    A stack shares its steps; operations are each seed's own.
    """
    work = _said_by(config.module)(config.cell.experiment, {**(read or {}), **config.params})
    return estimate(work, seeds, rates)


def _said_by(module: str) -> Callable[[str, dict[str, Any]], Work]:
    """Return ``work`` of an experiment's module, or of the ``cost.py`` beside it."""
    own = importlib.import_module(module)
    if hasattr(own, "work"):
        return own.work
    beside = f"{module.rpartition('.')[0]}.cost"
    try:
        return importlib.import_module(beside).work
    except ModuleNotFoundError as error:
        if error.name != beside:
            raise
    except AttributeError:
        pass
    path = f"{beside.replace('.', '/')}.py"
    raise ConfigError(f"{path}: no work(experiment, params) there; the plan needs it (CONTRIBUTING.md, A paper, 7)")


def estimate(work: Work, seeds: int, rates: Rates) -> float:
    """Return the seconds of ``work`` for so many seeds at these rates."""
    steps = work.steps * (1 if work.stacked else seeds)
    each = work.flop / rates.flop_per_second
    each += work.conv_flop / rates.conv_per_second + work.large_flop / rates.large_per_second
    return rates.start_seconds + steps * rates.seconds_per_step + seeds * each


def finished(
    config: JobConfig, records: Sequence[Record], rates: Rates, read: Mapping[str, Any] | None = None
) -> tuple[float, float]:
    """Return the estimate for the runs that left these records, and the seconds that they took.

    Seeds that were started together were one run; their records all carry its wall time.
    """
    runs: dict[str, list[float]] = {}
    for record in records:
        runs.setdefault(record.provenance.started, []).append(record.provenance.seconds)
    estimated = sum(seconds(config, len(run), rates, read) for run in runs.values())
    return estimated, sum(max(run) for run in runs.values())
