"""``plan``: what there is to run, and what it would take."""

from __future__ import annotations

from rich.table import Table

from common.results import Record, RecordError
from common.results.store import cell_folder, find
from common.training.progress import clock
from common.workflow import cost
from common.workflow.console import CONSOLE, table
from common.workflow.dag import Dag, listed
from common.workflow.job import Job, JobConfig, missing_seeds
from common.workflow.rates import Rates, measured_rates
from common.workflow.resolve import Plan

_COLUMNS = ("paper", "job", "part of", "seeds to run", "time", "device time", "memory", "done: plan, took")


def show_plan(plan: Plan) -> int:
    """Show every job with its seeds to run, estimated time and memory, and what all jobs of a paper would take.

    Of seeds on record the last column shows what they would have been estimated at and what they took. The benchmarks
    are listed where no paper is named.
    """
    shown = table(plan.headline(), _COLUMNS, 3)
    rates = measured_rates(plan.root, plan.device, plan.settings.precision)
    for own in listed(plan):
        _add(shown, plan, own, rates)
    CONSOLE.print(shown)
    return 0


def _add(shown: Table, plan: Plan, own: Dag, rates: Rates) -> None:
    """Add a paper's jobs, those of its target first, and their sum."""
    wanted, total = own.wanted, 0.0
    target = "benchmark" if own.config.home == "benchmarks" else "all"
    for job in sorted(own.trainings(), key=lambda job: job.cell not in wanted):
        config, read = plan.job(own.name, job.cell), plan.params_read(own.name, job.cell)
        todo = _to_run(plan, config)
        seconds = cost.seconds(config, len(todo), rates, read) if todo else 0.0
        total += seconds if job.cell in wanted else 0.0
        estimated, took = cost.finished(config, _records(plan, config), rates, read)
        shown.add_row(
            own.name,
            job.cell,
            target if job.cell in wanted else "on request",
            f"{len(todo)} of {config.seeds}",
            clock(seconds),
            clock(seconds) if job.gpu else "-",
            f"{job.memory_mb} MB" if todo else "-",
            f"{clock(estimated)}, {clock(took)}" if took else "-",
        )
    shown.add_row(own.name, f"{target}, one job after another", "", "", clock(total), "", "", "", style="bold")


def _to_run(plan: Plan, config: JobConfig) -> list[int]:
    """Return the seeds of a cell that have no record of the present code and parameters."""
    results = plan.root / "results"
    return missing_seeds(Job(config, cell_folder(results, config.cell), results, plan.root), range(config.seeds))


def _records(plan: Plan, config: JobConfig) -> list[Record]:
    """Return a cell's records; one that cannot be read is no reason not to plan."""
    try:
        return find(plan.root / "results", config.cell)
    except RecordError:
        return []
