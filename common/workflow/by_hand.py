"""``resolve``: every cell's configuration as a file, for jobs that are run by hand."""

from __future__ import annotations

from common.workflow import locks
from common.workflow.config import ConfigError
from common.workflow.configurations import cell_of
from common.workflow.dag import listed
from common.workflow.resolve import Plan


def resolve(plan: Plan) -> int:
    """Write every cell's resolved configuration and say how to run it by hand.

    A configuration that differs and that a living run's jobs read is left alone: one line names the run.
    """
    jobs = [job for own in listed(plan) for job in own.trainings()]
    files = [file for job in jobs for file in job.files]
    for file, run in locks.awaited(plan.root).items():
        if file in files and plan.is_other(*cell_of(file)):
            raise ConfigError(
                f"{file}: jobs of a living run read it and it would change: {run}; wait for its end, or resolve in "
                "another checkout"
            )
    for file in files:
        plan.write_job(*cell_of(file))
    for job in jobs:
        print(f"python -m {job.module} {job.files[0]}")
    return 0
