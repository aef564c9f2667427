"""The configurations that jobs read, as files: written by the run that starts the jobs, once it holds what they make.

Not while the Snakefile is read: a dry run reads it as well, and so does a run that Snakemake then refuses, beside a
living one whose queued jobs have yet to read theirs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from common.workflow import locks
from common.workflow.resolve import Plan


def write_for(plan: Plan, jobs: Iterable[Any]) -> None:
    """Write the configurations of Snakemake's jobs that are about to run; a disk that will not have one ends the run.

    Snakemake calls it when it holds its locks, and not on a cluster's nodes, where the files then lie already.
    """
    listed = [file for job in jobs for file in job.params.get("files", [])]
    files = [file for file in listed if Path(file).name == "config.json"]  # a paper's own rules may list others
    try:
        locks.note_run(Path.cwd(), files)
        for file in files:
            plan.write_job(*cell_of(file))
    except OSError as error:
        sys.exit(f"expunge: {error}")


def cell_of(file: str) -> tuple[str, str]:
    """Return paper and cell of a configuration's path, ``results/<scale>/<paper>/<experiment>/<variant>/…``."""
    paper, experiment, variant = Path(file).parts[-4:-1]
    return paper, f"{experiment}/{variant}"
